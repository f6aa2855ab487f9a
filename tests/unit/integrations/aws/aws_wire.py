"""A wire to AWS that ends here: what boto3 sends is kept, what it receives is made up."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore.awsrequest import AWSResponse


class _Raw(io.BytesIO):
    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        yield self.read()


@dataclass
class Wire:
    """Answers requests in order, and keeps them."""

    answers: list[tuple[int, dict[str, str], bytes] | Exception] = field(default_factory=list)
    sent: list[Any] = field(default_factory=list)

    def answer(self, body: object = b"", status: int = 200, headers: dict[str, str] | None = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers.append((status, headers or {"x-amzn-requestid": "request-1"}, data))

    def fail(self, error: Exception) -> None:
        self.answers.append(error)

    def body(self, index: int = -1) -> Any:
        return json.loads(self.sent[index].body)

    def receive(self, request: Any, **_: object) -> AWSResponse:
        self.sent.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, headers, data = answer
        return AWSResponse(request.url, status, headers, _Raw(data))
