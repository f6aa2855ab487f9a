"""An execution that waits for a token, alone or as a child, in a process that kills itself.

``ask_driver.py FOLDER NUMBER asks|nested``: after the NUMBER-th write transaction of the store (0: never) it is killed.
The token is answered as soon as the call has been made.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from statemachine.errors import TaskTokenError
from statemachine.integrations.base import TaskContext
from statemachine.jsonvalue import Json
from statemachine.runtime.engine import Engine
from statemachine.store.connections import Connections

FOLDER, NUMBER, KIND = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
QUEUE = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
CHILD = "arn:aws:states:us-east-1:123456789012:stateMachine:child"
CALLS = FOLDER / "calls"
original = Connections.writing
transactions = itertools.count(1)
asked = asyncio.Event()


@contextmanager
def writing(self: Connections, *arguments: Any) -> Iterator[Any]:
    fatal = next(transactions) == NUMBER
    with original(self, *arguments) as connection:
        yield connection
    if fatal:
        os.kill(os.getpid(), signal.SIGKILL)


Connections.writing = writing  # type: ignore[method-assign, assignment]


async def ask(message: Json, context: TaskContext) -> Json:
    with CALLS.open("a") as calls:
        calls.write(f"{context.token}\n")
    asked.set()
    return message


async def answer(engine: Engine) -> None:
    if not CALLS.exists():
        await asked.wait()
    with suppress(TaskTokenError):  # it was answered before the process was killed
        await engine.send_task_success(CALLS.read_text().split()[0], "answered")


async def main() -> None:
    asks = {"Type": "Task", "Resource": QUEUE, "Parameters": {"Token.$": "$$.Task.Token"}, "End": True}
    starts = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {"StateMachineArn": CHILD},
        "OutputPath": "$.Output",
        "End": True,
    }
    machine = {"StartAt": "Ask", "States": {"Ask": asks}}
    parent = {"StartAt": "Start", "States": {"Start": starts}}
    async with Engine(FOLDER / "store.db", tasks={QUEUE: ask}, machines={CHILD: machine}) as engine:
        await engine.start(machine if KIND == "asks" else parent, {}, name="one")
        await engine.resume()
        answering = asyncio.create_task(answer(engine))
        print((await engine.wait("one")).unwrap())
        await answering


asyncio.run(main())
