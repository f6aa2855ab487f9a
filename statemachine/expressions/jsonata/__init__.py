"""JSONata 2.0.6: text to a compiled expression, and its value.

Rules
- `compile_jsonata` reads a text once; `CompiledJsonata.evaluate` is a pure function of its arguments.
- Every failure is a `JsonataError`; `error_message` has the original's words for it.
- Nothing is unbounded: see `Limits`.
"""

from statemachine.expressions.jsonata.compiled import CompiledJsonata, compile_jsonata, is_function, references
from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.limits import DEFAULT_LIMITS, Environment, Limits
from statemachine.expressions.jsonata.messages import error_message
from statemachine.expressions.jsonata.references import Reference, References
from statemachine.expressions.jsonata.sequences import UNDEFINED

__all__ = [
    "DEFAULT_LIMITS",
    "UNDEFINED",
    "CompiledJsonata",
    "Environment",
    "JsonataError",
    "Limits",
    "Reference",
    "References",
    "compile_jsonata",
    "error_message",
    "is_function",
    "references",
]
