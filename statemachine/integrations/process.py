"""``exec:program arguments``: a process as a task. JSON goes to its standard input, JSON comes from its output.

Rules
- No shell: the words are split as a shell would split them, and passed as they are. A program is looked for in the
  search path (the definition's directory) first, then in PATH, before anything runs. The working directory is the
  first directory of the search path.
- Exit status 0: the output is the result; no output is null. What is not JSON fails as Exec.InvalidResult.
- Another status n fails as ``Exec.ExitCode.n``, a signal as ``Exec.Signal.SIGTERM``; the cause is JSON with the status
  and the end of what was written to standard error. If the output is an object with a text ``Error``, that and its
  ``Cause`` are the failure instead.
- Cancellation kills the process and everything it started (its process group). What it leaves running when it ends is
  killed too: nothing outlives a task.
- Output and error text are bounded: too much output fails as States.DataLimitExceeded.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shlex
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from statemachine.errors import InvalidJsonError, TaskError
from statemachine.integrations.base import BindingError, TaskContext
from statemachine.integrations.results import MAX_CAUSE_CHARS, MAX_RESULT_BYTES, bounded, fitting, too_large
from statemachine.jsonvalue import Json, encode_json, load_json

INVALID_RESULT: Final = "Exec.InvalidResult"
NOT_STARTED: Final = "Exec.NotStarted"
_STDERR_BYTES: Final = 4 * MAX_CAUSE_CHARS
"""Kept of standard error: enough for a cause in any alphabet."""
_GRACE_SECONDS: Final = 1.0
"""How long pipes may stay open after the process has ended, for instance in a child that left its group."""


class ProcessHandler:
    """A TaskHandler that runs a program for each task. Raises BindingError if there is no such program."""

    blocking = False

    def __init__(
        self, target: str, search_path: Sequence[Path] = (), *, max_result_bytes: int = MAX_RESULT_BYTES
    ) -> None:
        self._argv = _split(target)
        self._argv[0] = _find_program(self._argv[0], target, search_path)
        self._directory = search_path[0] if search_path else None
        self._max_result_bytes = max_result_bytes

    async def perform(self, arguments: Json, context: TaskContext) -> Json:
        """Run the program once."""
        starting = asyncio.ensure_future(self._start(context))
        try:
            await asyncio.wait([starting])  # unlike await, it leaves what it waits for whole when it is cancelled
        except asyncio.CancelledError:
            await asyncio.wait([asyncio.ensure_future(_end_started(starting))])
            raise
        transport, process = starting.result()
        try:
            _feed(transport, encode_json(arguments))
            await asyncio.wait([process.exited])
            _kill_group(transport.get_pid())
            await asyncio.wait([process.closed], timeout=_GRACE_SECONDS)
        finally:
            await _end(transport, process)
        if process.stderr:
            context.logger.info("%s wrote to standard error:\n%s", self._argv[0], process.stderr_text())
        return self._result(process, transport.get_returncode())

    async def _start(self, context: TaskContext) -> tuple[asyncio.SubprocessTransport, _Process]:
        """Start the program. Never cancelled: asyncio, cancelled here, would wait for pipes that are not connected yet,
        for ever, and would leave alive what the program has started by then."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.subprocess_exec(
                lambda: _Process(loop, self._max_result_bytes),
                *self._argv,
                env=os.environ | _environment(context),
                cwd=self._directory,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise TaskError(NOT_STARTED, f"{self._argv[0]} could not be started: {error}") from error

    def _result(self, process: _Process, status: int | None) -> Json:
        if process.overflowed:
            raise too_large(Path(self._argv[0]).name)
        if status != 0:
            raise bounded(_failure(process, status or 0))
        if not process.stdout.strip():
            return None
        try:
            return load_json(bytes(process.stdout))
        except InvalidJsonError as error:
            start = bytes(process.stdout[:200]).decode("utf-8", "replace")
            raise TaskError(
                INVALID_RESULT, f"{self._argv[0]} did not write JSON to standard output: {error}. It begins: {start}"
            ) from None


