"""The request and response of an HTTP task, which TRACE shows (developer guide, "TRACE inspectionLevel").

Both are as far as the state and its result say them: what the connection adds, secrets above all, is not known here.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode, urlsplit

from statemachine.jsonvalue import Json, encode_json
from statemachine.testing.teststate.inspection import Inspection


def show_http_exchange(inspection: Inspection, arguments: Json, result: Json) -> None:
    """Show what an ``http:invoke`` with these arguments sent, and what it got."""
    sent: dict[str, Any] = arguments if isinstance(arguments, dict) else {}
    got: dict[str, Any] = result if isinstance(result, dict) else {}
    endpoint = str(sent.get("ApiEndpoint", ""))
    query = sent.get("QueryParameters")
    if isinstance(query, dict) and query:
        endpoint += ("&" if urlsplit(endpoint).query else "?") + urlencode(query, doseq=True)
    protocol = urlsplit(endpoint).scheme
    inspection.note(
        "request",
        _present(
            protocol=protocol,
            method=sent.get("Method"),
            url=endpoint,
            headers=_text(sent.get("Headers")),
            body=_text(sent.get("RequestBody")),
        ),
    )
    status = got.get("StatusCode")
    inspection.note(
        "response",
        _present(
            protocol=protocol,
            statusCode=None if status is None else str(status),
            statusMessage=got.get("StatusText"),
            headers=_text(got.get("Headers")),
            body=_text(got.get("ResponseBody")),
        ),
    )


def _present(**members: Json) -> dict[str, Json]:
    return {name: value for name, value in members.items() if value is not None}


def _text(value: Json) -> str | None:
    return value if value is None or isinstance(value, str) else encode_json(value).decode()
