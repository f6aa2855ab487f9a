"""Warnings: what AWS accepts and is probably wrong. Runs on definitions that have no errors.

Each analysis is a module that goes from the model to findings: `handlers`, `choices` and `timeouts` look at one state,
`variables`, `documents` (with `interpreter`, `flows` and `shapes`) and `histories` follow the ways between states.

Rules
- A warning is true of the definition as it is written, whatever the input; what is not certain is not said.
- All work is bounded: a definition is at most AWS's size, and what needs more than a linear pass has a budget.
"""

from statemachine.program.analysis.analyse import analyse

__all__ = ["analyse"]
