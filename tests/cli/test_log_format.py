"""--log-format of the commands that drive executions."""

from __future__ import annotations

import json

from cli_runs import Command


def test_run_logs_instead_of_showing_progress(command: Command) -> None:
    printed = command("run", "greet.asl.yaml", "--name", "one", "--log-format", "json")
    assert (printed.status, printed.out) == (0, '{"greeting": "hello"}\n')
    lines = [json.loads(line) for line in printed.err.splitlines()]
    assert [each["message"] for each in lines] == [
        "Execution one of greet", "one ExecutionStarted", "one ExecutionSucceeded",
    ]  # fmt: skip
    assert lines[1] | {"time": ""} == {
        "time": "", "level": "info", "logger": "statemachine.executions", "message": "one ExecutionStarted",
        "execution_id": "one", "machine": "greet", "event": "ExecutionStarted", "event_id": 1,
    }  # fmt: skip


def test_what_fails_is_logged_once(command: Command) -> None:
    printed = command("run", "work.asl.yaml", "--tasks", "decline.yaml", "--name", "one", "--log-format", "text", "-q")
    assert (printed.status, printed.out) == (1, "")
    assert [line.split()[1] for line in printed.err.splitlines()] == ["INFO", "INFO", "WARNING", "WARNING"]
    assert "WARNING one LambdaFunctionFailed ValueError: " in printed.err
    printed = command("redrive", "one", "--tasks", "charge.yaml", "--log-format", "json", "--json")
    assert printed.json["status"] == "SUCCEEDED"
    events = [json.loads(line).get("event") for line in printed.err.splitlines()]
    assert events == [None, "ExecutionSucceeded"]


def test_resume_logs_too(executions: Command) -> None:
    printed = executions("resume", "--log-format", "json")
    assert printed.out == '{"b": 2}\n'
    assert [json.loads(line).get("event") for line in printed.err.splitlines()] == ["ExecutionSucceeded"]
