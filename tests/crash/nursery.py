"""Starts processes quickly: one process that has imported everything, and forks.

``python nursery.py`` reads a request in JSON from each line of its input, and answers with a line:
``{"start": {part}}`` forks a process that plays the part (roles.py), and answers its id;
``{"end": id, "after": seconds}`` waits that long for it to end, kills it if it has not, and answers its exit status.
When the input ends, so do the processes.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any, Self

LOOK_SECONDS = 0.002


class Nursery:
    """The other end of it: starts and ends processes. For one thread."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def _ask(self, request: dict[str, Any]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def start(self, part: dict[str, Any]) -> int:
        """Start a process; its id."""
        return self._ask({"start": part})

    def end(self, process: int, after: float = 0.0) -> int:
        """Wait for a process to end, and kill it if it has not `after` so many seconds. Its exit status, negative for
        the signal that killed it."""
        return self._ask({"end": process, "after": after})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()


def main() -> None:
    """Serve the requests of standard input."""
    from roles import Part

    gc.collect()
    gc.freeze()
    living: set[int] = set()
    try:
        for line in sys.stdin:
            request = json.loads(line)
            if "start" in request:
                process = _fork(Part(**request["start"]))
                living.add(process)
                print(process, flush=True)
            else:
                process = request["end"]
                print(_end(process, request["after"]), flush=True)
                living.discard(process)
    finally:
        for process in living:
            _end(process, 0)


def _fork(part: Any) -> int:
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        from roles import play

        errors = os.open(Path(part.folder) / "errors", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        os.dup2(errors, 2)
        play(part)
        status = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)


def _end(process: int, after: float) -> int:
    until = time.monotonic() + after
    while True:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= until:
            os.kill(process, signal.SIGKILL)
            return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    main()
