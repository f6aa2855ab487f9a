"""The request of a TestState call, checked as far as it can be without the definition.

Rules (API reference, TestState; facts teststate-*)
- Lengths, enumerations and ranges are those of the API model. A member that AWS calls sensitive is not repeated in the
  message. Texts that hold JSON are read strictly.
- A refused call raises `TestStateError` with the code and message of AWS; a state that fails is a result, not an error.
- Where AWS's wording for a refusal was never seen, ours follows the nearest one that was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final

from statemachine.errors import InvalidJsonError, StatemachineError
from statemachine.jsonvalue import Document, Json, read_document

VALIDATION_EXCEPTION: Final = "ValidationException"
INVALID_DEFINITION: Final = "InvalidDefinition"
INVALID_EXECUTION_INPUT: Final = "InvalidExecutionInput"

MAX_DATA_BYTES: Final = 262_144
"""Of input, variables, context, mock.result and mapItemReaderData (API reference)."""
_MAX_NAME: Final = 80
_MAX_ERROR: Final = 256
_MAX_CAUSE: Final = 32_768
_MAX_ROLE_ARN: Final = 256


class TestStateError(StatemachineError):
    """A refused call: `code` and `message` are the API's."""

    __test__: ClassVar[bool] = False

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def refused(message: str) -> TestStateError:
    """A ValidationException."""
    return TestStateError(VALIDATION_EXCEPTION, message)


class InspectionLevel(StrEnum):
    """How much `inspectionData` says."""

    INFO = "INFO"
    DEBUG = "DEBUG"
    TRACE = "TRACE"


class FieldValidationMode(StrEnum):
    """How strictly a mocked result is checked against the API model."""

    STRICT = "STRICT"
    PRESENT = "PRESENT"
    NONE = "NONE"


@dataclass(frozen=True, slots=True)
class Mock:
    """What stands for the state's work: a `result` as JSON text, or an error; checked later for being just one."""

    result: str | None
    error: str | None
    cause: str | None
    mode: FieldValidationMode


@dataclass(frozen=True, slots=True)
class StateConfiguration:
    """What is assumed to have happened before; None was not given."""

    retrier_retry_count: int | None = None
    error_caused_by_state: str | None = None
    map_iteration_failure_count: int | None = None
    map_item_reader_data: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A checked request. `context` is the parsed Context object."""

    input: Document
    level: InspectionLevel
    role_arn: str | None
    state_name: str | None
    mock: Mock | None
    context: Json
    configuration: StateConfiguration
    variables: dict[str, Json]
    reveal_secrets: bool


def read_request(
    *,
    input: str | None,
    inspection_level: str,
    role_arn: str | None,
    state_name: str | None,
    mock: Mapping[str, Json] | None,
    context: str | None,
    state_configuration: Mapping[str, Json] | None,
    variables: str | None,
    reveal_secrets: bool,
) -> Request:
    """Check a request's members one by one. Raises TestStateError."""
    if inspection_level not in list(InspectionLevel):
        raise _not_in("inspectionLevel", inspection_level, InspectionLevel)
    _check_length("roleArn", role_arn, 1, _MAX_ROLE_ARN)
    _check_length("stateName", state_name, 1, _MAX_NAME)
    return Request(
        input=_read_input(input),
        level=InspectionLevel(inspection_level),
        role_arn=role_arn,
        state_name=state_name,
        mock=None if mock is None else _read_mock(mock),
        context=None if context is None else _read_context(context),
        configuration=_read_configuration(state_configuration or {}),
        variables={} if variables is None else _read_variables(variables),
        reveal_secrets=reveal_secrets,
    )


def _read_input(text: str | None) -> Document:
    if text is None:
        return Document({}, b"{}")
    _check_size("input", text)
    try:
        return read_document(text)
    except InvalidJsonError as error:
        message = f"Invalid State Machine Execution Input: '{error}'"
        raise TestStateError(INVALID_EXECUTION_INPUT, message) from None


