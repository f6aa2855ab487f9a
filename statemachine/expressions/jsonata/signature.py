"""Function signatures such as `<s-(sf)n?:a<s>>`: parsed once, and checked here for all functions and lambdas.

Rules
- Each argument is one letter (s n b l a o f, m for nothing); the parameters are a regular expression over letters.
- So what a list of letters means is worked out once and kept: a `_Plan`.
- A parameter with `-` that is left out takes the context; one of type `a` takes a single value as an array of it.
- Errors: S0401, S0402 in the signature; T0410, T0411, T0412 in the arguments.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct

from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.sequences import UNDEFINED, Function, Value

_PLURALS: Final = {
    "a": "arrays",
    "b": "booleans",
    "f": "functions",
    "n": "numbers",
    "o": "objects",
    "s": "strings",
}
_LETTERS: Final[dict[type, str]] = {
    str: "s",
    int: "n",
    float: "n",
    bool: "b",
    type(None): "l",
    list: "a",
    dict: "o",
    type(UNDEFINED): "m",
}
_CLASSES: Final = {
    **{letter: f"[{letter}m]" for letter in "snblo"},
    "a": "[asnblfom]",
    "f": "f",
    "j": "[asnblom]",
    "x": "[asnblfom]",
}


_DOUBLED: Final = re.compile(r"[-?+]{2}")


def letter(value: Value) -> str:
    """The letter of a value's type."""
    found = _LETTERS.get(type(value))
    if found is not None:
        return found
    return "f" if isinstance(value, Function) else "a"


class _Parameter(Struct):
    type: str = ""
    pattern: str = ""
    context_letters: str | None = None
    subtype: str | None = None


class _Plan(Struct, frozen=True):
    """What to do with arguments of given letters: for each parameter the letters that it took."""

    taken: tuple[str, ...]
    plain: bool
    """No context and no arrays to make or check: the arguments go in as they are."""


class Signature:
    """A parsed signature. `text` includes the angle brackets."""

    __slots__ = ("_parameters", "_pattern", "_plan", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._parameters = tuple(_parse(text))
        self._pattern: re.Pattern[str] | None = None
        if _DOUBLED.search(text):
            self._letters_pattern()  # may be no regular expression
        self._plan = lru_cache(maxsize=64)(self._make_plan)

    def validate(self, arguments: list[Any], context: Value) -> list[Any]:
        """The arguments as the function takes them. Raises JsonataError (T0410, T0411, T0412)."""
        plan = self._plan("".join([_LETTERS.get(type(value)) or letter(value) for value in arguments]))
        if plan is None:
            raise self._mismatch(arguments)
        return arguments if plan.plain else self._apply(plan, arguments, context)

    def _letters_pattern(self) -> re.Pattern[str]:
        """Made when first needed: most functions of the library are never called."""
        if self._pattern is None:
            groups = "".join(f"({parameter.pattern})" for parameter in self._parameters)
            try:
                self._pattern = re.compile(groups + r"\Z")
            except re.error:
                raise JsonataError("S0401", value=self.text, offset=0) from None
        return self._pattern

    def _make_plan(self, letters: str) -> _Plan | None:
        match = self._letters_pattern().match(letters)
        if match is None:
            return None
        taken = match.groups()
        plain = all(part and "a" not in parameter.type for part, parameter in zip(taken, self._parameters, strict=True))
        return _Plan(taken, plain and sum(map(len, taken)) == len(letters))

    def _apply(self, plan: _Plan, arguments: list[Any], context: Value) -> list[Any]:
        result: list[Any] = []
        at = 0
        for parameter, taken in zip(self._parameters, plan.taken, strict=True):
            if taken:
                for single in taken:
                    value = arguments[at]
                    at += 1
                    result.append(_as_array(value, single, taken, parameter, at) if parameter.type == "a" else value)
            elif parameter.context_letters is not None:
                if letter(context) not in parameter.context_letters:
                    raise JsonataError("T0411", value=context, index=at + 1)
                result.append(context)
            else:
                result.append(arguments[at] if at < len(arguments) else UNDEFINED)
                at += 1
        return result

    def _mismatch(self, arguments: list[Any]) -> JsonataError:
        letters = "".join(map(letter, arguments))
        pattern, good = "", 0
        for parameter in self._parameters:
            pattern += parameter.pattern
            match = re.match(pattern, letters)
            if match is None:
                break
            good = match.end()
        value = arguments[good] if good < len(arguments) else UNDEFINED
        return JsonataError("T0410", value=value, index=good + 1)


def _as_array(value: Value, single: str, taken: str, parameter: _Parameter, index: int) -> Value:
    if single == "m":
        return UNDEFINED
    subtype = parameter.subtype
    if subtype is not None and not (_all_of_type(value, subtype[0:1]) if single == "a" else taken == subtype):
        raise JsonataError("T0412", value=value, index=index, type=_PLURALS.get(subtype, UNDEFINED))
    return value if single == "a" else [value]


def _all_of_type(members: list[Any], wanted: str) -> bool:
    return all((_LETTERS.get(type(member)) or letter(member)) == wanted for member in members)


def _parse(text: str) -> list[_Parameter]:
    parameters: list[_Parameter] = []
    previous = _Parameter()
    at = 1
    while at < len(text) and text[at] != ":":
        symbol = text[at]
        if symbol in _CLASSES:
            previous = _Parameter(symbol, _CLASSES[symbol])
            parameters.append(previous)
        elif symbol == "-":
            previous.context_letters = previous.pattern.strip("[]?+")
            previous.pattern += "?"
        elif symbol in "?+":
            previous.pattern += symbol
        elif symbol == "(":
            end = _closing(text, at, "(", ")")
            previous = _choice(text[at + 1 : end], at)
            parameters.append(previous)
            at = end
        elif symbol == "<":
            if previous.type not in ("a", "f"):
                raise JsonataError("S0401", value=previous.type, offset=at)
            end = _closing(text, at, "<", ">")
            previous.subtype = text[at + 1 : end]
            at = end
        at += 1
    return parameters


def _choice(choice: str, offset: int) -> _Parameter:
    if "<" in choice:
        raise JsonataError("S0402", value=choice, offset=offset)
    letters = "".join(symbol for symbol in choice if symbol in "asnblfojx")
    return _Parameter(f"({choice})", f"[{letters}m]")


def _closing(text: str, start: int, opening: str, closing: str) -> int:
    depth = 1
    for at in range(start + 1, len(text)):
        if text[at] == closing:
            depth -= 1
            if depth == 0:
                return at
        elif text[at] == opening:
            depth += 1
    return len(text)
