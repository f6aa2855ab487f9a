"""A bound on the work of one evaluation.

A short path can visit a large document many times (``$..*..*``) and return more than it was given; AWS stops such a
state by its own limits, we by counting. Definite paths visit one node per step and need no budget.
"""

from __future__ import annotations

from statemachine.errors import RUNTIME, EvaluationError

MAX_VISITS = 1_000_000
"""Nodes that one evaluation may visit: about a second of work, and four times the nodes of AWS's largest payload."""


class Budget:
    """What one evaluation may still spend. Results cost as much as visits, so their number is bounded as well."""

    __slots__ = ("_left",)

    def __init__(self, visits: int = MAX_VISITS) -> None:
        self._left = visits

    def spend(self, visits: int) -> None:
        """Take `visits` off the budget. Raises EvaluationError (States.Runtime) when it is used up."""
        self._left -= visits
        if self._left < 0:
            raise EvaluationError(RUNTIME, f"The evaluation of a path visits more than {MAX_VISITS} values")
