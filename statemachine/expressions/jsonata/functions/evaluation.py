"""`$eval`: text as an expression, evaluated where the call stands."""

from __future__ import annotations

from typing import Final

from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.functions.rows import Row
from statemachine.expressions.jsonata.runtime import Frame, Runtime
from statemachine.expressions.jsonata.sequences import UNDEFINED, OuterWrapper, Sequence, Value


def evaluate(runtime: Runtime, text: Value, focus: Value) -> Value:
    """`$eval`. Raises JsonataError (D3120 for its syntax, D3121 for its evaluation); bounds raise as everywhere."""
    from statemachine.expressions.jsonata.compile import compile_tree
    from statemachine.expressions.jsonata.compile.scope import ANY_NAME
    from statemachine.expressions.jsonata.messages import error_message
    from statemachine.expressions.jsonata.parser import parse
    from statemachine.expressions.jsonata.resolve import resolve

    if text is UNDEFINED:
        return UNDEFINED
    input, frame = runtime.site
    depth = runtime.depth
    if focus is not UNDEFINED:
        input = OuterWrapper([focus]) if isinstance(focus, list) and not isinstance(focus, Sequence) else focus
    runtime.step(1 + len(text))
    try:
        code = compile_tree(resolve(parse(text, runtime.limits)), runtime.limits.depth, (ANY_NAME,))
    except JsonataError as error:
        raise JsonataError("D3120", value=error_message(error)) from error
    outer = frame if frame is not None else Frame(runtime.bindings, None, 0, runtime)
    try:
        return code.evaluate(input, Frame(outer.variables, outer.parent, depth, runtime))
    except JsonataError as error:
        if error.code.startswith("U"):
            raise
        raise JsonataError("D3121", value=error_message(error)) from error


ROWS: Final[tuple[Row, ...]] = (("eval", evaluate, "<sx?:x>", 2),)
