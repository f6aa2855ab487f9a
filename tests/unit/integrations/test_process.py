from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from statemachine.errors import DATA_LIMIT_EXCEEDED, TaskError
from statemachine.integrations.base import BindingError, TaskContext
from statemachine.integrations.process import ProcessHandler
from statemachine.integrations.results import MAX_CAUSE_CHARS
from statemachine.jsonvalue import Json

PYTHON = f"exec:{sys.executable} -c"


def script(code: str) -> str:
    return f"{PYTHON} '{code}'"


def run(target: str, arguments: Json, context: TaskContext, **options: int) -> Json:
    return asyncio.run(ProcessHandler(target, **options).perform(arguments, context))  # type: ignore[arg-type]


def failure(target: str, context: TaskContext, **options: int) -> TaskError:
    with pytest.raises(TaskError) as raised:
        run(target, {}, context, **options)
    return raised.value


@pytest.mark.parametrize("value", [None, 3, "ü", {"a": [1, {"b": 1.5}]}, ["x" * 300_000]])
def test_json_goes_in_and_comes_out(value: Json, context: TaskContext) -> None:
    assert run("exec:cat", value, context) == value


def test_words_are_split_but_no_shell_is_used(context: TaskContext) -> None:
    target = script("import json,sys; print(json.dumps(sys.argv[1:]))") + " 'a b' $HOME '*' ;"
    assert run(target, {}, context) == ["a b", "$HOME", "*", ";"]


def test_no_output_is_null_and_unread_input_does_no_harm(context: TaskContext) -> None:
    assert run("exec:true", ["x" * 1_000_000], context) is None
    assert run(script("print()"), {}, context) is None


def test_the_environment_names_the_call(context: TaskContext) -> None:
    code = (
        'import json,os; print(json.dumps({k[13:]: v for k, v in os.environ.items() if k.startswith("STATEMACHINE_")}))'
    )
    assert run(script(code), {}, context) == {
        "EXECUTION_ID": "order-7",
        "OPERATION_ID": "order-7/3",
        "TASK_TOKEN": "token-3",
        "STATE": "Pay",
        "ATTEMPT": "1",
    }


@pytest.mark.parametrize(
    ("code", "error", "cause"),
    [
        ('import sys; sys.stderr.write("ü bad"); sys.exit(3)', "Exec.ExitCode.3", {"exitCode": 3, "stderr": "ü bad"}),
        ("import os; os.kill(os.getpid(), 15)", "Exec.Signal.SIGTERM", {"signal": "SIGTERM", "stderr": ""}),
        ('print("[1]"); raise SystemExit(1)', "Exec.ExitCode.1", {"exitCode": 1, "stderr": ""}),
    ],
)
def test_a_status_is_an_error(code: str, error: str, cause: Json, context: TaskContext) -> None:
    raised = failure(script(code), context)
    assert raised.error == error
    assert json.loads(raised.cause or "") == cause


def test_a_process_may_name_its_error(context: TaskContext) -> None:
    code = 'print("""{"Error": "Card.Declined", "Cause": "no funds"}"""); raise SystemExit(1)'
    raised = failure(script(code), context)
    assert (raised.error, raised.cause) == ("Card.Declined", "no funds")
    raised = failure(script('print("""{"Error": "E"}"""); raise SystemExit(1)'), context)
    assert (raised.error, raised.cause) == ("E", None)


def test_the_end_of_standard_error_is_kept(context: TaskContext) -> None:
    code = r'import sys; sys.stderr.write("\n" * 500_000 + "the end"); sys.exit(1)'
    text = failure(script(code), context).cause or ""
    assert len(text) <= MAX_CAUSE_CHARS
    assert json.loads(text)["stderr"].endswith("\n\nthe end")
    assert len(json.loads(text)["stderr"]) > 10_000


@pytest.mark.parametrize("output", ["no json", '{"a": NaN}', '{"a":1,"a":2}', "[1] [2]"])
def test_output_that_is_no_json(output: str, context: TaskContext, tmp_path: Path) -> None:
    (tmp_path / "out").write_text(output)
    raised = failure(f"exec:cat {tmp_path / 'out'}", context)
    assert raised.error == "Exec.InvalidResult"
    assert output in (raised.cause or "")


