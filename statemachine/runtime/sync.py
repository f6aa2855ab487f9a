"""SyncEngine: the Engine for programs without an event loop. It runs one in a thread of its own.

The thread is a daemon, and closing waits for no handler that goes on after its cancellation: a program always ends.
"""

from __future__ import annotations

import asyncio
import builtins
import threading
from collections.abc import Callable, Coroutine, Iterable
from types import TracebackType
from typing import Any, Self, TypeVar

from statemachine.errors import StatemachineError
from statemachine.jsonvalue import Json
from statemachine.kernel.history import HistoryEvent
from statemachine.kernel.map_runs import MapRun
from statemachine.kernel.tokens import ActivityTask
from statemachine.program.load import Definition
from statemachine.runtime.engine import Engine
from statemachine.runtime.results import ExecutionResult
from statemachine.store.base import ExecutionRecord, Filter, Page

T = TypeVar("T")


class SyncEngine:
    """The same methods as `Engine`, blocking, callable from any thread; use it as a context manager.

    All arguments are those of `Engine`.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self._engine = Engine(*args, **{"own_loop": True, **options})
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        if self._loop is not None:
            raise StatemachineError("this engine is in use already")
        loop = self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=loop.run_forever, name="statemachine-engine", daemon=True)
        self._thread.start()
        self._call(self._engine.__aenter__())
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """See `Engine.close`. The context manager does it."""
        self._end(self._engine.close)

    def drain(self, timeout_seconds: float = 30.0) -> bool:
        """See `Engine.drain`. True if it was closed before."""
        in_time = self._end(lambda: self._engine.drain(timeout_seconds))
        return in_time is not False

    def _end(self, close: Callable[[], Coroutine[Any, Any, T]]) -> T | None:
        """Close the engine, and end its thread and its loop."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None or loop.is_closed():
            return None
        try:
            return self._call(close())
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            if asyncio.all_tasks(loop):
                loop.set_exception_handler(lambda *_: None)  # handlers that go on: the engine has logged it
            loop.close()

    def _call(self, coroutine: Coroutine[Any, Any, T], timeout_seconds: float | None = None) -> T:
        loop = self._loop
        if loop is None or loop.is_closed():
            coroutine.close()
            state = "is not running: use it in `with SyncEngine(...) as engine`" if loop is None else "is closed"
            raise StatemachineError(f"the engine {state}")
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise StatemachineError("a handler on the engine's own loop cannot wait for it: use a sync handler")
        future = asyncio.run_coroutine_threadsafe(coroutine, loop)
        try:
            return future.result(timeout_seconds)
        finally:
            future.cancel()  # after a timeout or KeyboardInterrupt nobody waits any more

    def start(self, definition: Definition, input: Json = None, **options: Any) -> str:
        """See `Engine.start`."""
        return self._call(self._engine.start(definition, input, **options))

    def start_many(self, definition: Definition, inputs: Iterable[Json], **options: Any) -> builtins.list[str]:
        """See `Engine.start_many`."""
        return self._call(self._engine.start_many(definition, inputs, **options))

    def wait(self, execution_id: str, timeout_seconds: float | None = None) -> ExecutionResult:
        """See `Engine.wait`. Raises TimeoutError if it has not ended by then; it goes on."""
        return self._call(self._engine.wait(execution_id), timeout_seconds)

    def run(self, definition: Definition, input: Json = None, **options: Any) -> ExecutionResult:
        """See `Engine.run`."""
        return self._call(self._engine.run(definition, input, **options))

    def resume(self, execution_id: str | None = None, **options: Any) -> list[str]:
        """See `Engine.resume`."""
        return self._call(self._engine.resume(execution_id, **options))

    def redrive(self, execution_id: str, **options: Any) -> str:
        """See `Engine.redrive`."""
        return self._call(self._engine.redrive(execution_id, **options))

    def stop(self, execution_id: str, error: str | None = None, cause: str | None = None) -> ExecutionResult:
        """See `Engine.stop`."""
        return self._call(self._engine.stop(execution_id, error, cause))

    def send_task_success(self, token: str, output: Json = None) -> None:
        """See `Engine.send_task_success`."""
        self._call(self._engine.send_task_success(token, output))

    def send_task_failure(self, token: str, error: str | None = None, cause: str | None = None) -> None:
        """See `Engine.send_task_failure`."""
        self._call(self._engine.send_task_failure(token, error, cause))

    def send_task_heartbeat(self, token: str) -> None:
        """See `Engine.send_task_heartbeat`."""
        self._call(self._engine.send_task_heartbeat(token))

    def get_activity_task(
        self, activity_arn: str, worker_name: str | None = None, wait_seconds: float = 60.0
    ) -> ActivityTask | None:
        """See `Engine.get_activity_task`."""
        return self._call(self._engine.get_activity_task(activity_arn, worker_name, wait_seconds))

    def describe(self, execution_id: str) -> ExecutionRecord:
        """See `Engine.describe`."""
        return self._engine.describe(execution_id)

    def history(self, execution_id: str) -> list[HistoryEvent]:
        """See `Engine.history`."""
        return self._engine.history(execution_id)

    def map_runs(self, execution_id: str) -> builtins.list[MapRun]:
        """See `Engine.map_runs`."""
        return self._engine.map_runs(execution_id)

    def list(self, where: Filter = Filter(), limit: int = 50, cursor: str | None = None) -> Page:  # noqa: B008 - frozen
        """See `Engine.list`."""
        return self._engine.list(where, limit, cursor)


def run(definition: Definition, input: Json = None, *, store: Any = "memory", **options: Any) -> ExecutionResult:
    """Run one execution to its end: the call for a script.

    `definition` is data, a text or a path; `input` JSON data; ``tasks={resource: function}`` binds the tasks. Nothing
    is kept unless `store` names a place. Raises DefinitionError and UnboundResourceError before anything runs; how the
    execution ended is in the result (`unwrap()` gives the output or raises).
    """
    start_options = {key: options.pop(key) for key in ("name", "machine_name", "durability") if key in options}
    with SyncEngine(store, **options) as engine:
        return engine.run(definition, input, **start_options)