class _Process(asyncio.SubprocessProtocol):
    """Collects what a process writes. `exited` is done when it has ended, `closed` when its pipes are closed too."""

    def __init__(self, loop: asyncio.AbstractEventLoop, max_result_bytes: int) -> None:
        self.exited: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self.stdout = bytearray()
        self.stderr = bytearray()
        self.overflowed = False
        self._open = {1, 2}
        self._max_result_bytes = max_result_bytes
        self._transport: asyncio.SubprocessTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._transport = transport

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 2:
            self.stderr += data
            del self.stderr[:-_STDERR_BYTES]
        elif not self.overflowed:
            self.stdout += data
            if len(self.stdout) > self._max_result_bytes:
                self.overflowed = True
                self.stdout.clear()
                assert self._transport is not None
                _kill_group(self._transport.get_pid())

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's
        self._open.discard(fd)
        if not self._open and not self.closed.done():
            self.closed.set_result(None)

    def process_exited(self) -> None:
        if not self.exited.done():
            self.exited.set_result(None)

    def stderr_text(self) -> str:
        """The end of standard error, as text."""
        return self.stderr.decode("utf-8", "replace")[-MAX_CAUSE_CHARS:]


async def _end_started(starting: asyncio.Future[tuple[asyncio.SubprocessTransport, _Process]]) -> None:
    """End what is not wanted any more as soon as it has started."""
    await asyncio.wait([starting])
    if starting.exception() is None:
        await _end(*starting.result())


async def _end(transport: asyncio.SubprocessTransport, process: _Process) -> None:
    """Leave nothing of the process behind, whether it has ended or not."""
    try:
        if not process.exited.done():
            _kill_group(transport.get_pid())
            await asyncio.wait([process.exited], timeout=_GRACE_SECONDS)
    finally:
        transport.close()


def _split(target: str) -> list[str]:
    command = target.removeprefix("exec:")
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise BindingError(f"'{target}': {str(error).lower()}") from None
    if not words:
        raise BindingError(f"'{target}' names no program: write exec:program arguments")
    return words


def _find_program(program: str, target: str, search_path: Sequence[Path]) -> str:
    """The program's absolute path."""
    candidates = [each / program for each in search_path] if search_path else []
    if os.sep in program and not candidates:
        candidates = [Path(program)]
    for candidate in candidates:
        if candidate.is_file():
            if not os.access(candidate, os.X_OK):
                raise BindingError(f"'{target}': {candidate} is not executable; run chmod +x {candidate}")
            return str(candidate.absolute())
    found = shutil.which(program) if os.sep not in program else None
    if found is None:
        places = [*(str(each) for each in search_path), *(["PATH"] if os.sep not in program else [])]
        raise BindingError(f"'{target}': there is no program '{program}' in {' or '.join(places) or Path.cwd()}")
    return str(Path(found).absolute())


def _environment(context: TaskContext) -> dict[str, str]:
    return {
        "STATEMACHINE_EXECUTION_ID": context.execution_id,
        "STATEMACHINE_OPERATION_ID": context.operation_id,
        "STATEMACHINE_TASK_TOKEN": context.token,
        "STATEMACHINE_STATE": context.state,
        "STATEMACHINE_ATTEMPT": str(context.attempt),
    }


def _feed(transport: asyncio.SubprocessTransport, data: bytes) -> None:
    """A program that does not read its input is no error."""
    pipe = transport.get_pipe_transport(0)
    assert isinstance(pipe, asyncio.WriteTransport)
    pipe.write(data)
    pipe.close()  # what is buffered is written first


def _kill_group(pid: int) -> None:
    """Kill the process and its descendants. Its session is its own, so the group's id is its process id."""
    # nobody is left, or only a zombie, which macOS refuses to signal
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _failure(process: _Process, status: int) -> TaskError:
    try:
        told = load_json(bytes(process.stdout))
    except InvalidJsonError:
        told = None
    if isinstance(told, dict) and isinstance(told.get("Error"), str):
        cause = told.get("Cause")
        return TaskError(told["Error"], cause if isinstance(cause, str | None) else json.dumps(cause))
    if status < 0:
        return TaskError(f"Exec.Signal.{_signal_name(-status)}", _cause({"signal": _signal_name(-status)}, process))
    return TaskError(f"Exec.ExitCode.{status}", _cause({"exitCode": status}, process))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _cause(details: dict[str, Json], process: _Process) -> str:
    """Details and the end of standard error as JSON."""
    return fitting(
        lambda tail: json.dumps({**details, "stderr": tail}, ensure_ascii=False), process.stderr_text(), keep_end=True
    )
