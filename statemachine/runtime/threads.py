"""Threads for what blocks: handlers and commits.

Rules
- They are daemons. Python waits at its exit for the threads of a ThreadPoolExecutor, and a loop that ends waits for
  those of `asyncio.to_thread`: one handler that hangs would keep the program from ending.
- A call that is cancelled is left behind: its thread ends it, nobody waits, and another thread takes the next call.
- There are never more than `most` threads. Beyond that, calls wait in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

IDLE_SECONDS = 10.0
"""How long a thread waits for the next call before it ends."""


class _Job(NamedTuple):
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


class Threads:
    """A pool of daemon threads. Threads are started when they are needed."""

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._count = 0
        self._idle = 0
        self._closed = False

    def __len__(self) -> int:
        return self._count

    def call(self, function: Callable[..., Any], *arguments: Any) -> asyncio.Future[Any]:
        """Call a function in a thread; the future belongs to the running loop.

        Raises RuntimeError if the pool is closed, or if the system starts no thread and none is there.
        """
        loop = asyncio.get_running_loop()
        job = _Job(loop, loop.create_future(), function, arguments)
        with self._changed:
            if self._closed:
                raise RuntimeError("the threads are closed")
            if self._idle <= len(self._jobs) and self._count < self._most:
                self._start()
            self._jobs.append(job)
            self._changed.notify()
        return job.future

    def close(self) -> None:
        """Call nothing any more; threads end when their call has ended, and nobody waits for that."""
        with self._changed:
            self._closed = True
            self._jobs.clear()
            self._changed.notify_all()

    def _start(self) -> None:
        try:
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        except RuntimeError:
            if not self._count:
                raise
        else:
            self._count += 1

    def _work(self) -> None:
        while (job := self._next()) is not None:
            _run(job)
            del job  # an idle thread keeps nothing alive

    def _next(self) -> _Job | None:
        """The next job that is still wanted; None to end the thread."""
        with self._changed:
            while True:
                while self._jobs:
                    job = self._jobs.popleft()
                    if not job.future.cancelled():
                        return job
                self._idle += 1
                woken = not self._closed and self._changed.wait(IDLE_SECONDS)
                self._idle -= 1
                if not woken and not self._jobs:
                    self._count -= 1
                    return None


def _run(job: _Job) -> None:
    result: Any = None
    error: BaseException | None = None
    try:
        result = job.function(*job.arguments)
    except BaseException as raised:  # noqa: BLE001 - whatever it is, it belongs to the caller
        error = raised
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
        job.loop.call_soon_threadsafe(_settle, job.future, result, error)


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    elif isinstance(error, StopIteration | asyncio.CancelledError):
        # A future takes neither: the one would end a coroutine, the other look like its cancellation.
        future.set_exception(RuntimeError(f"{type(error).__name__} was raised: {error}"))
    else:
        future.set_exception(error)
