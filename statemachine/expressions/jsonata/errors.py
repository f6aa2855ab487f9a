"""JsonataError: what goes wrong in parsing or evaluating, with the codes, positions and words of jsonata-js 2.0.6."""

from __future__ import annotations

from typing import Any


class JsonataError(Exception):
    """An error with a code (``D3020``, ``T0410``, ``S0203`` …).

    `position` counts UTF-16 code units from 0, as jsonata-js does; `token` is the token or function it is about;
    `value` and the further `fields` fill the message's template.
    """

    def __init__(
        self, code: str, *, position: int | None = None, token: Any = None, value: Any = None, **fields: Any
    ) -> None:
        super().__init__(code)
        self.code = code
        self.position = position
        self.token = token
        self.value = value
        self.fields = fields
