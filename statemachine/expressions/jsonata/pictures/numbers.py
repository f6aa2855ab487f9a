"""$formatNumber and $formatBase: decimal format pictures (XPath F&O 3.1, section 4.7).

A picture is one or two sub-pictures (the second for negative numbers). A sub-picture is a passive prefix, an active
part and a passive suffix; the active part is an integer part, a fractional part and an exponent. All is counted in
UTF-16 code units.

jsonata-js never returns when an exponent is asked for and the number is not positive. Here the magnitude is scaled, and
zero has the exponent 0, as the XPath specification says.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.pictures.bounds import (
    MAX_FRACTION_DIGITS,
    MAX_PICTURE_LENGTH,
    out_of_range,
    require_at_most,
)
from statemachine.expressions.jsonata.pictures.ecmascript import (
    as_number,
    code_units,
    fixed,
    from_code_units,
    number_text,
    power_of_ten,
    remainder,
    round_half_even,
)
from statemachine.expressions.jsonata.pictures.integers import regular_interval

# Our name of a symbol: its name among the options, and its default. Infinity and NaN have names too, but no effect.
_OPTIONS = {
    "decimal": ("decimal-separator", "."),
    "grouping": ("grouping-separator", ","),
    "exponent": ("exponent-separator", "e"),
    "minus": ("minus-sign", "-"),
    "percent": ("percent", "%"),
    "per_mille": ("per-mille", "\u2030"),
    "zero": ("zero-digit", "0"),
    "optional": ("digit", "#"),
    "pattern": ("pattern-separator", ";"),
}
_BASE_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def format_number(value: float, picture: str, options: Mapping[str, Any] | None = None) -> str:
    """`value` by a decimal format picture; `options` replace symbols of the default decimal format by name.

    Raises D3080 to D3093 for a wrong picture, T0410 for a symbol that is no text, D1001 for a bound or an infinite
    number with an exponent.
    """
    require_at_most(len(picture), MAX_PICTURE_LENGTH)
    symbols = _Symbols.of(options or {})
    units = code_units(picture)
    sub_pictures = units.split(symbols.pattern) if symbols.pattern else list(units)
    if len(sub_pictures) > 2:
        raise JsonataError("D3080")
    parts = [_Parts.of(sub_picture, symbols) for sub_picture in sub_pictures]
    for part in parts:
        _validate(part, symbols)
    variables = [_Variables.of(part, symbols) for part in parts]
    number = as_number(value)
    if number >= 0:
        chosen = variables[0]
    elif len(variables) == 2:
        chosen = variables[1]
    else:
        chosen = replace(variables[0], prefix=symbols.minus + variables[0].prefix)
    return from_code_units(_write(number, chosen, symbols))


def format_base(value: float, radix: float = 10) -> str:
    """`value`, rounded to an integer, in base `radix` (2 to 36, rounded too). Raises D3100 for another radix."""
    base = round_half_even(as_number(radix))
    if not 2 <= base <= 36:
        raise JsonataError("D3100", value=base)
    number = round_half_even(as_number(value))
    if base == 10 or not math.isfinite(number):
        return number_text(number)
    magnitude = abs(number)
    digits = []
    # Digits that a double cannot tell are zeros. Where this begins is not in any specification: it is V8's way.
    while magnitude >= base * 2**53:
        magnitude /= base
        digits.append("0")
    while True:
        digit = remainder(magnitude, base)
        digits.append(_BASE_DIGITS[int(digit)])
        magnitude = (magnitude - digit) / base
        if magnitude <= 0:
            break
    return ("-" if number < 0 else "") + "".join(reversed(digits))


class _Symbols(Struct, frozen=True):
    decimal: str
    grouping: str
    exponent: str
    minus: str
    percent: str
    per_mille: str
    zero: str
    optional: str
    pattern: str
    digits: tuple[str, ...]
    """Zero to nine; none if the zero is the empty text."""

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> _Symbols:
        chosen = {}
        for name, (option, default) in _OPTIONS.items():
            symbol = options.get(option, default)
            if not isinstance(symbol, str):
                raise JsonataError("T0410", token="formatNumber", value=symbol)  # noqa: S106 a function's name
            require_at_most(len(symbol), MAX_PICTURE_LENGTH)
            chosen[name] = code_units(symbol)
        zero = chosen["zero"][:1]
        digits = tuple(chr((ord(zero) + index) & 0xFFFF) for index in range(10)) if zero else ()
        return cls(**chosen, digits=digits)

    def is_active(self, char: str) -> bool:
        return char in self.digits or char in (
            self.decimal,
            self.exponent,
            self.grouping,
            self.optional,
            self.pattern,
        )

    def count_digits(self, text: str) -> int:
        return sum(char in self.digits for char in text)

    def count_places(self, text: str) -> int:
        return self.places_before(text)[-1]

    def places_before(self, text: str) -> list[int]:
        """For each position, its end included, how many digits and optional digits stand before it."""
        return [0, *accumulate(int(char in self.digits or char == self.optional) for char in text)]


class _Parts(Struct, frozen=True):
    """A sub-picture, cut up. `exponent` is None where there is none."""

    picture: str
    prefix: str
    suffix: str
    active: str
    mantissa: str
    integer: str
    fraction: str
    exponent: str | None

    @classmethod
    def of(cls, picture: str, symbols: _Symbols) -> _Parts:
        ends = [index for index, char in enumerate(picture) if symbols.is_active(char) and char != symbols.exponent]
        # Without any active character the original fails without a code, and AWS answers D3086
        # (fact jsonata-formatnumber-bad-picture): so all of it counts as the active part.
        start, end = (ends[0], ends[-1] + 1) if ends else (0, len(picture))
        active = picture[start:end]
        exponent_at = picture.find(symbols.exponent, start)
        exponent: str | None = None
        mantissa = active
        if exponent_at != -1 and exponent_at <= end:
            # The position is one in the sub-picture but is used in the active part: after a prefix, an exponent is
            # therefore cut at the wrong place, as in the original.
            mantissa, exponent = active[:exponent_at], active[exponent_at + 1 :]
        decimal_at = mantissa.find(symbols.decimal)
        if decimal_at == -1:
            integer, fraction = mantissa, picture[end:]
        else:
            integer, fraction = mantissa[:decimal_at], mantissa[decimal_at + 1 :]
        return cls(picture, picture[:start], picture[end:], active, mantissa, integer, fraction, exponent)


def _validate(parts: _Parts, symbols: _Symbols) -> None:
    """F&O 4.7.3. All rules are looked at, and of several broken ones the last is reported."""
    broken = None
    for code, is_broken in _broken_rules(parts, symbols):
        if is_broken:
            broken = code
    if broken is not None:
        raise JsonataError(broken)


def _broken_rules(parts: _Parts, symbols: _Symbols) -> list[tuple[str, bool]]:
    picture = parts.picture
    has_percent = symbols.percent in picture
    has_per_mille = symbols.per_mille in picture
    decimal_at = picture.find(symbols.decimal)
    around_decimal = (picture[max(decimal_at - 1, 0) : max(decimal_at, 0)], picture[decimal_at + 1 : decimal_at + 2])
    before_optional = parts.integer.partition(symbols.optional)[0] if symbols.optional else ""
    last_optional = parts.fraction.rfind(symbols.optional)
    exponent = parts.exponent
    return [
        ("D3081", _occurs_twice(picture, symbols.decimal)),
        ("D3082", _occurs_twice(picture, symbols.percent)),
        ("D3083", _occurs_twice(picture, symbols.per_mille)),
        ("D3084", has_percent and has_per_mille),
        ("D3085", symbols.count_places(parts.mantissa) == 0),
        ("D3086", not all(map(symbols.is_active, parts.active))),
        ("D3087", decimal_at != -1 and symbols.grouping in around_decimal),
        ("D3088", decimal_at == -1 and parts.integer[-1:] == symbols.grouping),
        ("D3089", symbols.grouping * 2 in picture),
        ("D3090", before_optional != parts.integer and symbols.count_digits(before_optional) > 0),
        ("D3091", last_optional != -1 and symbols.count_digits(parts.fraction[last_optional:]) > 0),
        ("D3092", bool(exponent) and (has_percent or has_per_mille)),
        ("D3093", exponent is not None and not (exponent and symbols.count_digits(exponent) == len(exponent))),
    ]


def _occurs_twice(text: str, symbol: str) -> bool:
    return text.find(symbol) != text.rfind(symbol)


class _Variables(Struct, frozen=True):
    """What F&O 4.7.4 takes from a sub-picture: sizes count digits, positions count digits from the decimal point."""

    picture: str
    prefix: str
    suffix: str
    integer_positions: tuple[int, ...]
    interval: int
    fraction_positions: tuple[int, ...]
    integer_min: int
    scaling: int
    fraction_min: int
    fraction_max: int
    exponent_min: int

    @classmethod
    def of(cls, parts: _Parts, symbols: _Symbols) -> _Variables:
        integer_min = scaling = symbols.count_digits(parts.integer)
        fraction_min = symbols.count_digits(parts.fraction)
        fraction_max = symbols.count_places(parts.fraction)
        has_exponent = parts.exponent is not None
        if integer_min == 0 and fraction_max == 0:
            if has_exponent:
                fraction_min = fraction_max = 1
            else:
                integer_min = 1
        if has_exponent and integer_min == 0 and symbols.optional in parts.integer:
            integer_min = 1
        if integer_min == 0 and fraction_min == 0:
            fraction_min = 1
        integer_cuts = _grouping_cuts(parts.integer, parts.integer, symbols.grouping)
        fraction_cuts = _grouping_cuts(parts.fraction, parts.integer, symbols.grouping)
        integer_places = symbols.places_before(parts.integer)
        integer_positions = [integer_places[-1] - integer_places[cut] for cut in integer_cuts]
        fraction_places = symbols.places_before(parts.fraction)
        require_at_most(fraction_max, MAX_FRACTION_DIGITS)
        return cls(
            picture=parts.picture,
            prefix=parts.prefix,
            suffix=parts.suffix,
            integer_positions=tuple(integer_positions),
            interval=regular_interval(integer_positions) if integer_positions else 0,
            fraction_positions=tuple(fraction_places[min(cut, len(parts.fraction))] for cut in fraction_cuts),
            integer_min=integer_min,
            scaling=scaling,
            fraction_min=fraction_min,
            fraction_max=fraction_max,
            exponent_min=symbols.count_digits(parts.exponent or ""),
        )


def _grouping_cuts(part: str, integer: str, separator: str) -> list[int]:
    """Where the separators stand. After the first, the original looks on in the integer part, whatever the part is."""
    cuts = []
    cut = part.find(separator)
    while cut != -1:
        cuts.append(cut)
        cut = integer.find(separator, cut + 1)
    return cuts


def _write(value: float, variables: _Variables, symbols: _Symbols) -> str:
    """F&O 4.7.5, in its order: scale, round, pad, group, add the exponent."""
    if symbols.percent in variables.picture:
        value *= 100
    elif symbols.per_mille in variables.picture:
        value *= 1000
    exponent: int | None = None
    if variables.exponent_min:
        value, exponent = _scale(value, variables.scaling)
    digits = _digits(round_half_even(value, variables.fraction_max), variables.fraction_max, symbols)
    whole, point, fraction = digits.partition(".")
    text = whole + (symbols.decimal if point else "") + fraction if point else digits + symbols.decimal
    text = _pad(_strip_zeros(text, symbols.zero), variables, symbols)
    text = _group(text, variables, symbols)
    if symbols.decimal not in variables.picture or text.find(symbols.decimal) == len(text) - 1:
        text = text[:-1]
    if exponent is not None:
        written = _digits(float(exponent), 0, symbols)
        missing = variables.exponent_min - len(written)
        sign = symbols.minus if exponent < 0 else ""
        text += symbols.exponent + sign + symbols.zero * missing + written
    return variables.prefix + text + variables.suffix


def _scale(value: float, scaling: int) -> tuple[float, int]:
    """Mantissa and exponent: the mantissa's integer part has `scaling` digits."""
    if math.isinf(value):
        raise out_of_range(value)
    mantissa = abs(value)
    exponent = 0
    if mantissa == 0:
        return mantissa, exponent
    smallest, largest = power_of_ten(scaling - 1), power_of_ten(scaling)
    while mantissa < smallest and not math.isinf(mantissa):
        mantissa *= 10
        exponent -= 1
    while mantissa > largest:
        mantissa /= 10
        exponent += 1
    return mantissa, exponent


