"""Taking up executions that are stored: resumed where they were interrupted, or redriven after they have ended.

Rules
- Whoever takes up an execution owns it first, and gives it up again if it cannot be driven here.
- What was sent to it meanwhile is applied before anything else; a child that nobody waits for any more is stopped.
"""

from __future__ import annotations

from collections.abc import Mapping

from statemachine.errors import ExecutionOwnedError, StatemachineError
from statemachine.integrations.registry import TaskRegistry
from statemachine.kernel.commands import ExecutionStatus
from statemachine.kernel.events import StopRequested
from statemachine.program.load import load_text
from statemachine.runtime.bindings import Bindings
from statemachine.runtime.clock import Clock
from statemachine.runtime.driven import Driven, entered_last
from statemachine.runtime.mailbox import Mailbox
from statemachine.runtime.orphans import orphaned_by
from statemachine.runtime.recovery import recover
from statemachine.runtime.redriving import begin_again
from statemachine.runtime.worker import Worker
from statemachine.store.base import ExecutionRecord, Filter, Store


class ResumeError(StatemachineError):
    """Some executions could not be resumed; `errors` says why, by id. `resumed` lists those that were."""

    def __init__(self, errors: Mapping[str, StatemachineError], resumed: tuple[str, ...]) -> None:
        listed = "".join(f"\n{execution_id}: {error}" for execution_id, error in errors.items())
        super().__init__(f"{len(errors)} of {len(errors) + len(resumed)} executions could not be resumed:{listed}")
        self.errors = dict(errors)
        self.resumed = resumed


class Resumer:
    """Takes up executions for an engine. Belongs to its loop."""

    def __init__(self, worker: Worker, store: Store, clock: Clock, bindings: Bindings, mailbox: Mailbox) -> None:
        self._worker = worker
        self._store = store
        self._clock = clock
        self._bindings = bindings
        self._mailbox = mailbox

    def resume(self, execution_id: str, registry: TaskRegistry, nesting: int = 0) -> None:
        """Go on with an execution, unless it has ended; so many others wait for it, one for the other. Raises as
        `Engine.resume`."""
        if execution_id in self._worker:
            self._worker.need(execution_id, nesting)
        else:
            driven = self.claim(execution_id, registry, performs=True)
            if driven is not None:
                driven.nesting = nesting
                self._bindings.use(driven)
                self._worker.drive(driven)
                self._mailbox.take_over(driven)
                orphaned = orphaned_by(self._store, self._store.get(execution_id))
                if orphaned is not None:
                    self._worker.post(execution_id, StopRequested(self._clock.now_ms(), None, orphaned))

    def resume_all(self, registry: TaskRegistry) -> list[str]:
        """Go on with all that no living process drives; their ids. Raises ResumeError after the others were resumed."""
        resumed: list[str] = []
        errors: dict[str, StatemachineError] = {}
        for record in self._interrupted():
            try:
                self.resume(record.id, registry)
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

    def redrive(self, execution_id: str, registry: TaskRegistry) -> None:
        """Begin an execution again that has ended without success. Raises as `Engine.redrive`."""
        driven = self.claim(execution_id, registry, performs=True, ended=True)
        assert driven is not None
        try:
            begin_again(self._store, driven, self._clock.now_ms())
        except BaseException:
            self._store.release(execution_id)
            raise
        self._bindings.use(driven)
        self._worker.drive(driven)
        self._mailbox.take_over(driven)

    def claim(self, execution_id: str, registry: TaskRegistry, *, performs: bool, ended: bool = False) -> Driven | None:
        """Become the writer of an execution and load it; None if it has ended, unless it is wanted all the same.

        Its tasks must be bound if it `performs` them.
        """
        recovery = self._store.claim(execution_id)
        record = recovery.record
        try:
            if record.status is not ExecutionStatus.RUNNING and not ended:
                self._store.release(execution_id)
                return None
            program = load_text(recovery.definition).program
            if performs:
                self._bindings.require_bound(program, registry)
            execution = recover(program, recovery, lambda after: self._store.history(execution_id, after))
        except BaseException:
            self._store.release(execution_id)
            raise
        driven = Driven(
            execution_id,
            program,
            registry,
            record.durability,
            record.sequence,
            execution,
            unsaved=len(recovery.events),
            states=record.states,
        )
        if execution.unwinding is not None and not execution.closed:
            until = execution.unwinding.began_at_event + 1
            driven.failed_in = entered_last(self._store.history(execution_id, until, reverse=True))
        return driven
