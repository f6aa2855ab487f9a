"""Engine: start, await, list, describe, stop and resume executions on a store. The library's front door.

An engine belongs to one event loop: ``async with Engine(...) as engine``. `SyncEngine` (runtime/sync.py) is the same
for programs without one.
"""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

from statemachine.errors import (
    ExecutionAlreadyExistsError,
    StatemachineError,
)
from statemachine.integrations.objects import ObjectStore, open_objects
from statemachine.integrations.registry import TaskRegistry
from statemachine.jsonvalue import Json
from statemachine.kernel.commands import ExecutionStatus
from statemachine.kernel.history import HistoryEvent
from statemachine.kernel.map_runs import MapRun
from statemachine.kernel.tokens import ActivityTask
from statemachine.limits import AWS_LIMITS, Limits
from statemachine.program.load import Definition, LoadedDefinition
from statemachine.runtime.bindings import Bindings, Tasks
from statemachine.runtime.callbacks import Callbacks
from statemachine.runtime.clock import Clock, SteadyClock, SystemClock
from statemachine.runtime.control import Control
from statemachine.runtime.driven import Driven, Receipt
from statemachine.runtime.mailbox import Mailbox
from statemachine.runtime.map_runs import map_runs
from statemachine.runtime.metrics import MetricsHook
from statemachine.runtime.nested import NestedExecutions
from statemachine.runtime.offers import Offers
from statemachine.runtime.redriving import not_redrivable
from statemachine.runtime.results import ExecutionResult, result_of, result_of_execution
from statemachine.runtime.resuming import Resumer
from statemachine.runtime.starting import (
    Start,
    check_numbers,
    checked_input,
    checked_name,
    is_same,
    loaded_definition,
    new_driven,
)
from statemachine.runtime.worker import Listener, Worker
from statemachine.store import open_store
from statemachine.store.base import Durability, ExecutionRecord, Filter, Page, Store
from statemachine.store.memory import MemoryStore

DEFAULT_CONCURRENCY = 64
STARTS_AT_ONCE = 128


class MixedBindingsError(StatemachineError):
    """Executions of one engine ask for different state machines by the same name, or for different places for data."""