def _digits(value: float, places: int, symbols: _Symbols) -> str:
    text = fixed(abs(value), places)
    if symbols.zero == "0":
        return text
    return text.translate({0x30 + index: digit for index, digit in enumerate(symbols.digits or [""] * 10)})


def _strip_zeros(text: str, zero: str) -> str:
    # A zero digit of several code units is never found, as in the original.
    return text.strip(zero) if len(zero) == 1 else text


def _pad(text: str, variables: _Variables, symbols: _Symbols) -> str:
    point = text.find(symbols.decimal)
    left = variables.integer_min - point
    right = variables.fraction_min - (len(text) - point - 1)
    return symbols.zero * left + text + symbols.zero * right


def _group(text: str, variables: _Variables, symbols: _Symbols) -> str:
    point = text.find(symbols.decimal)
    if variables.interval:
        for count in range(1, (point - 1) // variables.interval + 1):
            cut = point - count * variables.interval
            text = text[:cut] + symbols.grouping + text[cut:]
    else:
        for position in variables.integer_positions:
            cut = point - position
            text = text[:cut] + symbols.grouping + text[cut:]
            point += 1
    point = text.find(symbols.decimal)
    for position in variables.fraction_positions:
        cut = point + position + 1
        text = text[:cut] + symbols.grouping + text[cut:]
    return text
