"""What a handler may return, and what its failure may say.

Rules
- A result is plain JSON data: dict with string keys, list, str, int, float, bool, None, of exactly these types. Nothing
  is converted silently: a tuple, a set, a datetime, NaN or a subclass is refused with its place.
- Handlers never share data with the engine: documents are immutable there, while a function may well change its input
  or keep its result. Both are copied.
- Error names and causes are bounded as AWS bounds them (API reference, SendTaskFailure: 256 and 32,768 characters).
"""

from __future__ import annotations

import marshal  # in memory only: the fastest copy of plain data there is
import math
from collections.abc import Callable, Iterator
from typing import Final

from statemachine.errors import DATA_LIMIT_EXCEEDED, TaskError
from statemachine.jsonvalue import MAX_DEPTH, Json

MAX_ERROR_CHARS: Final = 256
MAX_CAUSE_CHARS: Final = 32_768
MAX_RESULT_BYTES: Final = 16 * 1024 * 1024
"""What a process or a server may send before it is cut off. The execution's own limit is checked by the kernel."""

_HINTS: Final = {
    "tuple": "return a list",
    "set": "return a list",
    "frozenset": "return a list",
    "bytes": "decode it",
    "datetime": "return its isoformat()",
    "date": "return its isoformat()",
    "Decimal": "return an int, a float or a str",
    "UUID": "return its str()",
}


def copy_json(value: Json) -> Json:
    """A copy that shares no container with `value`, which must be plain JSON data."""
    if isinstance(value, dict | list):
        return marshal.loads(marshal.dumps(value, 2))  # noqa: S302 - version 2 keeps no shared references
    return value


def find_fault(value: object, max_depth: int = MAX_DEPTH) -> str | None:
    """Why `value` is not plain JSON data, with the place, such as ``$.items[2]: a tuple is not JSON (return a list)``.

    None if it is. Depth is bounded, so that a list that contains itself is found out.
    """
    pending: list[tuple[object, _Place | None, int]] = [(value, None, 0)]
    while pending:
        item, place, depth = pending.pop()
        kind = type(item)
        if item is None or kind is str or kind is bool or kind is int:
            continue
        if kind is float:
            assert isinstance(item, float)
            if not math.isfinite(item):
                return f"{_render(place)}: {item} is not a JSON number"
        elif kind is dict or kind is list:
            if depth == max_depth:
                return f"nested deeper than {max_depth} levels"
            for key, child in _children(item):
                if type(key) is not str and kind is dict:
                    return f"{_render(place)}: the key {key!r:.80} is not a string"
                pending.append((child, (place, key), depth + 1))
        else:
            name = kind.__name__
            hint = next((_HINTS[each.__name__] for each in kind.__mro__ if each.__name__ in _HINTS), None)
            return f"{_render(place)}: a {name} is not JSON{f' ({hint})' if hint else ''}"
    return None


_Place = tuple["_Place | None", object]


def _children(container: object) -> Iterator[tuple[object, object]]:
    if isinstance(container, dict):
        return iter(container.items())
    assert isinstance(container, list)
    return iter(enumerate(container))


def _render(place: _Place | None) -> str:
    parts: list[str] = []
    while place is not None:
        place, key = place
        parts.append(f"[{key}]" if isinstance(key, int) else f".{key}")
    return "$" + "".join(reversed(parts))


def bounded(error: TaskError) -> TaskError:
    """The same failure within AWS's lengths; texts that are none are made so."""
    name, cause = str(error.error), None if error.cause is None else str(error.cause)
    short = len(name) <= MAX_ERROR_CHARS and len(cause or "") <= MAX_CAUSE_CHARS
    if short and name == error.error and cause == error.cause:
        return error
    return TaskError(name[:MAX_ERROR_CHARS], None if cause is None else cause[:MAX_CAUSE_CHARS])


def fitting(render: Callable[[str], str], text: str, *, keep_end: bool = False) -> str:
    """`render(text)`, with only as much of the text (its beginning, or its end) as a cause has room for."""
    text = text[-MAX_CAUSE_CHARS:] if keep_end else text[:MAX_CAUSE_CHARS]
    while (excess := len(render(text)) - MAX_CAUSE_CHARS) > 0 and text:
        cut = min(len(text), -(-excess // 6))  # JSON writes up to six characters for one
        text = text[cut:] if keep_end else text[: len(text) - cut]
    return render(text)


def message_of(error: BaseException) -> str:
    """`str(error)`, whatever that does."""
    try:
        return str(error)
    except Exception as broken:  # noqa: BLE001 - the class is a user's, and so is its __str__
        return f"<{type(error).__name__}: its message failed with {type(broken).__name__}>"


def too_large(task: str) -> TaskError:
    """The failure of a task that sent more than MAX_RESULT_BYTES, in AWS's words (recorded data limit errors)."""
    cause = (
        f"The state/task '{task}' returned a result with a size exceeding the maximum number of bytes service limit."
    )
    return TaskError(DATA_LIMIT_EXCEEDED, cause)
