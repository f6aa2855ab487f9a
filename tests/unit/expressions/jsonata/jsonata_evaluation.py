"""Shorthands for evaluating an expression in a test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from statemachine.expressions.jsonata import Environment, JsonataError, Limits, compile_jsonata, error_message
from statemachine.expressions.jsonata.functions import FUNCTIONS


def evaluate(
    text: str, input: Any = None, *, limits: Limits | None = None, functions: Any = FUNCTIONS, **bindings: Any
) -> Any:
    """The value of a text."""
    limits = limits or Limits()
    environment = Environment(now_ms=0, random=lambda: 0.5, uuid=lambda: "uuid", limits=limits)
    values: Mapping[str, Any] = bindings
    return compile_jsonata(text, functions=functions, limits=limits).evaluate(input, values, environment)


def failure(text: str, input: Any = None, **options: Any) -> tuple[str, str]:
    """The code and message of the error that evaluating a text raises."""
    try:
        value = evaluate(text, input, **options)
    except JsonataError as error:
        return error.code, error_message(error)
    raise AssertionError(f"no error but {value!r:.200}")
