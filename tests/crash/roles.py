"""What the processes do that are killed: one drives executions, others answer tokens and work for activities.

Rules
- A process is told what to do by a `Part`. It ends by itself when there is nothing left to do.
- It may be told to kill itself `before`, `inside` or `after` its N-th write transaction of the store.
- A `tight` process stores snapshots, parks executions and moves its log into the file all the time.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workload import ACTIVITY, CHILDREN, MACHINES, Witness, started, tasks

from statemachine.errors import ExecutionNotFoundError, ExecutionOwnedError, StatemachineError, TaskTimedOutError
from statemachine.kernel.commands import ExecutionStatus
from statemachine.program.load import LoadedDefinition, load
from statemachine.runtime import committing, mailbox, nested, parking, remote, takeover
from statemachine.runtime.engine import Engine
from statemachine.store import connections
from statemachine.store.base import Filter
from statemachine.store.connections import Connections
from statemachine.store.sqlite import SqliteStore

LOOK_SECONDS = 0.02
POINTS = ("before", "inside", "after")


@dataclass(frozen=True, slots=True)
class Part:
    """What a process is to do."""

    role: str
    """``drive``, ``serve``, ``answer``, or the name of a function that a test gives."""
    folder: str
    who: str
    """A name of its own, for the witness."""
    seed: int
    executions: int
    """How many there are of each kind."""
    began: float
    """When the first was to be started, seconds since 1970."""
    point: str = "never"
    number: int = 0
    tight: bool = False
    every: float = 0.0
    """Seconds from one start to the next, for who serves."""

    @property
    def store(self) -> Path:
        return Path(self.folder) / "store.db"

    def witness(self) -> Witness:
        """The witness, under the name of this process."""
        return Witness(Path(self.folder) / "witness", self.who)


def play(part: Part) -> None:
    """Do it. Raises what goes wrong."""
    _arm(part)
    if part.tight:
        _tighten()
    {"drive": drive, "serve": serve, "answer": answer}[part.role](part)


def load_all() -> dict[str, LoadedDefinition]:
    """The machines, compiled: once, before processes are forked."""
    return _loaded


_loaded = {name: load(each) for name, each in {**MACHINES, **CHILDREN}.items()}


def _arm(part: Part) -> None:
    """Make the process kill itself."""
    original = Connections.writing
    transactions = itertools.count(1)

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    @contextmanager
    def writing(self: Connections, *arguments: Any) -> Iterator[Any]:
        fatal = next(transactions) == part.number
        if fatal and part.point == "before":
            die()
        with original(self, *arguments) as connection:
            yield connection
            if fatal and part.point == "inside":
                die()
        if fatal and part.point == "after":
            die()

    if part.point in POINTS:
        Connections.writing = writing  # type: ignore[method-assign, assignment]


def _tighten() -> None:
    committing.EVENTS_PER_SNAPSHOT = 8
    committing.SNAPSHOT_BYTES_PER_EVENT = 1_000_000
    parking.AT_REST = 1
    connections.WAL_PAGES = 8  # type: ignore[misc]


def _engine(part: Part) -> Engine:
    handlers = tasks(part.witness(), Path(part.folder) / "tokens", part.seed)
    machines = {name: _loaded[name] for name in CHILDREN}
    most = 3 if part.tight else None
    return Engine(part.store, tasks=handlers, machines=machines, activities=[ACTIVITY], max_running=most)


async def _start(engine: Engine, part: Part, kind: str, number: int) -> None:
    each = started(kind, number, part.began)
    durability = "full" if number % 2 else "normal"
    await engine.start(_loaded[kind], each.input, name=each.name, durability=durability)


def drive(part: Part) -> None:
    """Start all executions, or go on with them, until all have ended."""

    async def main() -> None:
        async with _engine(part) as engine:
            for number, kind in itertools.product(range(part.executions), MACHINES):
                await _start(engine, part, kind, number)
            await engine.resume()
            while _running(engine):
                engine.require_running()
                await asyncio.sleep(LOOK_SECONDS)

    asyncio.run(main())


def _running(engine: Engine) -> bool:
    return bool(engine.list(Filter(statuses=frozenset({ExecutionStatus.RUNNING})), 1).records)


def serve(part: Part) -> None:
    """Be one of several workers, which all start the same executions and take over what others leave, until SIGTERM."""
    takeover.POLL_SECONDS = nested.POLL_SECONDS = 0.05  # type: ignore[misc]
    mailbox.IDLE_POLL_SECONDS = 0.05

    async def main() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        async with _engine(part) as engine:
            starting = asyncio.create_task(start_some(engine))
            await takeover.serve(engine, stop, poll_seconds=0.05)
            starting.cancel()

    async def start_some(engine: Engine) -> None:
        chosen = random.Random(part.seed)
        for number in range(part.executions):
            await asyncio.sleep(part.began + number * part.every - time.time())
            for kind in chosen.sample(list(MACHINES), len(MACHINES)):
                with suppress(ExecutionOwnedError):
                    await _start(engine, part, kind, number)

    asyncio.run(main())


def answer(part: Part) -> None:
    """Answer tokens and work for the activity, for as long as it lives. What it has done it tells the witness."""
    witness = part.witness()
    tokens = Path(part.folder) / "tokens"
    answered: set[str] = set()
    while not part.store.exists():
        time.sleep(LOOK_SECONDS)
    store = SqliteStore(part.store)
    while True:
        for token in tokens.read_text().splitlines() if tokens.exists() else ():
            if token not in answered:
                answered.add(token)
                _answer(store, witness, token)
        with suppress(ExecutionNotFoundError):
            task = remote.poll_activity(store, ACTIVITY, part.who, 0.05)
            if task is not None:
                _answer(store, witness, task.token)


def _answer(store: SqliteStore, witness: Witness, token: str) -> None:
    try:
        sent = remote.send_task_success(store, token, {"answered": True})
        witness.note(f"answer-{sent.value}", token)
    except TaskTimedOutError:
        pass  # it was answered before, by one that was killed before it knew
    except StatemachineError as error:
        witness.note("answer-failed", f"{token} {type(error).__name__} {error}".replace("\n", " "))
