"""The worker: drives many executions on one event loop.

Each turn takes every execution that has events, advances it, commits all of them in one transaction, and only then
performs the commands: nothing escapes before what led to it is on disk. While a commit waits for the disk, new events
gather for the next turn: one fsync serves all that are ready, those that begin included.

Rules
- A turn takes an execution once (stepping.py), and ends when it has made `HISTORY_PER_TURN` events or advanced
  `EXECUTIONS_PER_TURN` executions: what is left is first in the next one, and the loop has a moment for timers and
  handlers.
- What has begun comes before what begins, which has `BEGINS_PER_TURN` places all the same.
- A failed commit stops the worker: what is in memory is ahead of the store and must not be acted upon. All waiters get
  the error, and nothing can be driven any more. Results of handlers that were not stored are asked for again when the
  executions are resumed.
- An answer that somebody waits for (`Delivery`: tokens, activities, stops) is accepted when it is stored, not before.
- A listener that raises is dropped; it harms nothing else.
- Stopping ends the turn that is going on, its commit included. Waiters are told.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import islice
from typing import assert_never

from statemachine.errors import ExecutionAlreadyExistsError, StatemachineError, StoreError, TaskTimedOutError
from statemachine.integrations.objects import ObjectStore
from statemachine.kernel.commands import (
    CancelOperation,
    CloseExecution,
    Command,
    ReadItems,
    ScheduleTask,
    StartTimer,
    WriteResults,
    Yield,
)
from statemachine.kernel.events import Event, ExecutionStarted, Resumed, StopRequested, TaskEvent, TimerFired
from statemachine.kernel.execution import Execution
from statemachine.kernel.history import HistoryEvent
from statemachine.runtime.clock import Clock
from statemachine.runtime.committing import Committer, Turn, measure_turn
from statemachine.runtime.driven import Birth, Delivery, Driven, EngineClosedError, Receipt, give
from statemachine.runtime.garbage import Garbage
from statemachine.runtime.messages import encode_refusal
from statemachine.runtime.metrics import MetricsHook
from statemachine.runtime.performing import Performer, TaskTaker
from statemachine.runtime.recovery import first_moves
from statemachine.runtime.residency import Residency
from statemachine.runtime.starters import Starters
from statemachine.runtime.stepping import Stepper
from statemachine.runtime.tasks import Tasks
from statemachine.runtime.timers import Timers
from statemachine.runtime.transfers import Transfers
from statemachine.store.base import NewExecution, Settled, Store

HISTORY_PER_TURN = 5_000
EXECUTIONS_PER_TURN = 128
BEGINS_PER_TURN = 32
BEGINS_WAITING = 2 * EXECUTIONS_PER_TURN
"""So many are in memory before they are stored: who starts more waits until they are."""
DRAIN_LOOK_SECONDS = 0.01
REMEMBERED_ERRORS = 1_000
"""Executions that could not go on, whose error `closed` still knows."""

logger = logging.getLogger("statemachine.runtime")
logging.getLogger("statemachine").addHandler(logging.NullHandler())  # who asks gets the errors; logs are for who wants

Listener = Callable[[Execution, tuple[HistoryEvent, ...]], None]
"""Told of history once it is stored."""


class Worker:
    """Drives executions until stopped. All methods belong to the loop's thread."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        concurrency: int,
        per_resource: Mapping[str, int] | None = None,
        commit_in_thread: bool,
        own_loop: bool = False,
        objects: ObjectStore | None = None,
        max_running: int | None = None,
        metrics: MetricsHook | None = None,
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._clock = clock
        self._committer = Committer(store, in_thread=commit_in_thread, own_loop=own_loop)
        self._driven: dict[str, Driven] = {}
        self._errors: dict[str, Exception] = {}
        self._runnable: deque[Driven] = deque()
        self._begins: deque[Driven] = deque()
        self._starters = Starters(BEGINS_WAITING)
        self._settled: list[Settled] = []
        self._wake = asyncio.Event()
        self.performer = Performer(
            clock,
            self.post,
            self._driven.get,
            Timers(clock, self._timer_fired, metrics),
            Tasks(clock, self.answer, concurrency=concurrency, per_resource=per_resource, metrics=metrics),
            Transfers(clock, self.post, objects),
        )
        self._residency = Residency(
            store,
            max_running,
            is_at_rest=self.performer.is_at_rest,
            give_turn=self._enqueue,
            begin=self._make_first_moves,
        )
        self._stepper = Stepper(self._driven, self._residency, self.performer, self._refuse)
        self._garbage = Garbage()
        self._loop_task: asyncio.Task[None] | None = None
        self._stopping = False
        self._draining = False
        self._failure: Exception | None = None
        self.listeners: list[Listener] = []

    def __contains__(self, execution_id: str) -> bool:
        return execution_id in self._driven

    @property
    def driven(self) -> dict[str, Driven]:
        """The executions that are driven, by id; some may be parked."""
        return self._driven

    @property
    def takers(self) -> list[TaskTaker]:
        """Asked before a task is performed."""
        return self.performer.takers

    def start(self) -> None:
        """Begin to drive. A worker that was stopped stays so."""
        if self._loop_task is None and not self._stopping:
            self._loop_task = asyncio.get_running_loop().create_task(self._run(), name="statemachine-worker")

    def require_running(self) -> None:
        """Raise StatemachineError if nothing can be driven."""
        if self._failure is not None:
            raise StoreError(f"the engine has stopped: {self._failure}") from self._failure
        if self._stopping:
            raise StatemachineError("the engine is closed")
        if self._draining:
            raise StatemachineError("the engine is being closed: it takes no new work")
        if self._loop_task is None:
            raise StatemachineError("the engine is not running: use it in `async with Engine(...) as engine`")

    def take_no_more(self) -> None:
        """Begin and take over nothing any more. What is driven goes on."""
        self._draining = True

    async def drain(self) -> None:
        """Begin no task any more; wait until the handlers that run have ended and what came of them is stored."""
        await self.performer.tasks.drain()
        while self._runnable and self._failure is None:  # noqa: ASYNC110 - what is ready changes all the time
            await asyncio.sleep(DRAIN_LOOK_SECONDS)

    async def stop(self, *, release: bool = False) -> None:
        """Stop driving: tasks are cancelled, executions stay in the store to be resumed.

        They are given up one by one if the store is not going to be closed: `release`.
        """
        self._stopping = True
        self._wake.set()
        if self._loop_task is not None:
            await asyncio.gather(self._loop_task, return_exceptions=True)
        self._residency.stop()
        await self.performer.stop()
        self._committer.close()
        stored: list[str] = []
        for driven in list(self._driven.values()):
            what = "had ended; it can be resumed" if driven.birth is None else "was stored"
            if driven.birth is None:
                stored.append(driven.id)
            self._leave(driven, EngineClosedError(f"the engine was closed before execution {driven.id} {what}"))
        if release and stored:
            with suppress(StoreError):
                self._store.release(*stored)
        self._starters.let_all_in()
        self._stepper.stop()
        self._runnable.clear()
        self._begins.clear()

    # -- what comes from outside -------------------------------------------------------------------------------

    async def room(self) -> None:
        """Wait while more executions are about to begin than should be in memory."""
        await self._starters.wait(len(self._begins))

    async def begin(self, driven: Driven, new: NewExecution) -> None:
        """Store a new execution and drive it. It is stored when this returns.

        Raises ExecutionAlreadyExistsError if its name is taken, StatemachineError as `require_running`.
        """
        known = self._driven.get(new.id)
        if known is not None:
            self.require_running()
            if driven.on_left is not None:
                driven.on_left()
            if known.birth is not None:
                await asyncio.shield(known.birth.stored)
            raise ExecutionAlreadyExistsError(f"an execution {new.id!r} exists already; give the new one another name")
        await self.begin_soon(driven, new)

    def begin_soon(self, driven: Driven, new: NewExecution) -> Receipt:
        """As `begin`, for an id that is not driven here; the receipt is given when it is stored."""
        self.require_running()
        self._errors.pop(new.id, None)
        birth = driven.birth = Birth(new, asyncio.get_running_loop().create_future())
        driven.put(ExecutionStarted(new.started_ms))
        self._driven[new.id] = driven
        self._begins.append(driven)
        self._wake.set()
        return birth.stored

    def drive(self, driven: Driven, events: tuple[Event, ...] = (), *, performs: bool = True) -> None:
        """Take over an execution that is stored: perform what is outstanding, and deliver events after that.

        Raises StatemachineError as `require_running`.
        """
        self.require_running()
        self._errors.pop(driven.id, None)
        self._driven[driven.id] = driven
        if performs and not self._residency.has_room_for(driven):
            self._residency.wait(driven)
        else:
            self._residency.came()
            self._make_first_moves(driven, performs=performs)
        for event in events:
            self.post(driven.id, event)
        self._residency.rest(driven)

    def _make_first_moves(self, driven: Driven, *, performs: bool = True) -> None:
        commands, events = first_moves(driven.execution, self._clock.now_ms())
        for event in reversed(events):
            driven.put_first(event)
            self._enqueue(driven)
        if performs:
            for command in commands:
                self._perform(driven, command)

    async def closed(self, execution_id: str) -> None:
        """Wait until an execution that is driven here has ended and its end is stored. Raises what stopped it."""
        driven = self._driven.get(execution_id)
        if driven is not None:
            receipt = asyncio.get_running_loop().create_future()
            driven.closed = (*driven.closed, receipt)
            try:
                await receipt
            except asyncio.CancelledError:
                driven.closed = tuple(each for each in driven.closed if each is not receipt)
                raise
        elif (error := self._errors.get(execution_id)) is not None:
            raise error

    def post(self, execution_id: str, event: Event | Delivery) -> None:
        """Deliver an event. One for an execution that is not driven here is dropped."""
        driven = self._driven.get(execution_id)
        if driven is None:
            if isinstance(event, Delivery):
                self._refuse(event)
            return
        driven.put(event)
        self._enqueue(driven)

    def post_at_once(self, execution_id: str, event: StopRequested) -> bool:
        """Deliver an event in the turn that is going on, if that can be. Whether the execution is driven here."""
        driven = self._driven.get(execution_id)
        if driven is None:
            return False
        self.post(execution_id, event)
        if driven.birth is None:
            self._stepper.advance_too(driven)
        return True

    async def deliver(self, execution_id: str, event: TaskEvent | StopRequested) -> None:
        """Deliver an answer and wait until it is stored.

        Raises TaskTimedOutError if the task is over when its turn comes, or what stopped the execution.
        """
        driven = self._driven.get(execution_id)
        if driven is None:
            raise TaskTimedOutError("the execution of this task has ended")
        receipt = asyncio.get_running_loop().create_future()
        self.post(execution_id, Delivery(event, receipt))
        await receipt

    def need(self, execution_id: str, nesting: int) -> None:
        """Another execution waits for one that is driven here: it must not wait for room, which the other one takes."""
        driven = self._driven[execution_id]
        driven.nesting = max(driven.nesting, nesting)
        if nesting and driven.waits:
            self._load_or_give_up(driven)

    def load(self, driven: Driven) -> Execution:
        """The execution, from the store if it is parked or waits there. Raises StoreError."""
        return self._residency.load(driven)

    def answer(self, execution_id: str, event: TaskEvent) -> None:
        """Post what came of a task that this process performs."""
        self.performer.answer(execution_id, event)

    def beat(self, driven: Driven, operation: int) -> None:
        """A sign of life of a task."""
        self.performer.beat(driven, operation)

    def _timer_fired(self, key: tuple[str, int]) -> None:
        execution_id, operation = key
        if operation < 0:
            self.performer.heartbeat_lost(execution_id, -operation)
            return
        driven = self._driven.get(execution_id)
        if driven is None:
            return
        fired = TimerFired(self._clock.now_ms())
        if driven.inbox and isinstance(driven.inbox[-1], TimerFired):
            driven.inbox[-1] = fired  # one such event fires all timers that are due
        else:
            driven.put(fired)
            self._enqueue(driven)

    def _enqueue(self, driven: Driven) -> None:
        self._residency.stir(driven)
        if not driven.queued and driven.birth is None:
            driven.queued = True
            self._runnable.append(driven)
            self._wake.set()

    # -- the loop ----------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while not self._stopping:
                if self._runnable or self._begins or self._settled:
                    self._garbage.postpone()
                    await self._turn()
                    self._garbage.look_if_due()
                    await asyncio.sleep(0)
                else:
                    self._garbage.allow_if_quiet()
                    self._wake.clear()
                    await self._wake.wait()
        except Exception as error:
            logger.exception("the worker stopped")
            self._failure = error
            self._starters.let_all_in()
            for driven in list(self._driven.values()):
                self._give_up(driven, error)
        finally:
            self._garbage.allow()

    async def _turn(self) -> None:
        """Advance those that are ready, commit, perform."""
        turn = Turn()
        parked = [each for each in islice(self._runnable, EXECUTIONS_PER_TURN) if each.is_parked]
        states = await self._committer.at_rest([each.id for each in parked]) if parked else {}
        self._residency.take_back([each for each in parked if self._driven.get(each.id) is each], states)
        self._gather(turn)
        await self._committer.commit(turn, alone=self._is_alone(turn))
        if self._metrics is not None:
            self._measure(self._metrics, turn)
        if turn.begun or turn.refused:
            self._tell_starters(turn)
            await asyncio.sleep(0)  # who starts an execution knows that before anybody hears of it
        self._follow_up(turn)

    def _is_alone(self, turn: Turn) -> bool:
        """Whether nothing could go on while this turn is stored."""
        return len(turn.advanced) == 1 and not (self._runnable or self._begins or len(self.performer.tasks))

    def _gather(self, turn: Turn) -> None:
        """Advance those that are ready, and some that begin."""
        for _ in range(min(len(self._runnable), EXECUTIONS_PER_TURN)):
            driven = self._runnable.popleft()
            driven.queued = False
            self._stepper.advance(turn, driven)
            if turn.made >= HISTORY_PER_TURN:
                break
        room = max(EXECUTIONS_PER_TURN - len(turn.advanced), BEGINS_PER_TURN)
        until = max(HISTORY_PER_TURN, turn.made + HISTORY_PER_TURN // 4)
        while self._begins and room > 0 and turn.made < until:
            self._stepper.advance(turn, self._begins.popleft())
            room -= 1
        self._starters.let_in(len(self._begins))
        turn.settled, self._settled = self._settled, []

    def _measure(self, metrics: MetricsHook, turn: Turn) -> None:
        measure_turn(metrics, turn, self._committer.seconds)
        metrics.set("statemachine_driven", len(self._driven))
        metrics.set("statemachine_parked", len(self._driven) - self._residency.in_memory - len(self._begins))
        tasks = self.performer.tasks
        metrics.set("statemachine_tasks_running", tasks.running)
        metrics.set("statemachine_tasks_waiting", len(tasks) - tasks.running)

    def settle(self, settled: Settled) -> None:
        """Say what became of a message that changes nothing in the journal; stored with the next turn."""
        self._settled.append(settled)
        self._wake.set()

    def _refuse(self, delivery: Delivery) -> None:
        """What is delivered comes too late."""
        error = TaskTimedOutError("the task of this token is over")
        give(delivery.receipt, error)
        if delivery.message is not None:
            self.settle(Settled(delivery.message, encode_refusal(error)))

    def _follow_up(self, turn: Turn) -> None:
        """A turn is stored: tell who waits, and act."""
        newest = {each.driven: each for each in turn.advanced}  # one that was stopped in its own turn is there twice
        for each in turn.advanced:
            driven = each.driven
            if each.error is not None:
                self.give_up(driven.id, each.error)
                continue
            if each.waits:
                self._wait_in_store(driven)
                continue
            for delivery in driven.accepted or ():
                self.performer.delivered(driven, delivery.event)
                give(delivery.receipt)
            driven.accepted = None
            if each.history:
                self._tell(driven.execution, each.history)
            for command in each.commands:
                self._perform(driven, command)
            if self._driven.get(driven.id) is not driven or newest[driven] is not each:
                continue
            if driven.inbox:
                self._enqueue(driven)
            elif each.parks:
                self._residency.park(driven)
            else:
                self._residency.rest(driven)
        self._admit()

    def _tell_starters(self, turn: Turn) -> None:
        """Starts are stored, or refused."""
        for each in turn.advanced:
            birth, each.driven.birth = each.driven.birth, None
            if birth is not None:
                refused = turn.refused.get(birth.new.id)
                if refused is not None:
                    self._leave(each.driven, refused)
                give(birth.stored, refused)
        if turn.refused:
            turn.advanced = [each for each in turn.advanced if each.driven.id not in turn.refused]

    def _wait_in_store(self, driven: Driven) -> None:
        """An execution that was stored waits until there is room, or until something comes for it."""
        assert driven.inbox is not None
        driven.inbox.popleft()  # to begin is its first move then
        self._residency.left(driven)
        self._residency.wait(driven)
        if driven.inbox:
            self._enqueue(driven)

    def _tell(self, execution: Execution, history: tuple[HistoryEvent, ...]) -> None:
        for listener in list(self.listeners):
            try:
                listener(execution, history)
            except Exception:
                logger.exception("a listener failed; it is told nothing any more")
                self.listeners.remove(listener)

    def _perform(self, driven: Driven, command: Command) -> None:
        match command:
            case ScheduleTask() | StartTimer() | ReadItems() | WriteResults():
                self.performer.perform(driven, command)
            case CancelOperation(operation=operation):
                self.performer.cancel(driven, operation)
            case CloseExecution():
                self._leave(driven, None)
            case Yield():
                driven.put_first(Resumed(self._clock.now_ms()))
                self._enqueue(driven)
            case _:
                assert_never(command)

    def _admit(self) -> None:
        """Load executions that wait in the store while there is room."""
        while (driven := self._residency.next_with_room()) is not None:
            self._load_or_give_up(driven)

    def _load_or_give_up(self, driven: Driven) -> None:
        try:
            self.load(driven)
        except StatemachineError as error:
            self.give_up(driven.id, error)

    # -- the end -----------------------------------------------------------------------------------------------

    def give_up(self, execution_id: str, error: Exception) -> None:
        """Drive an execution no more, because of this error; it stays in the store as it was."""
        driven = self._driven.get(execution_id)
        if driven is not None:
            self._give_up(driven, error)
            with suppress(StoreError):
                self._store.release(execution_id)
            asyncio.get_running_loop().call_soon(self._admit)  # there is room now, and perhaps no turn to see it

    def _give_up(self, driven: Driven, error: Exception) -> None:
        """Drop an execution that cannot go on; it stays in the store as it was."""
        if driven.loaded is not None:
            for operation in driven.loaded.operations:
                self.performer.cancel(driven, operation)
        self._errors[driven.id] = error
        if len(self._errors) > REMEMBERED_ERRORS:
            del self._errors[next(iter(self._errors))]
        self._leave(driven, error)

    def _leave(self, driven: Driven, error: Exception | None) -> None:
        """Drive it no more, and tell those that wait."""
        self._driven.pop(driven.id, None)
        self._residency.left(driven)
        for receipt in driven.closed:
            give(receipt, error)
        driven.closed = ()
        if driven.birth is not None:
            give(driven.birth.stored, error)
        too_late = error or TaskTimedOutError("the execution of this task has ended")
        for delivery in (*(driven.accepted or ()), *(driven.inbox or ())):
            if isinstance(delivery, Delivery):
                give(delivery.receipt, too_late)
        driven.accepted = None
        if driven.on_left is not None:
            driven.on_left()
