"""Engine: start, await, list, describe, stop and resume executions on a store. The library's front door.

An engine belongs to one event loop: ``async with Engine(...) as engine``. `SyncEngine` (runtime/sync.py) is the same
for programs without one.
"""

from __future__ import annotations

import asyncio
import os
import re
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

from statemachine.errors import (
    ExecutionAlreadyExistsError,
    ExecutionNotFoundError,
    ExecutionOwnedError,
    Failure,
    StatemachineError,
)
from statemachine.integrations.objects import ObjectStore, open_objects
from statemachine.integrations.registry import Binding, TaskRegistry
from statemachine.integrations.results import copy_json, find_fault
from statemachine.jsonvalue import Document, Json
from statemachine.kernel.advance import new_execution
from statemachine.kernel.commands import Command, ExecutionStatus
from statemachine.kernel.events import Event, ExecutionStarted, StopRequested, TaskFailed, TaskSucceeded
from statemachine.kernel.history import HistoryEvent
from statemachine.kernel.nested import starts_execution, stop_cause
from statemachine.kernel.snapshot import encode_execution
from statemachine.kernel.tokens import ActivityTask
from statemachine.limits import AWS_LIMITS, Limits
from statemachine.program.load import Definition, LoadedDefinition, load, load_text
from statemachine.program.nodes import Program
from statemachine.program.resources import Resource, ResourceKind
from statemachine.runtime.callbacks import Callbacks
from statemachine.runtime.clock import Clock, SystemClock
from statemachine.runtime.nested import NestedExecutions
from statemachine.runtime.recovery import first_moves, recover
from statemachine.runtime.results import ExecutionResult, result_of
from statemachine.runtime.transfers import require_data
from statemachine.runtime.worker import Driven, Listener, Worker
from statemachine.store import open_store
from statemachine.store.base import Durability, ExecutionRecord, Filter, NewExecution, Page, Store
from statemachine.store.memory import MemoryStore

DEFAULT_CONCURRENCY = 64
MAX_NAME = 80
"""Characters of an execution's name (API reference, StartExecution)."""

_NAME = re.compile(
    r"""[^\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ud800-\udfff@-][^\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ud800-\udfff]*"""
)
"""AWS's rule; and neither ``@last`` nor an option can be a name."""

Tasks: TypeAlias = Mapping[str, Binding] | TaskRegistry


class ResumeError(StatemachineError):
    """Some executions could not be resumed; `errors` says why, by id. `resumed` lists those that were."""

    def __init__(self, errors: Mapping[str, StatemachineError], resumed: tuple[str, ...]) -> None:
        listed = "".join(f"\n{execution_id}: {error}" for execution_id, error in errors.items())
        super().__init__(f"{len(errors)} of {len(errors) + len(resumed)} executions could not be resumed:{listed}")
        self.errors = dict(errors)
        self.resumed = resumed


