"""Names that the context object and $states do not have."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.definition.diagnostics import Severity
from statemachine.definition.source import source_of_value
from statemachine.program.context_fields import check_context_fields
from statemachine.program.load import check


def machine(language: str, **state: Any) -> dict[str, Any]:
    return {"QueryLanguage": language, "StartAt": "A", "States": {"A": {"Type": "Pass", "End": True, **state}}}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$$.Execution.Id", None),
        ("$$.Execution.Input.anything.at.all", None),
        ("$$.Map.Item.Value.anything", None),
        ("$$", None),
        ("$$['Execution']", None),
        ("States.Format('{}', $$.Task.Token)", None),
        ("$.Execution.Nmae", None),
        ("$$.Execution.Nmae", ("`$$.Execution` has no field 'Nmae'", "did you mean `Name`?")),
        ("$$.Excution.Id", ("`$$` has no field 'Excution'", "did you mean `Execution`?")),
        ("States.Format('{}', $$.Task.Tokn)", ("`$$.Task` has no field 'Tokn'", "did you mean `Token`?")),
        ("$$.Map.Item.Zzz", ("`$$.Map.Item` has no field 'Zzz'", "it has Index, Value, Key, Source")),
    ],
)
def test_paths(path: str, expected: tuple[str, str] | None) -> None:
    found = list(check_context_fields(machine("JSONPath", Parameters={"a.$": path, "b": path})))
    assert [(each.message, each.suggestion) for each in found] == ([] if expected is None else [expected])
    assert all(each.severity is Severity.WARNING for each in found)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("$states.context.Execution.Id", None),
        ("$states.input.contxt & $mystates.nothing", None),
        ("$states", None),
        ("$states.contxt.Execution", ("`$states` has no field 'contxt'", "did you mean `context`?")),
        ("1 + $states.context.State.Nme", ("`$states.context.State` has no field 'Nme'", "did you mean `Name`?")),
    ],
)
def test_expressions(expression: str, expected: tuple[str, str] | None) -> None:
    found = list(check_context_fields(machine("JSONata", Output=["{% " + expression + " %}", expression])))
    assert [(each.message, each.suggestion) for each in found] == ([] if expected is None else [expected])


def test_it_is_shown_where_the_name_stands() -> None:
    source = source_of_value(machine("JSONPath", Parameters={"a.$": "$$.Execution.Nmae"}))
    (found,) = check(source)[1]
    assert found.position is not None
    line = source.text.split("\n")[found.position.line - 1]
    assert line[found.position.column - 1 :].startswith("Nmae")
