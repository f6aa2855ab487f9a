"""JSONata's official suite, when it lies beside the checkout (or where JSONATA_SUITE says): every case must pass."""

from __future__ import annotations

import json
import os
import random
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from statemachine.expressions.jsonata import (
    UNDEFINED,
    Environment,
    JsonataError,
    Limits,
    compile_jsonata,
    is_function,
)

BESIDE = Path(__file__).parents[3] / "shared" / "jsonata-suite"
SUITE = Path(os.environ.get("JSONATA_SUITE", BESIDE))

EQUIVALENT = {
    # the suite's own harness stops an endless loop by the clock and calls that U1001 as well; here steps are counted
    ("U1001", "U1002"),
}


def _load(name: str) -> Any:
    path = SUITE / name
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


CASES = _load("cases.json") or []
DATASETS = _load("datasets.json") or {}

pytestmark = pytest.mark.skipif(not CASES, reason=f"the official suite is not at {SUITE}")


def _input(case: dict[str, Any]) -> Any:
    if "dataset" not in case:
        return case.get("data", UNDEFINED)
    return UNDEFINED if case["dataset"] is None else DATASETS[case["dataset"]]


def _evaluate(case: dict[str, Any]) -> Any:
    limits = Limits(
        depth=case.get("depth", 400),
        value_bytes=2**28,
        total_bytes=2**31,
        steps=20_000_000,
    )
    environment = Environment(
        now_ms=int(time.time() * 1000), random=random.random, uuid=lambda: str(uuid.uuid4()), limits=limits
    )
    return compile_jsonata(case["expr"], limits=limits).evaluate(_input(case), case.get("bindings", {}), environment)


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left == pytest.approx(right, rel=1e-13)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    return bool(left == right)


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_case(case: dict[str, Any]) -> None:
    if "result" in case:
        result = _evaluate(case)
        assert not is_function(result)
        assert result is not UNDEFINED
        if case.get("unordered"):
            assert sorted(map(str, result)) == sorted(map(str, case["result"]))
        else:
            assert _same(result, case["result"]), result
    elif case.get("undefinedResult"):
        assert _evaluate(case) is UNDEFINED
    else:
        with pytest.raises(JsonataError) as caught:
            _evaluate(case)
        if "code" in case:
            assert caught.value.code == case["code"] or (case["code"], caught.value.code) in EQUIVALENT
        if "token" in case:
            assert caught.value.token == case["token"]
