"""The definitions that the workloads run, made here: nothing has to be fetched to measure.

Rules
- Loops take their number of rounds from the input, so one definition serves every size.
- Payloads stay below AWS's 256 KiB at the sizes that are measured; the history limit is switched off.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

NOOP: Final = "arn:aws:lambda:us-east-1:123456789012:function:noop"
"""The one task: it is answered in this process, with an empty object."""

State = dict[str, Any]

_COUNT: Final[State] = {
    "Type": "Pass",
    "Parameters": {"i.$": "States.MathAdd($.loop.i, 1)", "limit.$": "$.loop.limit"},
    "ResultPath": "$.loop",
}


def _in_a_row(states: Mapping[str, State]) -> State:
    """States one after the other; the last one ends."""
    names = list(states)
    linked = {
        name: {**state, "Next": following} for (name, state), following in zip(states.items(), names[1:], strict=False)
    }
    return {"StartAt": names[0], "States": {**linked, names[-1]: {**states[names[-1]], "End": True}}}


def _rounds(body: Mapping[str, State]) -> State:
    """The body again and again until `loop.i` has reached `loop.limit`."""
    names = list(body)
    check = {"Variable": "$.loop.i", "NumericLessThanPath": "$.loop.limit", "Next": names[0]}
    states: State = {"More": {"Type": "Choice", "Choices": [check], "Default": "Done"}}
    for name, following in zip(names, [*names[1:], "More"], strict=True):
        states[name] = {**body[name], "Next": following}
    return {"StartAt": "More", "States": {**states, "Done": {"Type": "Succeed"}}}


def transitions() -> State:
    """W1: a Choice and a Pass in a loop."""
    return _rounds({"Count": _COUNT})


def choice() -> State:
    """W2: a Choice of twenty rules, of which the last one matches."""

    def never(number: int) -> State:
        alternatives = [
            {"Variable": "$.order.country", "StringEquals": f"X{number:02d}"},
            {
                "And": [
                    {"Variable": "$.order.priority", "BooleanEquals": True},
                    {"Not": {"Variable": "$.order.total", "NumericGreaterThan": 50 + number}},
                ]
            },
            {"Variable": "$.order.sku", "StringMatches": f"*-Z{number:02d}-*"},
        ]
        large = {"Variable": "$.order.total", "NumericGreaterThan": 100}
        present = {"Not": {"Variable": "$.order.cancelled", "IsPresent": True}}
        return {"And": [large, {"Or": alternatives}, present], "Next": "Wrong"}

    ended = {"Variable": "$.loop.i", "NumericGreaterThanEqualsPath": "$.loop.limit", "Next": "Done"}
    german = {"Variable": "$.order.country", "StringEquals": "DE"}
    large = {"Not": {"Variable": "$.order.total", "NumericLessThan": 100}}
    last = {"And": [german, large], "Next": "Count"}
    return {
        "StartAt": "Route",
        "States": {
            "Route": {"Type": "Choice", "Choices": [ended, *map(never, range(18)), last], "Default": "Wrong"},
            "Count": {**_COUNT, "Next": "Route"},
            "Wrong": {"Type": "Fail", "Error": "WrongRule"},
            "Done": {"Type": "Succeed"},
        },
    }


def tasks() -> State:
    """W3: a Choice, a Task and a Pass in a loop."""
    work = {"Type": "Task", "Resource": NOOP, "Parameters": {"v.$": "$.loop.i"}, "ResultPath": "$.result"}
    return _rounds({"Work": work, "Count": _COUNT})


def parallel(length: int) -> State:
    """W4: ten branches of this many Pass states."""
    branches = [
        _in_a_row({f"B{branch}P{number}": {"Type": "Pass"} for number in range(length)}) for branch in range(10)
    ]
    return _in_a_row({"Fan": {"Type": "Parallel", "Branches": branches}})


def inline_map(concurrency: int) -> State:
    """W5: an inline Map with one Pass for each item."""
    processor = {
        "ProcessorConfig": {"Mode": "INLINE"},
        "StartAt": "One",
        "States": {"One": {"Type": "Pass", "End": True}},
    }
    each = {"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": concurrency, "ItemProcessor": processor}
    return _in_a_row({"Each": each})


def data() -> State:
    """W6: a hundred Pass states on a large document: merges, filters and intrinsics."""

    def parameters(values: State, result_path: str) -> State:
        return {"Type": "Pass", "Parameters": values, "ResultPath": result_path}

    def state(number: int) -> State:
        match number % 5:
            case 0:
                return {"Type": "Pass", "Result": {"step": number}, "ResultPath": f"$.out.r{number}"}
            case 1:
                return parameters({"expensive.$": "$.items[?(@.price > 10)]"}, "$.filtered")
            case 2:
                return parameters(
                    {
                        "count.$": "States.ArrayLength($.items)",
                        "known.$": f"States.ArrayContains($.items[*].id, {number})",
                        "unique.$": "States.ArrayUnique($.filtered.expensive[*].stock.berlin)",
                    },
                    "$.stats",
                )
            case 3:
                return parameters({"merged.$": "States.JsonMerge($.meta, $.stats, false)"}, "$.merge")
            case _:
                return parameters(
                    {
                        "pairs.$": "States.ArrayPartition(States.Array($.items[0].id, $.items[1].id, 3, 4), 2)",
                        "line.$": "States.Format('{} of {}', $.items[3].name, $.stats.count)",
                        "pick.$": "States.ArrayGetItem($.filtered.expensive, 3)",
                    },
                    f"$.out.a{number}",
                )

    return _in_a_row({f"D{number:03d}": state(number) for number in range(100)})


def jsonata() -> State:
    """W7: a JSONata loop with `$filter` and `$map` over a hundred items."""
    totals = (
        "{% $map($filter($items, function($each) { $each.price > 50 }), "
        "function($each) { {'id': $each.id, 'total': $each.price * $each.qty} }) %}"
    )
    begin = {"i": 0, "limit": "{% $states.input.limit %}", "items": "{% $states.input.items %}"}
    return {
        "QueryLanguage": "JSONata",
        "StartAt": "Begin",
        "States": {
            "Begin": {"Type": "Pass", "Assign": begin, "Next": "More"},
            "More": {
                "Type": "Choice",
                "Choices": [{"Condition": "{% $i < $limit %}", "Next": "Body"}],
                "Default": "Done",
            },
            "Body": {
                "Type": "Pass",
                "Assign": {"i": "{% $i + 1 %}"},
                "Output": {"totals": totals, "round": "{% $i %}"},
                "Next": "More",
            },
            "Done": {"Type": "Succeed"},
        },
    }


def ten_states() -> State:
    """W8: ten states, with a merge, an intrinsic and a Choice among them."""
    passing = {f"P{number}": {"Type": "Pass"} for number in range(6)}
    first = dict(list(passing.items())[:4])
    last = dict(list(passing.items())[4:])
    merge = {"Type": "Pass", "Result": {"ok": True}, "ResultPath": "$.merged"}
    add = {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "ResultPath": "$.added"}
    definition = _in_a_row({**first, "Merge": merge, "Add": add, **last})
    definition["States"]["P5"] = {"Type": "Pass", "Next": "Route"}
    rule = {"Variable": "$.merged.ok", "BooleanEquals": True, "Next": "Done"}
    definition["States"]["Route"] = {"Type": "Choice", "Choices": [rule], "Default": "Done"}
    definition["States"]["Done"] = {"Type": "Succeed"}
    return definition


def wait(seconds: int) -> State:
    """W9: one Wait."""
    return _in_a_row({"Sleep": {"Type": "Wait", "Seconds": seconds}})


def articles(count: int) -> list[State]:
    """The items of W6: about 110 bytes each."""
    return [
        {
            "id": number,
            "name": f"article number {number:04d}",
            "price": round((number * 7919 % 1051) / 100, 2),
            "tags": ["alpha", f"t{number % 13}", f"u{number % 7}"],
            "stock": {"berlin": number % 11, "paris": number % 5},
        }
        for number in range(count)
    ]
