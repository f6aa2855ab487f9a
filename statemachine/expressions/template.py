"""Payload templates: Parameters, ResultSelector, ItemSelector, Assign and their like (states-language.net, "Payload
Template").

- A key that ends in ``.$`` holds a path or an intrinsic function; what it gives stands under the key without ``.$``.
- Every other value is data, whatever it looks like (fact jsonpath-parameters-plain-string-literal), but objects and
  arrays inside are templates again.
- Key order: in each object the data keys come first, in the order of the definition; then the computed ones in the
  order in which a Java HashMap lists them (seen in all recorded outputs that have two or more of them).
- A part that computes nothing is given out as it stands, shared and not copied.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from statemachine.expressions.base import Evaluate, ExpressionSyntaxError, PathNotFoundError, Values
from statemachine.expressions.java import hash_map_order
from statemachine.expressions.path_or_intrinsic import compile_expression, raise_missing
from statemachine.jsonvalue import Json

TemplatePath: TypeAlias = tuple[str | int, ...]
"""A place in a template: keys (with their ``.$``) and indexes from its root."""

_SUFFIX = ".$"


class Template(Struct, frozen=True):
    """A compiled payload template. `constant`: it computes nothing."""

    evaluate: Evaluate
    """Raises EvaluationError."""
    constant: bool


class TemplateSyntaxError(Exception):
    """Expressions of a template that are wrong: all of them, each with its place."""

    def __init__(self, errors: tuple[tuple[TemplatePath, ExpressionSyntaxError], ...]) -> None:
        super().__init__("\n".join(f"{'/'.join(map(str, path))}: {error}" for path, error in errors))
        self.errors = errors


def compile_template(value: Json) -> Template:
    """Compile a payload template. Raises TemplateSyntaxError with every mistake."""
    errors: list[tuple[TemplatePath, ExpressionSyntaxError]] = []
    evaluate = _compile(value, (), errors)
    if errors:
        raise TemplateSyntaxError(tuple(errors))
    if evaluate is None:
        return Template(lambda _: value, True)
    return Template(evaluate, False)


def _compile(
    value: Json, path: TemplatePath, errors: list[tuple[TemplatePath, ExpressionSyntaxError]]
) -> Evaluate | None:
    """A closure, or None for a value that computes nothing."""
    if isinstance(value, dict):
        return _compile_object(value, path, errors)
    if isinstance(value, list):
        return _compile_array(value, path, errors)
    return None


def _compile_object(
    value: dict[str, Json], path: TemplatePath, errors: list[tuple[TemplatePath, ExpressionSyntaxError]]
) -> Evaluate | None:
    data: dict[str, Json] = {}
    nested: list[tuple[str, Evaluate]] = []
    computed: dict[str, Evaluate] = {}
    for key, item in value.items():
        here = (*path, key)
        if key.endswith(_SUFFIX):
            try:
                if not isinstance(item, str):
                    raise ExpressionSyntaxError("A key that ends in '.$' holds a text", str(item)[:80])
                computed[key.removesuffix(_SUFFIX)] = compile_expression(item)
            except ExpressionSyntaxError as error:
                errors.append((here, error))
            continue
        inner = _compile(item, here, errors)
        data[key] = item
        if inner is not None:
            nested.append((key, inner))
    if not nested and not computed:
        return None
    fields = [(name, computed[name]) for name in hash_map_order(tuple(computed))]
    return _object(data, nested, fields)


def _object(data: dict[str, Json], nested: list[tuple[str, Evaluate]], fields: list[tuple[str, Evaluate]]) -> Evaluate:
    def computed_only(values: Values) -> Json:
        made: dict[str, Json] = {}
        name = ""
        try:
            for name, evaluate in fields:
                made[name] = evaluate(values)
        except PathNotFoundError as missing:
            raise_missing(name + _SUFFIX, missing, values)
        return made

    def mixed(values: Values) -> Json:
        made = data.copy()
        for name, evaluate in nested:
            made[name] = evaluate(values)
        made.update(computed_only(values))
        return made

    return mixed if data else computed_only


def _compile_array(
    value: list[Json], path: TemplatePath, errors: list[tuple[TemplatePath, ExpressionSyntaxError]]
) -> Evaluate | None:
    items: list[tuple[int, Evaluate]] = []
    for index, item in enumerate(value):
        inner = _compile(item, (*path, index), errors)
        if inner is not None:
            items.append((index, inner))
    if not items:
        return None

    def array(values: Values) -> Json:
        made = value.copy()
        for index, evaluate in items:
            made[index] = evaluate(values)
        return made

    return array