def test_output_is_bounded(context: TaskContext) -> None:
    code = 'while True: print("x" * 1000)'
    raised = failure(script(code), context, max_result_bytes=10_000)
    assert raised.error == DATA_LIMIT_EXCEEDED
    assert "service limit" in (raised.cause or "")
    assert run(script('print("1" * 100)'), {}, context, max_result_bytes=101) == int("1" * 100)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")  # a zombie that nobody has collected yet is dead
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


async def gone(pid: int) -> bool:
    for _ in range(1_000):
        if not alive(pid):
            return True
        await asyncio.sleep(0.005)
    return False


PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1], "w").write(str(child.pid))
time.sleep(float(sys.argv[2]))
"""


async def child_of(path: Path) -> int:
    return await asyncio.to_thread(_child_of, path)


def _child_of(path: Path) -> int:
    while not path.exists() or not path.read_text():
        time.sleep(0.005)
    return int(path.read_text())


def test_cancellation_kills_the_process_and_its_children(context: TaskContext, tmp_path: Path) -> None:
    (tmp_path / "parent.py").write_text(PARENT)

    async def scenario() -> bool:
        handler = ProcessHandler(f"exec:{sys.executable} parent.py {tmp_path / 'pid'} 600", [tmp_path])
        work = asyncio.ensure_future(handler.perform({}, context))
        child = await child_of(tmp_path / "pid")
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        return await gone(child)

    assert asyncio.run(scenario())


@pytest.mark.parametrize("times", [1, 2])
def test_a_task_may_be_cancelled_while_its_program_starts(times: int, context: TaskContext, tmp_path: Path) -> None:
    """The program runs already, and has a child, while its pipes are still being connected."""
    (tmp_path / "parent.py").write_text(PARENT)

    async def scenario() -> bool:
        handler = ProcessHandler(f"exec:{sys.executable} parent.py {tmp_path / 'pid'} 600", [tmp_path])
        work = asyncio.ensure_future(handler.perform({}, context))
        for _ in range(3):  # turns of the loop: the process is made in the second, the pipes take some more
            await asyncio.sleep(0)
        child = _child_of(tmp_path / "pid")  # blocks the loop: the start goes no further
        for _ in range(times):
            work.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(work, 30)
        left = asyncio.all_tasks() - {
            asyncio.current_task()
        }  # a second cancellation does not end what ends the program
        await asyncio.wait(left or {work})
        return await gone(child)

    assert asyncio.run(scenario())


def test_nothing_outlives_a_task(context: TaskContext, tmp_path: Path) -> None:
    """The child holds the output open; the task ends all the same, and with it the child."""
    (tmp_path / "parent.py").write_text(PARENT)

    async def scenario() -> bool:
        handler = ProcessHandler(f"exec:{sys.executable} parent.py {tmp_path / 'pid'} 0", [tmp_path])
        assert await handler.perform({}, context) is None
        return await gone(await child_of(tmp_path / "pid"))

    assert asyncio.run(scenario())


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], Path]:
    def make(name: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('#!/bin/sh\necho "[\\"$0\\", \\"$(pwd)\\"]"\n')
        path.chmod(0o755)
        return path

    return make


@pytest.mark.parametrize("target", ["exec:charge.sh", "exec:./charge.sh", "exec:bin/charge.sh"])
def test_programs_are_found_beside_the_definition(
    target: str, program: Callable[[str], Path], context: TaskContext, tmp_path: Path
) -> None:
    path = program(target.removeprefix("exec:"))
    result = asyncio.run(ProcessHandler(target, [tmp_path]).perform({}, context))
    assert Path(result[0]).resolve() == path.resolve()
    assert Path(result[1]).resolve() == tmp_path.resolve()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("exec:no-such-program-x a", "there is no program 'no-such-program-x' in .* or PATH"),
        ("exec:./no-such", "there is no program './no-such' in "),
        ("exec:", "names no program"),
        ("exec:  ", "names no program"),
        ("exec:echo 'a", "no closing quotation"),
        ("exec:./data.txt", "is not executable; run chmod"),
    ],
)
def test_a_missing_program_is_found_before_anything_runs(target: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("x")
    with pytest.raises(BindingError, match=message):
        ProcessHandler(target, [tmp_path])


def test_a_program_that_vanishes_fails_its_task(
    program: Callable[[str], Path], context: TaskContext, tmp_path: Path
) -> None:
    path = program("gone.sh")
    handler = ProcessHandler("exec:./gone.sh", [tmp_path])
    path.unlink()
    with pytest.raises(TaskError) as raised:
        asyncio.run(handler.perform({}, context))
    assert raised.value.error == "Exec.NotStarted"
