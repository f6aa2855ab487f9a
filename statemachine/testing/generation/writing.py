"""Writes generated cases: YAML whose values are JSON, or JSON alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

_WIDTH: Final = 100
_BLOCKS: Final = ("mocks", "expect", "items")
"""Members of a case whose own members stand on lines of their own."""


def to_yaml(top: Mapping[str, Any], cases: Sequence[Mapping[str, Any]], comments: Sequence[str]) -> str:
    """A file of cases with comments at its top."""
    lines = [f"# {comment}".rstrip() for comment in comments]
    lines += [f"{key}: {_value(value, 0)}" for key, value in top.items()]
    lines.append("cases:")
    for case in cases:
        start = "  - "
        for key, value in case.items():
            if key in _BLOCKS and isinstance(value, dict) and value:
                lines.append(f"{start}{key}:")
                lines += [f"      {_word(name)}: {_value(each, 8)}" for name, each in value.items()]
            else:
                lines.append(f"{start}{key}: {_value(value, 6)}")
            start = "    "
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def to_json(top: Mapping[str, Any], cases: Sequence[Mapping[str, Any]]) -> str:
    """The same as JSON, which has no comments."""
    return json.dumps({**top, "cases": list(cases)}, indent=2, ensure_ascii=False) + "\n"


def _value(value: Any, indent: int) -> str:
    """JSON, which is YAML too: in one line if it is short."""
    text = _dump(value, None)
    if len(text) + indent <= _WIDTH:
        return text
    return _dump(value, 2).replace("\n", "\n" + " " * indent)


def _dump(value: Any, indent: int | None) -> str:
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return text if text.replace("\n", "").isprintable() else json.dumps(value, indent=indent)


def _word(name: str) -> str:
    """A key: in quotes unless it is a plain name that means nothing else in YAML."""
    plain = (
        name.isascii()
        and name.isidentifier()
        and name.lower() not in ("true", "false", "null", "yes", "no", "on", "off", "y", "n")
    )
    return name if plain else _dump(name, None)
