"""The cases of data/jsonata-*.json: an expression, and its result, `"undefined": true`, or an error code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from statemachine.expressions.jsonata import UNDEFINED, Environment, JsonataError, compile_jsonata
from statemachine.expressions.jsonata.aws import AWS_FUNCTIONS
from statemachine.expressions.jsonata.functions import FUNCTIONS

DATA = Path(__file__).parent / "data"


def _cases() -> list[Any]:
    rows = []
    for path in sorted(DATA.glob("jsonata-*.json")):
        functions = AWS_FUNCTIONS if path.stem.endswith("-aws") else FUNCTIONS
        for group in json.loads(path.read_text(encoding="utf-8")):
            for case in group["cases"]:
                row = pytest.param(group["given"], case, functions, id=f"{path.stem[8:]}: {case['expression']}")
                rows.append(row)
    return rows


@pytest.mark.parametrize(("given", "case", "functions"), _cases())
def test_case(given: Any, case: dict[str, Any], functions: Any) -> None:
    environment = Environment(now_ms=1_700_000_000_000, random=lambda: 0.25, uuid=lambda: "a-uuid")

    def evaluate() -> Any:
        compiled = compile_jsonata(case["expression"], functions=functions)
        return compiled.evaluate(given, {"limit": 2, "states": {"input": given}}, environment)

    if "error" in case:
        with pytest.raises(JsonataError) as caught:
            evaluate()
        assert caught.value.code == case["error"]
    elif case.get("undefined"):
        assert evaluate() is UNDEFINED
    else:
        result = evaluate()
        assert json.dumps(result) == json.dumps(case["result"])
