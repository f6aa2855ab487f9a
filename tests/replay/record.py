"""Writes a journal for test_journals.py: ``python tests/replay/record.py NAME``.

A journal is a promise: what this release has written, every later one reads and replays with the same history. So a
file that exists is never written again. A new recording gets a new name.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

sys.path.insert(0, str(Path(__file__).parents[1]))

from running import (
    SEED,
    START_MS,
    block,
    catch,
    choice,
    distributed,
    fail,
    map_,
    parallel,
    pass_,
    performer,
    retry,
    task,
    wait,
)

from statemachine import __version__
from statemachine.jsonvalue import Document
from statemachine.kernel.advance import advance, new_execution
from statemachine.kernel.events import StopRequested
from statemachine.kernel.history import to_api
from statemachine.kernel.snapshot import decode_event, decode_execution, encode_execution
from statemachine.limits import Limits
from statemachine.program.load import load_text
from statemachine.testing.mocks import Return, Throw
from statemachine.testing.virtual import VirtualHost

JOURNALS = Path(__file__).parent / "journals"

Recorded: TypeAlias = tuple[VirtualHost, str]
"""A host that has run, and the text of its definition."""


def order() -> Recorded:
    """One after another: retries with jitter, a catcher, a wait, a loop, variables, draws."""
    machine = block(
        Check=pass_(
            Parameters={"order.$": "$", "key.$": "States.UUID()"}, Assign={"tries": 0, "customer.$": "$.order.who"}
        ),
        Charge=task(
            Parameters={"key.$": "$.key", "attempt.$": "$$.State.RetryCount"},
            TimeoutSeconds=30,
            Retry=[
                retry("Busy", IntervalSeconds=2, MaxAttempts=3, MaxDelaySeconds=5, JitterStrategy="FULL"),
                retry("States.Timeout", MaxAttempts=1),
            ],
            Catch=[catch("Refused", "Card", ResultPath="$.error", Assign={"tries.$": "States.MathAdd($tries, 1)"})],
            ResultPath="$.receipt",
            Next="Ship",
        ),
        Refused=wait(3600),
        Again=choice({"Variable": "$tries", "NumericLessThan": 2, "Next": "Charge"}, default="Ship"),
        Ship=task("arn:aws:states:::sqs:sendMessage", Parameters={"QueueUrl": "q", "MessageBody.$": "$customer"}),
    )
    script = {
        "Charge": [
            Throw("Busy", "try later"), Return("too late", 60), Throw("Busy"), Throw("Card", "declined"), Throw("Busy"),
            Return({"paid": 12.5, "note": "é ]}"}, 0.5),
        ],
        "Ship": [{"MessageId": "m"}],
    }  # fmt: skip
    return host(machine, {"who": "Ada", "lines": [1, 2]}, script)


def fan_out() -> Recorded:
    """Side by side, in steps of a few transitions: nested, cut short, retried, tolerated."""
    lines = map_(
        block(
            Price=task(Assign={"price.$": "$"}, Retry=[retry("Flaky", MaxAttempts=1)]),
            Sum=pass_(Parameters={"i.$": "$$.Map.Item.Index", "p.$": "$price"}),
        ),
        MaxConcurrency=2,
        ItemSelector={"line.$": "$$.Map.Item.Value"},
    )
    bulk = distributed(
        block(
            Even=choice({"Variable": "$", "NumericEquals": 3, "Next": "Odd"}, default="Fine"),
            Fine=wait(1, End=True),
            Odd=fail("Odd"),
        ),
        ToleratedFailureCount=1,
        MaxConcurrency=2,
        Label="Bulk",
    )
    doomed = parallel(
        block(Slow=task(TimeoutSeconds=100)),
        block(Soon=wait(2), Stop=fail("Stopped", "on purpose")),
        Retry=[retry("Stopped", MaxAttempts=1)],
        Catch=[catch("Rescued", ResultPath="$[2]")],
    )
    machine = block(
        All=parallel(
            block(Lines=lines), block(Bulk=bulk), block(Doomed=doomed, Never=pass_(End=True), Rescued=pass_())
        ),
        Done=pass_(OutputPath="$[0]"),
    )
    script = {"Price": [10, Throw("Flaky"), 20, Return(30, 3)], "Slow": [Return("slow", 50)]}
    return host(machine, [1, 2, 3], script, Limits(fuel=4))


def stopped() -> Recorded:
    """Taken down from outside, while a task and a timer are under way; an answer comes after that."""
    machine = block(P=parallel(block(T=task(HeartbeatSeconds=20)), block(W=wait(500)))) | {"TimeoutSeconds": 900}
    made, text = host(machine, {"k": 1}, {"T": [Return("never", 10)]}, run=False)
    made.run(max_events=1)
    made.send(StopRequested(START_MS + 5_000, "Operator", "no longer wanted"))
    late = made._inbox[0][2]
    made.send(late)
    return made, text


RECORDINGS: dict[str, Callable[[], Recorded]] = {"order": order, "fan_out": fan_out, "stopped": stopped}


def host(
    machine: dict[str, Any], input: Any, script: Any, limits: Limits | None = None, *, run: bool = True
) -> Recorded:
    """A host that has run the machine, or is about to."""
    text = json.dumps(machine, ensure_ascii=False)
    program = load_text(text, None).program
    execution = new_execution(program, id="recorded", input=Document(input), seed=SEED, limits=limits or Limits())
    made = VirtualHost(program, execution, performer(script))
    if run:
        made.run()
    return made, text


def journal(name: str) -> dict[str, Any]:
    """The journal of a recording: everything as text, exactly as it is stored."""
    made, text = RECORDINGS[name]()
    start = new_execution(
        made.program, id="recorded", input=made.execution.input, seed=SEED, limits=made.execution.limits
    )
    execution = decode_execution(encode_execution(start))
    half = len(made.journal) // 2
    for encoded in made.journal[:half]:
        advance(made.program, execution, decode_event(encoded))
    return {
        "about": RECORDINGS[name].__doc__,
        "release": __version__,
        "definition": text,
        "start": encode_execution(start).decode(),
        "events": [each.decode() for each in made.journal],
        "half": half,
        "snapshot": encode_execution(execution).decode(),
        "end": encode_execution(made.execution).decode(),
        "history": [to_api(event) for event in made.history],
    }


def main(name: str) -> None:
    """Write a new journal."""
    path = JOURNALS / f"{name}.json"
    if path.exists():
        raise SystemExit(f"{path} exists: a journal is never written again. Record under a new name.")
    path.write_text(json.dumps(journal(name), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
