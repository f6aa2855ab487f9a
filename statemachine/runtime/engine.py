"""Engine: start, await, list, describe, stop and resume executions on a store. The library's front door.

An engine belongs to one event loop: ``async with Engine(...) as engine``. `SyncEngine` (runtime/sync.py) is the same
for programs without one.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from statemachine.errors import ExecutionAlreadyExistsError, StatemachineError
from statemachine.integrations.registry import Binding, TaskRegistry
from statemachine.jsonvalue import Document, Json
from statemachine.kernel.advance import new_execution
from statemachine.kernel.commands import ExecutionStatus
from statemachine.kernel.events import StopRequested
from statemachine.kernel.history import HistoryEvent
from statemachine.kernel.snapshot import encode_execution
from statemachine.limits import AWS_LIMITS, Limits
from statemachine.program.load import Definition, LoadedDefinition, load, load_text
from statemachine.program.nodes import Program
from statemachine.runtime.clock import Clock, SystemClock
from statemachine.runtime.recovery import first_moves, recover
from statemachine.runtime.results import ExecutionResult, result_of
from statemachine.runtime.worker import Driven, Listener, Worker
from statemachine.store import open_store
from statemachine.store.base import Durability, ExecutionRecord, Filter, NewExecution, Page, Store
from statemachine.store.memory import MemoryStore

DEFAULT_CONCURRENCY = 64


class Engine:
    """Runs executions on one store.

    `store` is a path, ``"memory"``, an open Store, or None for the default place (``STATEMACHINE_STORE`` or
    ``.statemachine/store.db``). `tasks` binds resources to functions, handlers or targets (integrations/registry.py);
    `start` and `resume` may bind others. `concurrency` bounds the tasks that run at a time.
    """

    def __init__(
        self,
        store: Store | str | Path | None = None,
        *,
        tasks: Mapping[str, Binding] | TaskRegistry | None = None,
        durability: Durability | str = Durability.FULL,
        limits: Limits = AWS_LIMITS,
        concurrency: int = DEFAULT_CONCURRENCY,
        clock: Clock | None = None,
    ) -> None:
        self._owns_store = store is None or isinstance(store, str | Path)
        self._store: Store = open_store(store) if store is None or isinstance(store, str | Path) else store
        self._registry = _registry(tasks)
        self._durability = Durability(durability)
        self._limits = limits
        self._clock = clock or SystemClock()
        # Without a disk there is nothing to wait for: a thread would only cost time.
        waits = not isinstance(self._store, MemoryStore) and self._durability is Durability.FULL
        self._worker = Worker(self._store, self._clock, concurrency=concurrency, commit_in_thread=waits)

    @property
    def store(self) -> Store:
        """The store it runs on."""
        return self._store

    async def __aenter__(self) -> Self:
        self._worker.start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop driving and release the store. What has not ended can be resumed."""
        await self._worker.stop()
        if self._owns_store:
            self._store.close()

    def add_listener(self, listener: Listener) -> None:
        """Call `listener(execution, history)` on the loop whenever history was stored. It must be quick."""
        self._worker.listeners.append(listener)

    async def start(
        self,
        definition: Definition | LoadedDefinition,
        input: Json = None,
        *,
        name: str | None = None,
        machine_name: str | None = None,
        tasks: Mapping[str, Binding] | TaskRegistry | None = None,
        durability: Durability | str | None = None,
        tasks_source: str | None = None,
    ) -> str:
        """Start an execution; its id.

        `input` is JSON data (None: an empty object), or a `Document` to keep its text. `name` is the id; starting again
        with the same name, definition and input gives the same execution, with others ExecutionAlreadyExistsError.
        Raises DefinitionError and UnboundResourceError before anything is stored.
        """
        loaded = definition if isinstance(definition, LoadedDefinition) else load(definition)
        loaded.require_runnable()
        registry = self._registry if tasks is None else _registry(tasks)
        require_bound(loaded.program, registry)
        document = input if isinstance(input, Document) else Document({} if input is None else input)
        _check_input(document, self._limits)
        execution_id = name or str(uuid.uuid4())
        execution = new_execution(
            loaded.program,
            id=execution_id,
            input=document,
            seed=os.urandom(16),
            machine_name=machine_name or machine_name_of(loaded),
            limits=self._limits,
        )
        chosen = self._durability if durability is None else Durability(durability)
        now_ms = self._clock.now_ms()
        new = NewExecution(
            id=execution_id,
            machine_name=execution.machine_name,
            definition=loaded.text,
            definition_sha256=loaded.sha256,
            input=document,
            durability=chosen,
            started_ms=now_ms,
            snapshot=encode_execution(execution),
            tasks_source=tasks_source,
        )
        try:
            self._store.create([new])
        except ExecutionAlreadyExistsError:
            existing = self._store.get(execution_id)
            if (existing.definition_sha256, existing.input) != (loaded.sha256, document):
                raise
            return execution_id
        driven = Driven(execution, loaded.program, registry, chosen, sequence=0)
        self._worker.drive(driven, *first_moves(execution, now_ms))
        return execution_id

    async def wait(self, execution_id: str) -> ExecutionResult:
        """Wait until an execution has ended; how it ended.

        One that is not driven here must have ended. Raises what made it impossible to go on with it.
        """
        await self._worker.closed(execution_id)
        record = self._store.get(execution_id)
        if record.status is ExecutionStatus.RUNNING:
            raise StatemachineError(f"execution {execution_id} is not driven by this engine: resume it first")
        return result_of(record)

    async def run(self, definition: Definition, input: Json = None, **options: Json) -> ExecutionResult:
        """`start` and `wait`."""
        return await self.wait(await self.start(definition, input, **options))

    async def resume(
        self, execution_id: str | None = None, *, tasks: Mapping[str, Binding] | TaskRegistry | None = None
    ) -> list[str]:
        """Go on with an execution, or with all that have not ended and that no living process drives; their ids.

        Raises ExecutionNotFoundError, ExecutionOwnedError, UnboundResourceError, ReplayMismatchError.
        """
        registry = self._registry if tasks is None else _registry(tasks)
        if execution_id is not None:
            self._resume(execution_id, registry)
            return [execution_id]
        resumed = []
        cursor: str | None = None
        running = Filter(statuses=frozenset({ExecutionStatus.RUNNING}))
        while True:
            page = self._store.list(running, limit=200, cursor=cursor)
            for record in page.records:
                if record.id not in self._worker:
                    self._resume(record.id, registry)
                    resumed.append(record.id)
            cursor = page.cursor
            if cursor is None:
                return resumed

    def _resume(self, execution_id: str, registry: TaskRegistry) -> None:
        if execution_id in self._worker:
            return
        recovery = self._store.claim(execution_id)
        try:
            if recovery.record.status is not ExecutionStatus.RUNNING:
                return
            loaded = load_text(recovery.definition)
            require_bound(loaded.program, registry)
            execution = recover(loaded.program, recovery)
        except StatemachineError:
            self._store.release(execution_id)
            raise
        driven = Driven(
            execution, loaded.program, registry, recovery.record.durability, sequence=recovery.record.sequence
        )
        self._worker.drive(driven, *first_moves(execution, self._clock.now_ms()))

    async def stop(self, execution_id: str, error: str | None = None, cause: str | None = None) -> ExecutionResult:
        """End an execution as ABORTED; its tasks and timers are cancelled. One that has ended stays as it is."""
        if execution_id not in self._worker and self.describe(execution_id).status is ExecutionStatus.RUNNING:
            # No task is performed on the way: only the last event is added.
            recovery = self._store.claim(execution_id)
            program = load_text(recovery.definition).program
            driven = Driven(
                recover(program, recovery),
                program,
                self._registry,
                recovery.record.durability,
                recovery.record.sequence,
            )
            commands, events = (
                ((), ()) if driven.execution.history_length else first_moves(driven.execution, self._clock.now_ms())
            )
            self._worker.drive(driven, commands, events)
        self._worker.post(execution_id, StopRequested(self._clock.now_ms(), error, cause))
        return await self.wait(execution_id)

    def describe(self, execution_id: str) -> ExecutionRecord:
        """One execution. Raises ExecutionNotFoundError."""
        return self._store.get(execution_id)

    def list(self, where: Filter = Filter(), limit: int = 50, cursor: str | None = None) -> Page:  # noqa: B008 - frozen
        """Executions, newest first."""
        return self._store.list(where, limit, cursor)

    def history(self, execution_id: str) -> list[HistoryEvent]:
        """All history events of an execution."""
        return list(self._store.history(execution_id))


def machine_name_of(loaded: LoadedDefinition) -> str:
    """What to call a machine: its file's name without endings, or ``StateMachine``."""
    if loaded.file is None:
        return "StateMachine"
    name = Path(loaded.file).name
    for ending in (".json", ".yaml", ".yml", ".asl"):
        name = name.removesuffix(ending)
    return name or "StateMachine"


def require_bound(program: Program, registry: TaskRegistry) -> None:
    """Make the handlers of all Tasks of a program. Raises UnboundResourceError or BindingError, listing all faults."""
    registry.prepare((node.resource.text, node.static_function_name) for node in program.tasks())


def _registry(tasks: Mapping[str, Binding] | TaskRegistry | None) -> TaskRegistry:
    return tasks if isinstance(tasks, TaskRegistry) else TaskRegistry(tasks or {})


def _check_input(document: Document, limits: Limits) -> None:
    try:
        size = document.size
    except ValueError as error:
        raise StatemachineError(f"the input is not JSON data: {error}") from None
    if limits.payload_bytes is not None and size > limits.payload_bytes:
        raise StatemachineError(
            f"the input has {size:,} bytes, more than the {limits.payload_bytes:,} that AWS allows; "
            "other limits (--limits none, or limits=UNLIMITED) lift this"
        )
