"""What was probably meant by a word that is not known.

Rules
- To compare words costs far more than any other check, and a definition may have thousands of mistakes and thousands
  of names that each may stand for: a check has one `Suggestions`, whose work is bounded. The first mistakes get their
  suggestions; when the work is done the others get none, and are reported all the same (a
  warning that is no more than a suspicion is not).
- A long word is no typing error of another: it is not compared.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

CUTOFF: Final = 0.75
"""How alike two words are, from 0 to 1, if one is meant by the other."""
WORD_MAX: Final = 128
"""Characters of the words that are compared."""
WORK: Final = 40_000_000
"""What one check may cost, in `_cost`: about half a second."""

_PER_NAME: Final = 10
_PER_COMPARISON: Final = 200


class Suggestions:
    """Finds what was meant, as long as `work` lasts."""

    def __init__(self, work: int = WORK) -> None:
        self._left = work

    def closest(self, word: str, known: Iterable[str]) -> str | None:
        """The known word that was probably meant; None if there is none, or too much has been compared before."""
        if self._left <= 0 or len(word) > WORD_MAX:
            return None
        by_lower = {each.lower(): each for each in known}
        alike = [each for each in by_lower if _may_be(len(word), len(each))]
        self._left -= _cost(len(word), len(by_lower), alike)
        if not alike or self._left < 0:
            return None
        from difflib import get_close_matches

        matches = get_close_matches(word.lower(), alike, n=1, cutoff=CUTOFF)
        return by_lower[matches[0]] if matches else None

    def sentence(self, word: str, known: Iterable[str], prefix: str = "") -> str | None:
        """The suggestion as a finding has it; `prefix` is what stands before the word where it is used."""
        meant = self.closest(word, known)
        return f"did you mean `{prefix}{meant}`?" if meant else None


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant, where there is one question only."""
    return Suggestions().closest(word, known)


def _may_be(length: int, other: int) -> bool:
    """Whether words of these lengths can be alike: the most that they have in common is the shorter one."""
    return 2 * min(length, other) >= CUTOFF * (length + other)


def _cost(length: int, names: int, alike: list[str]) -> int:
    """At worst, every character of a word is compared with every one of another."""
    return _PER_NAME * names + sum(_PER_COMPARISON + length * len(each) for each in alike)
