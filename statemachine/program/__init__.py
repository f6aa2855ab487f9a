"""The compiled form of a definition: no expression text is left to parse, every name is resolved.

`compile_machine` turns the model into a `Program`, and every mistake in an expression into a diagnostic.
"""

from statemachine.program.compile import compile_machine
from statemachine.program.nodes import Program

__all__ = ["Program", "compile_machine"]
