"""Threads: as many as needed, never waited for."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from typing import Any

import pytest

from statemachine.runtime import threads as module
from statemachine.runtime.threads import Threads


def test_it_gives_results_and_exceptions() -> None:
    async def scenario() -> tuple[Any, ...]:
        pool = Threads("test", 2)
        divided = await pool.call(divmod, 17, 5)
        with pytest.raises(ZeroDivisionError):
            await pool.call(divmod, 1, 0)
        pool.close()
        return divided

    assert asyncio.run(scenario()) == (3, 2)


@pytest.mark.parametrize("error", [StopIteration("x"), asyncio.CancelledError("x")])
def test_exceptions_that_would_confuse_the_loop_are_renamed(error: BaseException) -> None:
    def fail() -> None:
        raise error

    async def scenario() -> None:
        pool = Threads("test", 1)
        with pytest.raises(RuntimeError, match=type(error).__name__):
            await pool.call(fail)
        pool.close()

    asyncio.run(scenario())


def test_threads_are_daemons_with_a_name_and_are_used_again() -> None:
    async def scenario() -> list[threading.Thread]:
        pool = Threads("worker", 8)
        used = [await pool.call(threading.current_thread) for _ in range(20)]
        pool.close()
        return used

    used = asyncio.run(scenario())
    assert {each.name for each in used} == {"worker"}
    assert all(each.daemon for each in used)
    assert len({each.ident for each in used}) < 8


def test_it_runs_as_many_at_a_time_as_it_may() -> None:
    async def scenario() -> int:
        pool = Threads("test", 3)
        together = threading.Barrier(3)
        await asyncio.gather(*[pool.call(together.wait, 10) for _ in range(3)])
        together.reset()
        calls = [pool.call(together.wait, 10) for _ in range(9)]
        await asyncio.gather(*calls)
        size = len(pool)
        pool.close()
        return size

    assert asyncio.run(scenario()) == 3


def test_a_call_that_is_cancelled_before_its_turn_is_not_made() -> None:
    async def scenario() -> list[int]:
        pool = Threads("test", 1)
        gate = threading.Event()
        made: list[int] = []
        first = pool.call(gate.wait, 10)
        dropped = pool.call(made.append, 1)
        kept = pool.call(made.append, 2)
        dropped.cancel()
        gate.set()
        await asyncio.gather(first, kept)
        pool.close()
        return made

    assert asyncio.run(scenario()) == [2]


def test_the_result_of_a_cancelled_call_is_dropped() -> None:
    async def scenario() -> None:
        pool = Threads("test", 2)
        began, gate, done = threading.Event(), threading.Event(), threading.Event()

        def work() -> None:
            began.set()
            gate.wait(10)
            done.set()

        call = pool.call(work)
        await asyncio.to_thread(began.wait, 10)
        call.cancel()
        gate.set()
        await pool.call(done.wait, 10)
        await asyncio.sleep(0)
        pool.close()
        assert call.cancelled()

    asyncio.run(scenario())


def test_a_result_for_a_loop_that_is_closed_harms_nothing() -> None:
    pool = Threads("test", 1)
    gate, ended = threading.Event(), threading.Event()

    def work() -> None:
        gate.wait(10)

    async def begin() -> None:
        pool.call(work)

    asyncio.run(begin())
    gate.set()

    async def later() -> None:
        await pool.call(ended.set)  # the same thread goes on

    asyncio.run(later())
    assert ended.is_set()
    pool.close()


def test_a_closed_pool_takes_nothing_and_its_threads_end() -> None:
    async def scenario() -> threading.Thread:
        pool = Threads("test", 1)
        thread: threading.Thread = await pool.call(threading.current_thread)
        pool.close()
        with pytest.raises(RuntimeError, match="closed"):
            pool.call(print)
        return thread

    thread = asyncio.run(scenario())
    thread.join(10)
    assert not thread.is_alive()


def test_idle_threads_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE_SECONDS", 0)

    async def scenario() -> None:
        pool = Threads("test", 4)
        thread: threading.Thread = await pool.call(threading.current_thread)
        thread.join(10)
        assert not thread.is_alive()
        assert len(pool) == 0
        assert await pool.call(abs, -3) == 3
        pool.close()

    asyncio.run(scenario())


def test_where_no_thread_can_be_started_the_caller_learns_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def scenario() -> None:
        pool = Threads("test", 4)
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            with pytest.raises(RuntimeError, match="can't start"):
                pool.call(abs, 1)
        gate = threading.Event()
        first = pool.call(gate.wait, 10)
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            second = pool.call(abs, -2)  # it waits for the thread that is there
        gate.set()
        assert await asyncio.gather(first, second) == [True, 2]
        pool.close()

    asyncio.run(scenario())


def test_python_ends_although_a_call_hangs() -> None:
    code = """
import asyncio, time
from statemachine.runtime.threads import Threads
async def main():
    Threads("test", 1).call(time.sleep, 3600)
    await asyncio.sleep(0)
asyncio.run(main())
print("over")
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout.strip(), ended.stderr) == (0, "over", "")
