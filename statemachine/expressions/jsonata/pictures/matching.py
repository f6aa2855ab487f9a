"""Matching a text against the parts of a picture, from the last part to the first.

For each part and each start it is computed which end the part takes: the first in its order of preference from which
the later parts match up to the text's end. No part is tried twice at one place, so hostile pictures cost no more than
others.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from statemachine.expressions.jsonata.pictures.bounds import MAX_MATCH_WORK, require_at_most
from statemachine.expressions.jsonata.pictures.reading_parts import WORD_TOKENS, Part, Subject, Words

_NONE = -1


def match_parts(parts: Sequence[Part], text: str) -> list[str] | None:
    """The text of each part, or None if the whole does not match. Raises D1001 if both are very long."""
    require_at_most(len(parts) * (len(text) + 1), MAX_MATCH_WORK)
    subject = Subject(text)
    tokens = _token_ends(subject) if any(isinstance(part, Words) for part in parts) else []
    matches = [False] * len(text) + [True]
    taken: list[list[int]] = []
    for part in reversed(parts):
        chosen = _choose_words(tokens, matches) if isinstance(part, Words) else _choose(part, subject, matches)
        matches = [end != _NONE for end in chosen]
        taken.append(chosen)
    if not matches[0]:
        return None
    found = []
    start = 0
    for chosen in reversed(taken):
        end = chosen[start]
        found.append(text[start:end])
        start = end
    return found


def _choose(part: Part, subject: Subject, matches: list[bool]) -> list[int]:
    assert not isinstance(part, Words)
    last_match = []
    latest = _NONE
    for position, is_match in enumerate(matches):
        if is_match:
            latest = position
        last_match.append(latest)
    chosen = []
    for start in range(len(matches)):
        ends = (last_match[highest] for lowest, highest in part.ends(subject, start) if last_match[highest] >= lowest)
        chosen.append(next(ends, _NONE))
    return chosen


def _choose_words(tokens: list[list[int]], matches: list[bool]) -> list[int]:
    """A word more is preferred to the end of the part, and an earlier token to a later one."""
    further = [_NONE] * len(matches)
    chosen = list(further)
    for start in range(len(matches) - 1, -1, -1):
        after_token = (further[end] for end in tokens[start] if further[end] != _NONE)
        chosen[start] = next(after_token, _NONE)
        further[start] = chosen[start] if chosen[start] != _NONE else start if matches[start] else _NONE
    return chosen


def _token_ends(subject: Subject) -> list[list[int]]:
    """For each position, the ends of the words that begin there."""
    begins = partial(subject.text.startswith)
    return [
        [start + len(token) for token in WORD_TOKENS if begins(token, start)] for start in range(len(subject.text) + 1)
    ]