def _read_mock(mock: Mapping[str, Json]) -> Mock:
    _check_structure("mock", mock)
    mode = mock.get("fieldValidationMode", FieldValidationMode.STRICT)
    if mode not in list(FieldValidationMode):
        raise _not_in("mock.fieldValidationMode", mode, FieldValidationMode)
    result, error_output = mock.get("result"), mock.get("errorOutput")
    _check_size("mock.result", result)
    error = cause = None
    if error_output is not None:
        _check_structure("mock.errorOutput", error_output)
        error, cause = error_output.get("error"), error_output.get("cause")
        _check_text("mock.errorOutput.error", error)
        _check_text("mock.errorOutput.cause", cause)
        if error is None:
            raise refused("An error must be specified in the errorOutput of a test mock.")
        _check_length("mock.errorOutput.error", error, 0, _MAX_ERROR)
        _check_length("mock.errorOutput.cause", cause, 0, _MAX_CAUSE)
    return Mock(result, error, cause, FieldValidationMode(mode))


def _read_configuration(configuration: Mapping[str, Json]) -> StateConfiguration:
    _check_structure("stateConfiguration", configuration)
    found = StateConfiguration(
        retrier_retry_count=configuration.get("retrierRetryCount"),
        error_caused_by_state=configuration.get("errorCausedByState"),
        map_iteration_failure_count=configuration.get("mapIterationFailureCount"),
        map_item_reader_data=configuration.get("mapItemReaderData"),
    )
    _check_count("stateConfiguration.retrierRetryCount", found.retrier_retry_count)
    _check_count("stateConfiguration.mapIterationFailureCount", found.map_iteration_failure_count)
    _check_length("stateConfiguration.errorCausedByState", found.error_caused_by_state, 1, _MAX_NAME)
    _check_size("stateConfiguration.mapItemReaderData", found.map_item_reader_data)
    return found


def _read_context(text: str) -> Json:
    _check_size("context", text)
    try:
        context = read_document(text).value
    except InvalidJsonError:
        raise refused("Invalid Context object provided: Context object must be valid JSON") from None
    if not isinstance(context, dict):
        raise refused("Invalid Context object provided: Context object must be a JSON object")
    return context


def _read_variables(text: str) -> dict[str, Json]:
    _check_size("variables", text)
    try:
        variables = read_document(text).value
    except InvalidJsonError:
        raise refused("Variables must be valid JSON") from None
    if not isinstance(variables, dict):
        raise refused("Variables must be a JSON object")
    return variables


# -- constraints of the API model ----------------------------------------------------------------------------------


def _constraint(member: str, text: str) -> TestStateError:
    return refused(f"1 validation error detected: Value at '{member}' failed to satisfy constraint: {text}")


def _not_in(member: str, value: Json, names: type[StrEnum]) -> TestStateError:
    listed = ", ".join(names)
    return refused(
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: "
        f"Member must satisfy enum value set: [{listed}]"
    )


def _check_structure(member: str, value: Json) -> None:
    if not isinstance(value, Mapping):
        raise refused(f"Value at '{member}' must be an object")


def _check_text(member: str, value: Json) -> None:
    if value is not None and not isinstance(value, str):
        raise refused(f"Value at '{member}' must be a string")


def _check_length(member: str, value: Json, least: int, most: int) -> None:
    _check_text(member, value)
    if value is None:
        return
    if len(value) < least:
        raise _constraint(member, f"Member must have length greater than or equal to {least}")
    if len(value) > most:
        raise _constraint(member, f"Member must have length less than or equal to {most}")


def _check_size(member: str, text: str | None) -> None:
    _check_text(member, text)
    if text is None:
        return
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise refused(f"Value at '{member}' must be Unicode text") from None
    if size > MAX_DATA_BYTES:
        raise _constraint(member, f"Member must have length less than or equal to {MAX_DATA_BYTES}")


def _check_count(member: str, value: Json) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise refused(f"Value at '{member}' must be an integer")
    if value < 0:
        raise _constraint(member, "Member must have value greater than or equal to 0")
