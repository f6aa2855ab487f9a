"""How data flows through a state: the seam between the interpreter and the two query languages.

The kernel knows only `DataFlow`: what the state's work is given, what its result becomes, what a catcher passes on. A
query language is one implementation; no state module asks which.

JSONPath (states-language.net, "Input and Output Processing"): raw input → InputPath → Parameters → work →
ResultSelector → ResultPath into the raw input → OutputPath. Measured details:
- InputPath null and OutputPath null give {} (facts jsonpath-inputpath-null, jsonpath-outputpath-null);
- all paths and Assign see the variables as they were on entry (facts jsonpath-passresult-then-assign-order,
  assign-sees-old-values);
- in Assign ``$`` is the state's result, not its output (fact assign-from-result-not-output);
- a catcher's ResultPath writes into the raw input, and the state's own OutputPath is not applied (facts
  catch-resultpath-keeps-input, catch-output-ignores-outputpath).
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from msgspec import Struct

from statemachine.errors import RUNTIME, EvaluationError
from statemachine.expressions.base import Evaluate, PathNotFoundError, Values
from statemachine.jsonvalue import Json


class Exit(NamedTuple):
    """What a state leaves behind: its output, and the variables it assigns (None: no Assign)."""

    output: Json
    assigned: dict[str, Json] | None


class DataFlow(Protocol):
    """One state's data flow in its query language. `values.input` is the raw input throughout.

    Every method may raise EvaluationError.
    """

    def effective_input(self, values: Values) -> Json:
        """What the state sees as its input."""

    def arguments(self, values: Values, effective_input: Json) -> Json:
        """What the state's work is given."""

    def exit(self, values: Values, result: Json) -> Exit:
        """The state's output and assignments once its work gave `result`."""


class CatchFlow(Protocol):
    """A catcher's data flow."""

    def exit(self, values: Values, error_output: Json) -> Exit:
        """The output and assignments when the catcher takes over with ``{"Error": …, "Cause": …}``."""


class Write(Protocol):
    """A ResultPath."""

    def write(self, document: Json, value: Json) -> Json:
        """A document like `document` with `value` at the path."""


def follow(path: Evaluate, values: Values) -> Json:
    """The value of an InputPath, OutputPath or ItemsPath; a path that leads nowhere is States.Runtime in the words
    of fact jsonpath-missing-inputpath-cause."""
    try:
        return path(values)
    except PathNotFoundError as missing:
        raise EvaluationError(RUNTIME, str(missing)) from None


class Discard:
    """ResultPath null: the result is dropped."""

    def write(self, document: Json, value: Json) -> Json:  # noqa: ARG002 - the protocol
        """The document as it was."""
        return document


class JsonPathFlow(Struct, frozen=True):
    """The JSONPath data flow. A field that is None has its default, ``$``, or is not there."""

    input_path: Evaluate | None = None
    parameters: Evaluate | None = None
    result_selector: Evaluate | None = None
    result_path: Write | None = None
    output_path: Evaluate | None = None
    assign: Evaluate | None = None

    def effective_input(self, values: Values) -> Json:
        """InputPath."""
        return values.input if self.input_path is None else follow(self.input_path, values)

    def arguments(self, values: Values, effective_input: Json) -> Json:
        """Parameters, or the effective input."""
        if self.parameters is None:
            return effective_input
        return self.parameters(values if effective_input is values.input else values.with_input(effective_input))

    def exit(self, values: Values, result: Json) -> Exit:
        """ResultSelector, Assign, ResultPath, OutputPath."""
        if self.result_selector is not None:
            result = self.result_selector(values.with_input(result))
        assigned = None if self.assign is None else self.assign(values.with_input(result))
        output = result if self.result_path is None else self.result_path.write(values.input, result)
        if self.output_path is not None:
            output = follow(self.output_path, values.with_input(output))
        return Exit(output, assigned)


class JsonPathCatchFlow(Struct, frozen=True):
    """The data flow of a JSONPath catcher: ResultPath and Assign."""

    result_path: Write | None = None
    assign: Evaluate | None = None

    def exit(self, values: Values, error_output: Json) -> Exit:
        """The raw input with the error output in it."""
        assigned = None if self.assign is None else self.assign(values.with_input(error_output))
        output = error_output if self.result_path is None else self.result_path.write(values.input, error_output)
        return Exit(output, assigned)
