"""Control from outside: stopping executions and answering tokens, whichever process drives the execution.

Rules
- What is driven here gets an event; what another process drives is sent a message through the store, and who asked
  waits for what comes of it.
- An execution that nobody drives is stopped here, and so are the children that it waits for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from statemachine.errors import ExecutionNotFoundError, ExecutionOwnedError, Failure, StatemachineError, StoreError
from statemachine.integrations.registry import TaskRegistry
from statemachine.integrations.results import copy_json, find_fault
from statemachine.jsonvalue import Document, Json
from statemachine.kernel.commands import ExecutionStatus
from statemachine.kernel.events import StopRequested, TaskFailed, TaskSucceeded
from statemachine.kernel.nested import stop_cause
from statemachine.runtime import remote
from statemachine.runtime.bindings import Bindings
from statemachine.runtime.callbacks import Callbacks
from statemachine.runtime.clock import Clock
from statemachine.runtime.driven import Driven
from statemachine.runtime.messages import encode_body
from statemachine.runtime.resuming import Resumer
from statemachine.runtime.threads import Threads
from statemachine.runtime.worker import Worker
from statemachine.store.base import Store

REMOTE_CALLS = 16
LOOK_SECONDS = 0.5
"""How often an execution that another process drives is looked at."""


class Control:
    """Stops executions and answers tokens for an engine. Belongs to its loop.

    `children_of` gives the ids of the children that an execution waits for.
    """

    def __init__(
        self,
        worker: Worker,
        store: Store,
        clock: Clock,
        bindings: Bindings,
        callbacks: Callbacks,
        resumer: Resumer,
        children_of: Callable[[Driven], list[str]],
    ) -> None:
        self._worker = worker
        self._store = store
        self._clock = clock
        self._bindings = bindings
        self._callbacks = callbacks
        self._resumer = resumer
        self._children_of = children_of
        self._threads = Threads("statemachine-remote", REMOTE_CALLS)

    def close(self) -> None:
        """Send nothing any more."""
        self._threads.close()

    async def stop(
        self, execution_id: str, error: str | None, cause: str | None, *, compensate: bool, registry: TaskRegistry
    ) -> None:
        """See `Engine.stop`. It has ended when this returns."""
        children: list[str] = []
        why = ""
        if execution_id not in self._worker:
            try:
                driven = self._resumer.claim(execution_id, registry, performs=compensate)
            except ExecutionOwnedError:
                await self._stop_owned(execution_id, error, cause, compensate=compensate, registry=registry)
                return
            if driven is not None:
                children, why = self._children_of(driven), stop_cause(driven.execution)
                self._bindings.use(driven)
                # Unless it compensates, nothing is performed any more: what is outstanding ends with it.
                self._worker.drive(driven, performs=compensate)
        self._worker.post(execution_id, StopRequested(self._clock.now_ms(), error, cause, compensate))
        await self._worker.closed(execution_id)
        for child in children:
            with suppress(ExecutionNotFoundError):  # not started yet
                await self.stop(child, None, why, compensate=False, registry=self._bindings.default)

    async def _stop_owned(
        self, execution_id: str, error: str | None, cause: str | None, *, compensate: bool, registry: TaskRegistry
    ) -> None:
        """Have another process stop an execution; this one does if that one has died meanwhile."""
        stop = partial(remote.stop_execution, compensate=compensate)
        if await self._elsewhere(stop, execution_id, error, cause) is remote.Sent.LEFT:
            await self.stop(execution_id, error, cause, compensate=compensate, registry=registry)
            return
        while self._store.get(execution_id).status is ExecutionStatus.RUNNING:  # noqa: ASYNC110 - the store tells nobody
            await asyncio.sleep(LOOK_SECONDS)  # it compensates

    def stop_elsewhere(self, execution_id: str, cause: str) -> None:
        """Ask the process that drives an execution, now or later, to stop it."""
        self._threads.call(self._send_stop, execution_id, cause)

    def _send_stop(self, execution_id: str, cause: str) -> None:
        now_ms = self._clock.now_ms()
        with suppress(StoreError):  # it has ended, or is stopped when it is resumed
            self._store.send(execution_id, encode_body(StopRequested(now_ms, None, cause)), now_ms)

    async def _elsewhere(self, send: Callable[..., remote.Sent], *arguments: Json) -> remote.Sent:
        """Send a message to whoever drives an execution, and wait for what comes of it."""
        sent: remote.Sent = await self._threads.call(
            partial(send, self._store, *arguments, now_ms=self._clock.now_ms())
        )
        return sent

    async def send_task_success(self, token: str, output: Json = None) -> None:
        """See `Engine.send_task_success`."""
        fault = find_fault(output)
        if fault is not None:
            raise StatemachineError(f"the output is not JSON data: {fault}")
        document = Document(copy_json(output))
        if not self._callbacks.drives(token):
            await self._elsewhere(remote.send_task_success, token, output)
            return
        await self._callbacks.send(token, lambda now_ms, operation: TaskSucceeded(now_ms, operation, document))

    async def send_task_failure(self, token: str, error: str | None = None, cause: str | None = None) -> None:
        """See `Engine.send_task_failure`."""
        if not self._callbacks.drives(token):
            await self._elsewhere(remote.send_task_failure, token, error, cause)
            return
        failure = Failure(error, cause)
        await self._callbacks.send(token, lambda now_ms, operation: TaskFailed(now_ms, operation, failure))

    async def send_task_heartbeat(self, token: str) -> None:
        """See `Engine.send_task_heartbeat`."""
        if not self._callbacks.drives(token):
            await self._elsewhere(remote.send_task_heartbeat, token)
            return
        self._callbacks.heartbeat(token)
