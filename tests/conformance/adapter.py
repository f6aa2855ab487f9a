"""Answers recorded cases with this engine: in process, with virtual time.

Started by the conformance runner (``python tests/conformance/adapter.py``), it reads one case per line on standard
input and writes one answer per line; the runner's folder must be importable (it is the current directory of the
runner's own modules, or given by ``CONFORMANCE``).
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

_SUITE = Path(os.environ.get("CONFORMANCE", Path(__file__).parents[3] / "shared" / "conformance"))
sys.path.insert(0, str(_SUITE))
sys.path.insert(0, str(Path(__file__).parents[2]))

from behaviours import FunctionError, Functions, StateMocks  # noqa: E402

from statemachine.definition.source import SourceFormat, load_source  # noqa: E402
from statemachine.errors import DefinitionError, InvalidJsonError, TaskError, UnboundResourceError  # noqa: E402
from statemachine.integrations.base import TaskContext  # noqa: E402
from statemachine.integrations.registry import TaskRegistry  # noqa: E402
from statemachine.jsonvalue import Document, Json, read_document  # noqa: E402
from statemachine.kernel.advance import new_execution  # noqa: E402
from statemachine.kernel.history import to_api  # noqa: E402
from statemachine.program import Program  # noqa: E402
from statemachine.program.load import check  # noqa: E402
from statemachine.program.validation import aws_diagnostics  # noqa: E402
from statemachine.testing.teststate import TestStateError, test_state  # noqa: E402
from statemachine.testing.virtual import DEFAULT_START_MS, Perform, VirtualHost, VirtualTask  # noqa: E402


def answer(message: dict[str, Any]) -> dict[str, Any]:
    """What this engine makes of one case."""
    if message["kind"] == "test_state":
        return _test_state(message)
    program, diagnostics = compiled(message["definition"], express=message.get("type") == "EXPRESS")
    if message["kind"] in ("validate", "create_error"):
        return _refusal(message["kind"], diagnostics)
    if message["kind"] not in ("execution", "sync_execution"):
        return {"unsupported": message["kind"]}
    if program is None:
        return _refusal("create_error", diagnostics)
    if program.unsupported:
        return {"unsupported": "; ".join(each.message for each in program.unsupported)}
    return _execute(message, program)


def compiled(text: str, *, express: bool) -> tuple[Program | None, list[dict[str, Any]]]:
    program = None
    try:
        program, found = check(load_source(text, format=SourceFormat.JSON), express=express)
    except DefinitionError as error:
        found = list(error.diagnostics)
    return program, [{**each} for each in aws_diagnostics(found, text)]


def _refusal(kind: str, diagnostics: list[dict[str, Any]]) -> dict[str, Any]:
    errors = [each for each in diagnostics if each["severity"] == "ERROR"]
    if kind == "validate":
        return {
            "response": {"result": "FAIL" if errors else "OK", "diagnostics": diagnostics, "truncated": False},
            "diagnostics": diagnostics,
        }
    if not errors:
        return {"status": "CREATED"}
    first = errors[0]
    text = f"{first['code']}: {first['message']} at {first.get('location', 'null')}"
    return {
        "api_error": {"code": "InvalidDefinition", "message": f"Invalid State Machine Definition: '{text}'"},
        "diagnostics": diagnostics,
    }


def _execute(message: dict[str, Any], program: Program) -> dict[str, Any]:
    try:
        done = host(message, program)
    except InvalidJsonError as error:
        return {"api_error": {"code": "InvalidExecutionInput", "message": str(error)}}
    closed = done.run()
    failure = closed.failure
    return {
        "status": closed.status.value,
        "output": closed.output.text if closed.output else None,
        "error": failure.error if failure else None,
        "cause": failure.cause if failure else None,
        "events": [to_api(event) for event in done.history],
        "describe": _describe(closed, done.start_ms),
    }


def host(message: dict[str, Any], program: Program) -> VirtualHost:
    """What runs a case. Raises InvalidJsonError for its input."""
    text = message["input"]
    document = Document({}, b"{}") if text is None else read_document(text)
    execution = new_execution(
        program,
        id=message["execution_name"],
        input=document,
        seed=hashlib.sha256(message["id"].encode()).digest(),
        machine_name=message["state_machine_name"],
        role_arn=message["role_arn"],
        account=message["account"],
        region=message["region"],
        express=message.get("type") == "EXPRESS",
        synchronous=message["kind"] == "sync_execution",
    )
    clock = message.get("clock")
    start_ms = round(datetime.fromisoformat(clock).timestamp() * 1000) if clock else DEFAULT_START_MS
    return VirtualHost(program, execution, performer(message), start_ms=start_ms)


def _test_state(message: dict[str, Any]) -> dict[str, Any]:
    request = message.get("request") or {}
    clock = message.get("clock")
    try:
        result = test_state(
            message["definition"],
            input=message["input"],
            inspection_level=request.get("inspectionLevel", "INFO"),
            role_arn=request.get("roleArn"),
            state_name=request.get("stateName"),
            mock=message.get("mock"),
            context=request.get("context"),
            state_configuration=request.get("stateConfiguration"),
            variables=request.get("variables"),
            reveal_secrets=request.get("revealSecrets", False),
            perform=performer(message),
            account=message["account"],
            region=message["region"],
            now_ms=round(datetime.fromisoformat(clock).timestamp() * 1000) if clock else DEFAULT_START_MS,
        )
    except TestStateError as error:
        return {"api_error": {"code": error.code, "message": error.message}}
    except DefinitionError as error:
        return {"unsupported": "; ".join(each.message for each in error.diagnostics)}
    return {"response": result.to_api()}


def _describe(execution: Any, start_ms: int) -> dict[str, Any]:
    failure = execution.failure
    shown = {
        "executionArn": execution.arn,
        "stateMachineArn": execution.machine_arn,
        "name": execution.id,
        "status": execution.status.value,
        "startDate": start_ms / 1000,
        "stopDate": execution.now_ms / 1000,
        "input": execution.input.text,
        "inputDetails": {"included": True},
        "redriveCount": 0,
        "redriveStatus": "NOT_REDRIVABLE" if execution.status.value == "SUCCEEDED" else "REDRIVABLE",
    }
    if execution.status.value == "SUCCEEDED":
        shown["redriveStatusReason"] = "Execution is SUCCEEDED and cannot be redriven"
    if execution.output is not None:
        shown |= {"output": execution.output.text, "outputDetails": {"included": True}}
    if failure is not None and failure.error is not None:
        shown["error"] = failure.error
    if failure is not None and failure.cause is not None:
        shown["cause"] = failure.cause
    return shown


def performer(message: dict[str, Any]) -> Perform:
    """The case's functions, bound as a user binds them; or, for a fact, what each attempt of a state gets."""
    call: list[VirtualTask] = []

    def sleep(seconds: float) -> None:
        call[-1].sleep(seconds)

    functions = Functions(message.get("tasks"), sleep)
    mocks = StateMocks(message.get("state_mocks"), sleep)

    def function(arn: str) -> Callable[[Json], Json]:
        def invoke(event: Json) -> Json:
            try:
                return functions.call(arn, event)
            except FunctionError as failed:
                raise TaskError(failed.error, failed.cause) from None

        return invoke

    registry = TaskRegistry(
        {
            arn: function(arn)
            for arn, task in (message.get("tasks") or {}).items()
            if task["behaviour"] != "not_created"
        },
        region=message["region"],
        account=message["account"],
    )

    def perform(task: VirtualTask) -> Json:
        call[:] = [task]
        command = task.command
        try:
            if message.get("state_mocks"):
                return mocks.next(command.state)
        except FunctionError as failed:
            raise TaskError(failed.error, failed.cause) from None
        arguments = command.arguments.value
        context = TaskContext(
            "case", command.state, command.resource, str(command.operation), "", command.attempt, None
        )
        try:
            handler = registry.handler_for(command.resource, arguments)
        except UnboundResourceError:
            raise TaskError("Lambda.ResourceNotFoundException", f"Function not found: {command.resource}") from None
        result = handler.perform(arguments, context)
        return asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result

    return perform


async def _awaited(result: Awaitable[Json]) -> Json:
    return await result


if __name__ == "__main__":
    from adapter import serve  # the suite's, not this file

    serve(answer)
