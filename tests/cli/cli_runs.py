"""Definitions for tests of the command line, what a command printed, and executions that were interrupted."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from statemachine.cli.binding import Given, bindings_source
from statemachine.errors import ExecutionNotFoundError
from statemachine.kernel.commands import ExecutionStatus
from statemachine.runtime.engine import Engine
from statemachine.store import open_store
from statemachine.store.base import ExecutionRecord

GREET = """\
Comment: Two steps.
StartAt: Greet
States:
  Greet:
    Type: Pass
    Result: hello
    ResultPath: $.greeting
    Next: Done
  Done:
    Type: Succeed
"""
CHARGE = "arn:aws:lambda:us-east-1:123456789012:function:charge"
WORK = f"""\
StartAt: Charge
States:
  Charge:
    Type: Task
    Resource: {CHARGE}
    End: true
"""
FAIL = "StartAt: Broken\nStates:\n  Broken: {Type: Fail, Error: Glass, Cause: it fell}\n"
WRONG = """\
StartAt: A
States:
  A:
    Type: Pass
    ResutlPath: $.x
    Next: B
  B:
    Type: Wait
    Seconds: -1
    End: true
"""
MILD = """\
StartAt: A
TimeoutSeconds: 60
States:
  A:
    Type: Task
    Resource: arn:aws:lambda:us-east-1:123456789012:function:charge
    Catch:
      - ErrorEquals: [States.ALL]
        Next: B
    Next: B
  B: {Type: Succeed}
"""
HANDLERS = """
import asyncio, pathlib

def charge(value):
    return {"charged": value}

def decline(value):
    raise ValueError("no money")

async def hang(value):
    pathlib.Path(__file__).with_name("called").touch()
    await asyncio.sleep(3600)
"""


@dataclass(frozen=True)
class Printed:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Printed]


def interrupt(name: str, path: Path, source: str | None = None) -> None:
    """An execution whose process has gone while it waited."""
    path.write_text("StartAt: Rest\nStates:\n  Rest: {Type: Wait, Seconds: 1, Next: Done}\n  Done: {Type: Succeed}\n")

    async def scenario() -> None:
        async with Engine() as engine:
            bound = source or bindings_source(Given(), Path.cwd())
            await engine.start(path, {"b": 2}, name=name, tasks_source=bound)
            while not engine.describe(name).states:  # noqa: ASYNC110 - the engine tells of ends only
                await asyncio.sleep(0.001)

    asyncio.run(scenario())


def begin_command(*arguments: str) -> subprocess.Popen[str]:
    """A command in a process of its own, which goes on."""
    return subprocess.Popen(
        [sys.executable, "-m", "statemachine", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until(holds: Callable[[], Any], process: subprocess.Popen[str]) -> Any:
    """What is looked for, once it is there; the process is not to end before."""
    while not (found := holds()):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    return found


def stored(name: str) -> ExecutionRecord | None:
    """What the store holds of an execution."""
    if not Path(".statemachine/store.db").exists():
        return None
    store = open_store()
    try:
        return store.get(name)
    except ExecutionNotFoundError:
        return None
    finally:
        store.close()


def is_in_a_state(name: str) -> bool:
    """Whether an execution has begun and has not ended."""
    record = stored(name)
    return record is not None and record.status is ExecutionStatus.RUNNING and bool(record.states)


def interrupt_run(name: str, *options: str) -> None:
    """`run work.asl.yaml`, interrupted while its task is in flight."""
    process = begin_command("run", "work.asl.yaml", "-q", "--name", name, *options)
    wait_until(lambda: is_in_a_state(name), process)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 130
