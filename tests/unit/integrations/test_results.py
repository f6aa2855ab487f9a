from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.errors import TaskError
from statemachine.integrations.results import MAX_CAUSE_CHARS, bounded, copy_json, find_fault, message_of
from statemachine.jsonvalue import MAX_DEPTH, Json


class Level(IntEnum):
    LOW = 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
)


def containers(value: Json) -> list[Json]:
    if isinstance(value, dict):
        return [value, *(each for item in value.values() for each in containers(item))]
    if isinstance(value, list):
        return [value, *(each for item in value for each in containers(item))]
    return []


@given(JSON)
def test_json_has_no_fault_and_its_copy_is_equal_but_shares_no_container(value: Json) -> None:
    copied = copy_json(value)
    assert find_fault(value) is None
    assert copied == value
    assert not {id(each) for each in containers(value)} & {id(each) for each in containers(copied)}


def test_a_container_that_occurs_twice_is_copied_twice() -> None:
    shared: list[int] = []
    copied = copy_json([shared, shared])
    copied[0].append(1)
    assert copied == [[1], []]


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ((1, 2), "$: a tuple is not JSON (return a list)"),
        ({"items": [1, {2}]}, "$.items[1]: a set is not JSON (return a list)"),
        ({"a": {"when": datetime.now(UTC)}}, "$.a.when: a datetime is not JSON (return its isoformat())"),
        ([Decimal("1.1")], "$[0]: a Decimal is not JSON (return an int, a float or a str)"),
        (b"x", "$: a bytes is not JSON (decode it)"),
        (object(), "$: a object is not JSON"),
        (OrderedDict(a=1), "$: a OrderedDict is not JSON"),
        ([Level.LOW], "$[0]: a Level is not JSON"),
        ({"n": float("nan")}, "$.n: nan is not a JSON number"),
        ([float("-inf")], "$[0]: -inf is not a JSON number"),
        ({"a": {1: 2}}, "$.a: the key 1 is not a string"),
    ],
)
def test_a_fault_names_type_and_place(value: object, fault: str) -> None:
    assert find_fault(value) == fault


def test_depth_is_bounded_and_cycles_are_found() -> None:
    deep: list[object] = []
    for _ in range(MAX_DEPTH - 1):
        deep = [deep]
    assert find_fault(deep) is None
    assert find_fault([deep]) == f"nested deeper than {MAX_DEPTH} levels"
    cycle: list[object] = []
    cycle += [cycle, cycle]
    assert find_fault(cycle) == f"nested deeper than {MAX_DEPTH} levels"


def test_errors_and_causes_are_bounded() -> None:
    short = TaskError("E", "c")
    assert bounded(short) is short
    long = bounded(TaskError("E" * 300, "c" * 40_000))
    assert (len(long.error), len(long.cause or "")) == (256, MAX_CAUSE_CHARS)
    assert bounded(TaskError(404, ValueError("x"))).error == "404"  # type: ignore[arg-type]


def test_a_message_that_cannot_be_made_is_no_second_failure() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise LookupError

    assert message_of(Broken()) == "<Broken: its message failed with LookupError>"
