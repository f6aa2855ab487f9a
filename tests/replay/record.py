"""Writes a journal for test_journals.py: ``python tests/replay/record.py NAME``.

A journal is a promise: what this release has written, every later one reads and replays with the same history. So a
file that exists is never written again. A new recording gets a new name.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
from statemachine.kernel.events import RedriveRequested, StopRequested, TaskHeartbeatLost, TaskSucceeded
from statemachine.kernel.fork import fork
from statemachine.kernel.history import to_api
from statemachine.kernel.snapshot import decode_event, decode_execution, encode_execution
from statemachine.limits import Limits
from statemachine.program.load import load_text
from statemachine.testing.mocks import Return, Throw
from statemachine.testing.virtual import VirtualHost

JOURNALS = Path(__file__).parent / "journals"


@dataclass
class Recorded:
    """A host that has run, the text of its definition, and the execution as it was before."""

    host: VirtualHost
    text: str
    start: bytes


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
    recorded = host(machine, {"k": 1}, {"T": [Return("never", 10)]}, run=False)
    made = recorded.host
    made.run(max_events=1)
    made.send(StopRequested(START_MS + 5_000, "Operator", "no longer wanted"))
    late = made._inbox[0][2]
    assert isinstance(late, TaskSucceeded | TaskHeartbeatLost)
    made.send(late)
    return recorded


def compensated() -> Recorded:
    """Undone twice: by a catcher, and at the end, inside a Parallel and a Map; one compensation fails, and is redriven
    while it is stopped."""
    legs = map_(
        block(Leg=task(CompensateWith="DropLeg", Assign={"leg.$": "$$.Map.Item.Value"}), Ok=pass_(End=True)),
        ItemsPath="$$.Execution.Input.legs",
        MaxConcurrency=1,
        ResultPath=None,
    )
    legs["ItemProcessor"]["States"]["DropLeg"] = task(
        Parameters={"leg.$": "$leg", "why.$": "$$.Compensation.Error", "item.$": "$$.Map.Item.Index"}, End=True
    )
    trip = block(
        Hotel=task(CompensateWith="Cancel", ResultPath="$.hotel"),
        Full=task(Catch=[catch("Cheaper", "Full", Compensate=True)], Next="Both"),
        Cheaper=pass_(Result={"hotel": "cheap"}),
        Both=parallel(block(Legs=legs), block(Slow=wait(2), Slower=wait(1)), ResultPath=None),
        Pay=task(Next="Paid"),
        Paid=pass_(End=True),
    )
    trip["States"] |= {
        "Cancel": task(Retry=[retry("Busy", IntervalSeconds=1, MaxAttempts=1)], Next="Cancelled"),
        "Cancelled": wait(1, End=True),
    }
    script = {
        "Hotel": [{"room": 7}],
        "Full": [Throw("Full")],
        "Cancel": [Throw("Busy"), Return("cancelled", 1)],
        "Leg": [Return({"seat": 1}, 1), Return({"seat": 2})],
        "DropLeg": [Throw("NotNow", "later"), Return("dropped"), Throw("NotNow"), Return("dropped", 5)],
        "Pay": [Throw("Declined", "no money")],
    }
    recorded = host(trip, {"legs": ["a", "b"]}, script)
    made = recorded.host
    made.send(RedriveRequested(made.execution.now_ms + 60_000))
    made.run()
    made.send(RedriveRequested(made.execution.now_ms + 60_000))
    made.send(StopRequested(made.execution.now_ms + 1_000, "Operator"))
    return recorded


def redriven() -> Recorded:
    """Stopped and redriven twice inside a Parallel with a Map; what can be undone stays so."""
    lines = map_(
        block(
            Price=task(Assign={"price.$": "$"}), Check=task(Parameters={"p.$": "$price", "n.$": "$$.State.RetryCount"})
        ),
        ItemsPath="$.lines",
        MaxConcurrency=2,
    )
    machine = block(
        Reserve=task(CompensateWith="Release", ResultPath="$.reserved"),
        Both=parallel(
            block(Lines=lines),
            block(Rest=wait(4), Report=task()),
            Retry=[retry("Busy", MaxAttempts=1)],
            ResultPath="$.r",
        ),
        Last=pass_(Parameters={"redrives.$": "$$.Execution.RedriveCount"}, End=True),
    )
    machine["States"]["Release"] = task(End=True)
    script = {
        "Reserve": ["reserved"],
        "Price": [10, 20, Return(30, 3)],
        "Check": [True, Return("slow", 30), True],
        "Report": [Return("never", 100), Return("told", 1)],
    }
    recorded = host(machine | {"TimeoutSeconds": 600}, {"lines": [1, 2, 3]}, script, Limits(fuel=7), run=False)
    made = recorded.host
    for stop_ms in (2_000, 9_000):
        made.run(until_ms=made.start_ms + stop_ms)
        made.send(StopRequested(made.execution.now_ms, "Operator", "a pause"))
        made.send(RedriveRequested(made.execution.now_ms + 1_000))
    made.run()
    return recorded


def map_runs() -> Recorded:
    """Map runs, one with a reader, batches and a writer, which is redriven after more failures than it tolerates."""
    bulk = distributed(
        block(Each=task(Retry=[retry("Busy", IntervalSeconds=1, MaxAttempts=1)])),
        ItemReader={
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket": "in", "Key": "items.json"},
        },
        ItemSelector={"value.$": "$$.Map.Item.Value", "at.$": "$$.Map.Item.Index"},
        ItemBatcher={"MaxItemsPerBatch": 2, "BatchInput": {"of.$": "$.of"}},
        ResultWriter={"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "out", "Prefix": "p"}},
        ToleratedFailureCount=2,
        MaxConcurrency=2,
        Label="Bulk",
        ResultPath="$.bulk",
    )
    small = distributed(
        block(Small=pass_(Parameters={"child.$": "$$.Execution.Id"})),
        ItemsPath="$.few",
        Label="Small",
        ResultPath="$.small",
    )
    machine = block(Small1=small, Bulk=bulk, Done=pass_())
    script = {"Each": [Throw("Bad"), Throw("Busy"), Throw("Worse", "much"), Return("fine", 2), Return("mended", 1)]}
    recorded = host(machine, {"of": "all", "few": ["x", "y"]}, script, Limits(fuel=9), run=False)
    made = recorded.host
    made.read_items = lambda _: [1, 2, 3, 4, 5]
    made.write_results = lambda _: {"Bucket": "out", "Key": "p/manifest.json"}
    made.run()
    made.send(RedriveRequested(made.execution.now_ms + 60_000))
    made.run()
    return recorded


def forked() -> Recorded:
    """A fork, made while a token was waited for, under a definition with another end: from its own first event on."""
    ask = task(
        "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        Parameters={"QueueUrl": "q", "MessageBody.$": "$$.Task.Token"},
        TimeoutSeconds=100,
    )
    old = block(First=pass_(Assign={"seen": [1]}), Both=parallel(block(Ask=ask), block(Rest=wait(50))), Last=pass_())
    new = {**old, "States": {**old["States"], "Last": pass_(Parameters={"new.$": "$seen"}, End=True)}}
    script = {"Ask": [Return("answer", 1)]}
    origin = host(old, {"k": 1}, script, run=False).host
    origin.run(max_events=1)
    recorded = host(new, {"k": 1}, script, run=False)
    fork(origin.execution, origin.program, recorded.host.program, id="fork", seed=SEED[::-1], now_ms=START_MS + 20_000)
    recorded.host.execution, recorded.start = origin.execution, encode_execution(origin.execution)
    recorded.host.run()
    return recorded


RECORDINGS: dict[str, Callable[[], Recorded]] = {
    each.__name__: each for each in (order, fan_out, stopped, compensated, redriven, map_runs, forked)
}


def host(
    machine: dict[str, Any], input: Any, script: Any, limits: Limits | None = None, *, run: bool = True
) -> Recorded:
    """A host that has run the machine, or is about to."""
    text = json.dumps(machine, ensure_ascii=False)
    program = load_text(text, None).program
    execution = new_execution(program, id="recorded", input=Document(input), seed=SEED, limits=limits or Limits())
    recorded = Recorded(VirtualHost(program, execution, performer(script)), text, encode_execution(execution))
    if run:
        recorded.host.run()
    return recorded


def journal(name: str) -> dict[str, Any]:
    """The journal of a recording: everything as text, exactly as it is stored."""
    recorded = RECORDINGS[name]()
    made = recorded.host
    execution = decode_execution(recorded.start)
    half = len(made.journal) // 2
    for encoded in made.journal[:half]:
        advance(made.program, execution, decode_event(encoded))
    return {
        "about": RECORDINGS[name].__doc__,
        "release": __version__,
        "definition": recorded.text,
        "start": recorded.start.decode(),
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