class Engine:
    """Runs executions on one store.

    `store` is a path, ``"memory"``, an open Store, or None for the default place (``STATEMACHINE_STORE`` or
    ``.statemachine/store.db``). `tasks` binds resources to functions, handlers or targets (integrations/registry.py);
    `start` and `resume` may bind others. `machines` are the state machines that tasks may start, by ARN or name;
    `activities` the ARNs of those that workers poll (`get_activity_task`). `concurrency` bounds the tasks that run at a
    time, `resource_concurrency` those of a resource. `data` is where ItemReader and ResultWriter find their buckets: a
    folder, ``"s3"``, an ObjectStore, or None for what ``STATEMACHINE_DATA`` says.
    """

    def __init__(
        self,
        store: Store | str | Path | None = None,
        *,
        tasks: Tasks | None = None,
        machines: Mapping[str, Definition | LoadedDefinition] | None = None,
        activities: Iterable[str] = (),
        durability: Durability | str = Durability.FULL,
        limits: Limits = AWS_LIMITS,
        concurrency: int = DEFAULT_CONCURRENCY,
        resource_concurrency: Mapping[str, int] | None = None,
        clock: Clock | None = None,
        data: ObjectStore | str | Path | None = None,
    ) -> None:
        _check_concurrency(concurrency, resource_concurrency or {})
        registry = _registry(tasks)
        chosen = Durability(durability)
        known = {key: _loaded(each) for key, each in (machines or {}).items()}
        self._objects = open_objects(data)
        self._owns_store = store is None or isinstance(store, str | Path)
        self._store: Store = open_store(store) if store is None or isinstance(store, str | Path) else store
        self._registry = registry
        self._registries: dict[TaskRegistry, None] = {registry: None}
        """All that may hold connections."""
        self._own: dict[TaskRegistry, int] = {}
        """Those that were made for one execution, with how many are driven that use them: it and its children."""
        self._closing: dict[asyncio.Task[None], None] = {}
        self._durability = chosen
        self._limits = limits
        self._clock = clock or SystemClock()
        self._worker = Worker(
            self._store,
            self._clock,
            concurrency=concurrency,
            per_resource=resource_concurrency,
            # Without a disk there is nothing to wait for: a thread would only cost time.
            commit_in_thread=not isinstance(self._store, MemoryStore),
            objects=self._objects,
        )
        self._callbacks = Callbacks(self._worker, self._store, self._clock, activities)
        self._nested = NestedExecutions(self._worker, self._store, self._clock, known, self._begin, self._resume)
        self._worker.takers += [self._callbacks, self._nested]

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
        """Stop driving and release the store. What has not ended can be resumed. May be called twice.

        Handlers are cancelled; those that go on all the same are left behind.
        """
        try:
            await self._worker.stop()
            await self._nested.stop()
            for registry in list(self._registries):
                self._close_registry(registry)
            await asyncio.gather(*self._closing, return_exceptions=True)
        finally:
            if self._owns_store:
                self._store.close()

    def _left(self, registry: TaskRegistry) -> None:
        """An execution with a registry of its own is not driven any more."""
        self._own[registry] -= 1
        if not self._own[registry]:
            del self._own[registry]
            self._close_registry(registry)

    def _close_registry(self, registry: TaskRegistry) -> None:
        """Close a registry's connections in the background; `close` waits for it."""
        self._registries.pop(registry, None)
        closing = asyncio.get_running_loop().create_task(registry.aclose())
        self._closing[closing] = None
        closing.add_done_callback(self._closing.pop)

    def _given(self, tasks: Tasks | None) -> TaskRegistry:
        return self._registry if tasks is None else _registry(tasks)

    def _drive(self, driven: Driven, commands: tuple[Command, ...], events: tuple[Event, ...]) -> None:
        self._registries[driven.registry] = None
        self._worker.drive(driven, commands, events)

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
        tasks: Tasks | None = None,
        durability: Durability | str | None = None,
        tasks_source: str | None = None,
    ) -> str:
        """Start an execution; its id.

        `input` is JSON data (None: an empty object), or a `Document` to keep its text. `name` is the id; starting again
        with the same name, definition and input gives the same execution (it is resumed if it was interrupted), with
        others ExecutionAlreadyExistsError. Raises DefinitionError, UnboundResourceError, BindingError, and
        StatemachineError for an input or a name that AWS would refuse, before anything is stored.
        """
        self._worker.require_running()
        execution_id = _checked_name(name)
        loaded = _loaded(definition)
        loaded.require_runnable()
        document = _checked_input(input, self._limits)
        registry = self._given(tasks)
        self._require_bound(loaded.program, registry)
        chosen = self._durability if durability is None else Durability(durability)
        if tasks is not None and not isinstance(tasks, TaskRegistry):
            self._own[registry] = 0
        name_of_machine = machine_name or machine_name_of(loaded)
        self._begin(loaded, document, execution_id, name_of_machine, registry, chosen, tasks_source)
        return execution_id

    def _begin(
        self,
        loaded: LoadedDefinition,
        document: Document,
        execution_id: str,
        machine_name: str,
        registry: TaskRegistry,
        durability: Durability,
        tasks_source: str | None = None,
    ) -> Driven | None:
        """Store and drive a new execution. None if the same one is there already; it is resumed if need be.

        Raises ExecutionAlreadyExistsError if another one is.
        """
        execution = new_execution(
            loaded.program,
            id=execution_id,
            input=document,
            seed=os.urandom(16),
            machine_name=machine_name,
            limits=self._limits,
        )
        now_ms = self._clock.now_ms()
        new = NewExecution(
            id=execution_id,
            machine_name=execution.machine_name,
            definition=loaded.text,
            definition_sha256=loaded.sha256,
            input=document,
            durability=durability,
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
            if existing.status is ExecutionStatus.RUNNING:
                self._resume(execution_id, registry)
            return None
        driven = Driven(execution, loaded.program, registry, durability, sequence=0)
        if registry in self._own:
            self._own[registry] += 1
            driven.on_left = partial(self._left, registry)
        self._drive(driven, *first_moves(execution, now_ms))
        return driven

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

    async def resume(self, execution_id: str | None = None, *, tasks: Tasks | None = None) -> list[str]:
        """Go on with an execution, or with all that have not ended and that no living process drives; their ids.

        One that has ended stays as it is. Raises ExecutionNotFoundError, ExecutionOwnedError, UnboundResourceError,
        BindingError, ReplayMismatchError; when it is about all, ResumeError with these, after the others were resumed.
        """
        self._worker.require_running()
        registry = self._given(tasks)
        if execution_id is not None:
            self._resume(execution_id, registry)
            return [execution_id]
        resumed: list[str] = []
        errors: dict[str, StatemachineError] = {}
        for record in self._interrupted():
            try:
                self._resume(record.id, registry)
                resumed.append(record.id)
            except ExecutionOwnedError:
                continue
            except StatemachineError as error:
                errors[record.id] = error
        if errors:
            raise ResumeError(errors, tuple(resumed))
        return resumed

    def _interrupted(self) -> list[ExecutionRecord]:
        """The executions that have not ended and are not driven here."""
        running = Filter(statuses=frozenset({ExecutionStatus.RUNNING}))
        found: list[ExecutionRecord] = []
        page = self._store.list(running, 200)
        while True:
            found += [each for each in page.records if each.id not in self._worker]
            if page.cursor is None:
                return found
            page = self._store.list(running, 200, page.cursor)

    def _require_bound(self, program: Program, registry: TaskRegistry) -> None:
        """Make the handlers of all Tasks of a program, and of the machines that it may start.

        Raises UnboundResourceError or BindingError, listing all faults, or what `require_data` raises.
        """
        programs = [program]
        if any(starts_execution(node.resource) for node in program.tasks()):
            programs += [each.program for each in self._nested.machines.values()]
        for each in programs:
            require_data(each, self._objects)
        registry.prepare(
            (node.resource.text, node.static_function_name)
            for each in programs
            for node in each.tasks()
            if not self._takes(node.resource, registry)
        )

    def _takes(self, resource: Resource, registry: TaskRegistry) -> bool:
        """Whether the engine itself sees to a task, since nothing is bound to it."""
        if registry.required(resource.text) is None:
            return False
        if resource.kind is ResourceKind.ACTIVITY:
            return resource.text in self._callbacks.activities
        return starts_execution(resource) and bool(self._nested.machines)

    def _resume(self, execution_id: str, registry: TaskRegistry) -> None:
        if execution_id not in self._worker:
            driven = self._claim(execution_id, registry, performs=True)
            if driven is not None:
                self._drive(driven, *first_moves(driven.execution, self._clock.now_ms()))

    def _claim(self, execution_id: str, registry: TaskRegistry, *, performs: bool) -> Driven | None:
        """Become the writer of an execution and load it; None if it has ended.

        Its tasks must be bound if it `performs` them.
        """
        recovery = self._store.claim(execution_id)
        record = recovery.record
        try:
            if record.status is not ExecutionStatus.RUNNING:
                self._store.release(execution_id)
                return None
            program = load_text(recovery.definition).program
            if performs:
                self._require_bound(program, registry)
            execution = recover(program, recovery, lambda after: self._store.history(execution_id, after))
        except BaseException:
            self._store.release(execution_id)
            raise
        return Driven(execution, program, registry, record.durability, record.sequence)

    async def stop(self, execution_id: str, error: str | None = None, cause: str | None = None) -> ExecutionResult:
        """End an execution as ABORTED; its tasks and timers are cancelled, and children that it waits for are stopped.
        One that has ended stays as it is.

        Raises ExecutionNotFoundError, and ExecutionOwnedError while another process drives it.
        """
        self._worker.require_running()
        children: list[str] = []
        why = ""
        if execution_id not in self._worker:
            driven = self._claim(execution_id, self._registry, performs=False)
            if driven is not None:
                children, why = self._nested.waited_for(driven), stop_cause(driven.execution)
                # Nothing is performed any more: what is outstanding ends with it.
                started = () if driven.execution.history_length else (ExecutionStarted(self._clock.now_ms()),)
                self._drive(driven, (), started)
        self._worker.post(execution_id, StopRequested(self._clock.now_ms(), error, cause))
        result = await self.wait(execution_id)
        for child in children:
            with suppress(ExecutionNotFoundError, ExecutionOwnedError):  # not started yet, or another process's
                await self.stop(child, None, why)
        return result

    async def send_task_success(self, token: str, output: Json = None) -> None:
        """End a task by its token, with JSON data; it is stored when this returns.

        Raises InvalidTokenError, TaskDoesNotExistError, TaskTimedOutError, and StatemachineError for an output that is
        not JSON data, or if the execution is not driven by this engine.
        """
        fault = find_fault(output)
        if fault is not None:
            raise StatemachineError(f"the output is not JSON data: {fault}")
        document = Document(copy_json(output))
        await self._callbacks.send(token, lambda now_ms, operation: TaskSucceeded(now_ms, operation, document))

    async def send_task_failure(self, token: str, error: str | None = None, cause: str | None = None) -> None:
        """Fail a task by its token. Raises as `send_task_success`."""
        failure = Failure(error, cause)
        await self._callbacks.send(token, lambda now_ms, operation: TaskFailed(now_ms, operation, failure))

    async def send_task_heartbeat(self, token: str) -> None:
        """Say that a task is alive. Raises as `send_task_success`."""
        self._callbacks.heartbeat(token)

    async def get_activity_task(
        self, activity_arn: str, worker_name: str | None = None, wait_seconds: float = 60.0
    ) -> ActivityTask | None:
        """Take a task of an activity, or wait for one; None if none comes in time.

        Its token is answered like any other. Raises ActivityDoesNotExistError if the engine was not given the activity.
        """
        return await self._callbacks.poll(activity_arn, worker_name, wait_seconds)

    def describe(self, execution_id: str) -> ExecutionRecord:
        """One execution. Raises ExecutionNotFoundError."""
        return self._store.get(execution_id)

    def history(self, execution_id: str) -> list[HistoryEvent]:
        """All history events of an execution."""
        return list(self._store.history(execution_id))

    def list(self, where: Filter = Filter(), limit: int = 50, cursor: str | None = None) -> Page:  # noqa: B008 - frozen
        """Executions, newest first."""
        return self._store.list(where, limit, cursor)


def machine_name_of(loaded: LoadedDefinition) -> str:
    """What to call a machine: its file's name without endings, or ``StateMachine``."""
    if loaded.file is None:
        return "StateMachine"
    name = Path(loaded.file).name
    for ending in (".json", ".yaml", ".yml", ".asl"):
        name = name.removesuffix(ending)
    return name or "StateMachine"


def _loaded(definition: Definition | LoadedDefinition) -> LoadedDefinition:
    return definition if isinstance(definition, LoadedDefinition) else load(definition)


def _registry(tasks: Tasks | None) -> TaskRegistry:
    return tasks if isinstance(tasks, TaskRegistry) else TaskRegistry(tasks or {})


def _check_concurrency(concurrency: int, per_resource: Mapping[str, int]) -> None:
    for name, number in (("concurrency", concurrency), *per_resource.items()):
        if not isinstance(number, int) or number < 1:
            raise StatemachineError(f"{name}: at least one task must be able to run, not {number!r:.80}")


def _checked_name(name: str | None) -> str:
    if name is None:
        return str(uuid.uuid4())
    if not isinstance(name, str) or len(name) > MAX_NAME or not _NAME.fullmatch(name):
        raise StatemachineError(
            f"an execution cannot be called {name!r:.100}: a name has 1 to {MAX_NAME} characters, no blanks, none of "
            """<>{}[]?*"#%\\^|~`$&,;:/ and does not begin with @ or -"""
        )
    return name


def _checked_input(input: Json, limits: Limits) -> Document:
    """The input as a document that shares nothing with the caller's data."""
    if isinstance(input, Document):
        document = input
    else:
        fault = find_fault(input)
        if fault is not None:
            raise StatemachineError(f"the input is not JSON data: {fault}")
        document = Document({} if input is None else copy_json(input))
    if limits.payload_bytes is not None and document.size > limits.payload_bytes:
        raise StatemachineError(
            f"the input has {document.size:,} bytes, more than the {limits.payload_bytes:,} that AWS allows; "
            "other limits (--limits none, or limits=UNLIMITED) lift this"
        )
    return document