class Engine:
    """Runs executions on one store.

    `store` is a path, ``"memory"``, an open Store, or None for the default place (``STATEMACHINE_STORE`` or
    ``.statemachine/store.db``). `tasks` binds resources to functions, handlers or targets (integrations/registry.py);
    `start` and `resume` may bind others. `machines` are the state machines that tasks may start, by ARN or name;
    `activities` the ARNs of those that workers poll (`get_activity_task`). `concurrency` bounds the tasks that run at a
    time, `resource_concurrency` those of a resource, `max_running` the executions that are in memory and do not only
    wait: others wait in the store. `data` is where ItemReader and ResultWriter find their buckets: a
    folder, ``"s3"``, an ObjectStore, or None for what ``STATEMACHINE_DATA`` says. `own_loop` says that the event loop
    serves nothing but the engine: it may wait for the disk then while a single execution runs, which is quicker.
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
        max_running: int | None = None,
        clock: Clock | None = None,
        data: ObjectStore | str | Path | None = None,
        metrics: MetricsHook | None = None,
        own_loop: bool = False,
    ) -> None:
        check_numbers({"concurrency": concurrency, "max_running": max_running, **(resource_concurrency or {})})
        chosen = Durability(durability)
        known = self._machines = {key: loaded_definition(each) for key, each in (machines or {}).items()}
        objects = open_objects(data)
        self._data = data
        self._owns_store = store is None or isinstance(store, str | Path)
        self._store: Store = open_store(store) if store is None or isinstance(store, str | Path) else store
        self._durability = chosen
        self._limits = limits
        self._clock = SteadyClock(clock or SystemClock())
        self._worker = Worker(
            self._store,
            self._clock,
            concurrency=concurrency,
            per_resource=resource_concurrency,
            # Without a disk there is nothing to wait for: a thread would only cost time.
            commit_in_thread=not isinstance(self._store, MemoryStore),
            objects=objects,
            max_running=max_running,
            metrics=metrics,
            own_loop=own_loop,
        )
        in_memory = isinstance(self._store, MemoryStore)
        self._offers = None if in_memory else Offers(self._store)
        self._callbacks = Callbacks(self._worker, self._store, self._clock, activities, self._offers)
        self._bindings = Bindings(tasks, objects, known, self._callbacks.activities)
        self._mailbox = Mailbox(self._worker, self._store)
        self._polls = not in_memory
        self._resumer = Resumer(self._worker, self._store, self._clock, self._bindings, self._mailbox)
        self._control = Control(
            self._worker,
            self._store,
            self._clock,
            self._bindings,
            self._callbacks,
            self._resumer,
            lambda driven: self._nested.waited_for(driven),  # noqa: PLW0108 - which is made below
        )
        self._nested = NestedExecutions(
            self._worker,
            self._store,
            self._clock,
            known,
            self._begin,
            self._resumer.resume,
            self._control.stop_elsewhere,
        )
        self._worker.takers.extend((self._callbacks, self._nested))

    @property
    def store(self) -> Store:
        """The store it runs on."""
        return self._store

    async def __aenter__(self) -> Self:
        self._worker.start()
        if self._polls:
            self._mailbox.start()
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
            await self._mailbox.stop()
            await self._worker.stop(release=not self._owns_store)
            if self._offers is not None:
                await self._offers.stop()
            self._control.close()
            await self._nested.stop()
            await self._bindings.close()
        finally:
            if self._owns_store:
                self._store.close()

    def require_running(self) -> None:
        """Raise StatemachineError if it drives nothing (any more): StoreError if the store failed."""
        self._worker.require_running()

    async def drain(self, timeout_seconds: float = 30.0) -> bool:
        """Close in peace: no new work is taken, handlers that run get so much time, and what comes of them is stored.
        Then as `close`: what has not ended can be resumed, by any process. Whether all handlers had ended in time."""
        self._worker.take_no_more()
        in_time = True
        try:
            await asyncio.wait_for(self._worker.drain(), timeout_seconds)
        except TimeoutError:
            in_time = False
        await self.close()
        return in_time

    def add(
        self,
        *,
        machines: Mapping[str, LoadedDefinition] | None = None,
        activities: Iterable[str] = (),
        data: str | Path | None = None,
    ) -> None:
        """Make more known to the engine: state machines that tasks may start, activities that workers poll, and the
        place for data.

        Raises MixedBindingsError, and changes nothing, if it knows another machine by the same key or another place;
        StatemachineError if there is no such place.
        """
        for key, loaded in (machines or {}).items():
            if self._machines.get(key, loaded).sha256 != loaded.sha256:
                raise MixedBindingsError(f"other executions have another state machine {key}")
        if data is not None and data != self._data:
            if self._bindings.objects is not None:
                raise MixedBindingsError(f"its data is in {data}, that of others in {self._data or 'another place'}")
            self._bindings.objects = self._worker.performer.transfers.objects = open_objects(data)
            self._data = data
        self._machines.update(machines or {})
        for each in activities:
            self._callbacks.add(each)

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
        await self._worker.room()
        start = self._checked_start(definition, input, name, machine_name, tasks, durability, tasks_source)
        await self._begin(start, own=_is_own(tasks))
        return start.execution_id

    def _checked_start(
        self,
        definition: Definition | LoadedDefinition,
        input: Json = None,
        name: str | None = None,
        machine_name: str | None = None,
        tasks: Tasks | None = None,
        durability: Durability | str | None = None,
        tasks_source: str | None = None,
    ) -> Start:
        self._worker.require_running()
        execution_id = checked_name(name)
        loaded = loaded_definition(definition)
        loaded.require_runnable()
        document = checked_input(input, self._limits)
        registry = self._bindings.of(tasks)
        self._bindings.require_bound(loaded.program, registry)
        return Start(
            loaded=loaded,
            input=document,
            execution_id=execution_id,
            machine_name=machine_name or loaded.machine_name,
            registry=registry,
            durability=self._durability if durability is None else Durability(durability),
            tasks_source=tasks_source,
        )

    async def start_many(
        self, definition: Definition | LoadedDefinition, inputs: Iterable[Json], **options: Json
    ) -> builtins.list[str]:
        """Start an execution for each input; their ids, in order. `options` are those of `start`, but for `name`.

        They share transactions. Raises as `start`; of the inputs before one that is refused some have been started.
        """
        loaded = loaded_definition(definition)
        own = _is_own(options.get("tasks"))
        options["tasks"] = self._bindings.of(options.get("tasks"))
        ids: builtins.list[str] = []
        remaining = iter(inputs)
        receipts: builtins.list[Receipt] = []
        while batch := list(islice(remaining, STARTS_AT_ONCE)):
            starts = [self._checked_start(loaded, each, **options) for each in batch]
            before, receipts = receipts, []
            for start in starts:
                driven, new = new_driven(start, self._limits, self._clock.now_ms())
                self._bindings.use(driven, own=own)
                receipts.append(self._worker.begin_soon(driven, new))
                ids.append(new.id)
            await asyncio.gather(*before)  # while these are stored, the next ones are made
        await asyncio.gather(*receipts)
        return ids

    async def _begin(self, start: Start, *, own: bool = False) -> Driven | None:
        """Store and drive a new execution. None if the same one is there already; it is resumed if need be.

        Raises ExecutionAlreadyExistsError if another one is.
        """
        driven, new = new_driven(start, self._limits, self._clock.now_ms())
        self._bindings.use(driven, own=own)
        try:
            await self._worker.begin(driven, new)
        except ExecutionAlreadyExistsError:
            existing = self._store.get(new.id)
            if not is_same(existing, new):
                raise
            if existing.status is ExecutionStatus.RUNNING:
                self._resumer.resume(new.id, start.registry, start.nesting)
            return None
        return driven

    async def wait(self, execution_id: str) -> ExecutionResult:
        """Wait until an execution has ended; how it ended.

        One that is not driven here must have ended. Raises what made it impossible to go on with it.
        """
        driven = self._worker.driven.get(execution_id)
        await self._worker.closed(execution_id)
        if driven is not None and driven.loaded is not None and driven.loaded.closed:
            return result_of_execution(driven.loaded)
        record = self._store.get(execution_id)
        if record.status is ExecutionStatus.RUNNING:
            raise StatemachineError(f"execution {execution_id} is not driven by this engine: resume it first")
        return result_of(record)

    async def run(self, definition: Definition, input: Json = None, **options: Json) -> ExecutionResult:
        """`start` and `wait`."""
        await self._worker.room()
        start = self._checked_start(definition, input, **options)
        driven = await self._begin(start, own=_is_own(options.get("tasks")))
        if driven is not None and start.execution_id not in self._worker and driven.execution.closed:
            return result_of_execution(driven.execution)
        return await self.wait(start.execution_id)

    async def resume(self, execution_id: str | None = None, *, tasks: Tasks | None = None) -> list[str]:
        """Go on with an execution, or with all that have not ended and that no living process drives; their ids.

        One that has ended stays as it is. Raises ExecutionNotFoundError, ExecutionOwnedError, UnboundResourceError,
        BindingError, ReplayMismatchError; when it is about all, ResumeError with these, after the others were resumed.
        """
        self._worker.require_running()
        registry = self._bindings.of(tasks)
        if execution_id is not None:
            self._resumer.resume(execution_id, registry)
            return [execution_id]
        return self._resumer.resume_all(registry)

    async def redrive(self, execution_id: str, *, tasks: Tasks | None = None) -> str:
        """Begin an execution again that has ended without success, where it was; its id. That it goes on is stored when
        this returns: `wait` for its end. What has completed is not run again.

        Raises ExecutionNotFoundError, ExecutionNotRedrivableError with AWS's reason, ExecutionOwnedError,
        UnboundResourceError, BindingError.
        """
        self._worker.require_running()
        if execution_id in self._worker:
            raise not_redrivable(execution_id, "Execution is RUNNING and cannot be redriven")
        self._resumer.redrive(execution_id, self._bindings.of(tasks))
        return execution_id

    async def stop(
        self,
        execution_id: str,
        error: str | None = None,
        cause: str | None = None,
        *,
        compensate: bool = False,
        tasks: Tasks | None = None,
    ) -> ExecutionResult:
        """End an execution as ABORTED; its tasks and timers are cancelled, and children that it waits for are stopped.
        With `compensate`, what it has completed is undone first, by `tasks` if nobody drives it. One that has ended
        stays as it is.

        If another process drives it, that one is asked to, through the store. Raises ExecutionNotFoundError, and
        NoAnswerError if that process does not.
        """
        self._worker.require_running()
        registry = self._bindings.of(tasks)
        await self._control.stop(execution_id, error, cause, compensate=compensate, registry=registry)
        return await self.wait(execution_id)

    async def send_task_success(self, token: str, output: Json = None) -> None:
        """End a task by its token, with JSON data; it is stored when this returns.

        If another process drives the execution, it is told through the store, and this waits for it; if none does, the
        answer is applied when the execution is resumed. Raises InvalidTokenError, TaskDoesNotExistError,
        TaskTimedOutError, NoAnswerError, and StatemachineError for an output that is not JSON data.
        """
        await self._control.send_task_success(token, output)

    async def send_task_failure(self, token: str, error: str | None = None, cause: str | None = None) -> None:
        """Fail a task by its token. Raises as `send_task_success`."""
        await self._control.send_task_failure(token, error, cause)

    async def send_task_heartbeat(self, token: str) -> None:
        """Say that a task is alive. Raises as `send_task_success`."""
        await self._control.send_task_heartbeat(token)

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

    def map_runs(self, execution_id: str) -> builtins.list[MapRun]:
        """The runs of distributed Maps that an execution has started, as far as they are stored, in that order.

        `describe_map_run` (kernel/map_runs.py) shows one as AWS does. Raises ExecutionNotFoundError.
        """
        return map_runs(self._store, execution_id)

    def list(self, where: Filter = Filter(), limit: int = 50, cursor: str | None = None) -> Page:  # noqa: B008 - frozen
        """Executions, newest first."""
        return self._store.list(where, limit, cursor)


def _is_own(tasks: Tasks | None) -> bool:
    """Whether a registry is made for one execution."""
    return tasks is not None and not isinstance(tasks, TaskRegistry)
