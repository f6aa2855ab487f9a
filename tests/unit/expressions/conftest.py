"""Values to evaluate expressions with."""

from collections.abc import Callable
from typing import Any

import pytest

from statemachine.expressions.base import Values


class CountedDraws:
    """Chance that counts: every draw is one more than the last."""

    def __init__(self) -> None:
        self.drawn = 0

    def uuid(self) -> str:
        self.drawn += 1
        return f"00000000-0000-4000-8000-{self.drawn:012d}"

    def below(self, bound: int) -> int:
        self.drawn += 1
        return self.drawn % bound

    def fraction(self) -> float:
        self.drawn += 1
        return 1 / (self.drawn + 1)


@pytest.fixture(scope="session")
def make_values() -> Callable[..., Values]:
    def make(input: Any = None, *, context: Any = None, **variables: Any) -> Values:
        return Values(input, lambda: context, variables, CountedDraws())

    return make
