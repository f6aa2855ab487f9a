"""Free variables and top-level names."""

from __future__ import annotations

import pytest

from statemachine.expressions.jsonata import compile_jsonata, references


@pytest.mark.parametrize(
    ("text", "variables", "names", "context"),
    [
        ("$states.input.a", ["states"], [], 0),
        ("phone.number", [], ["phone"], 0),
        ("$x + y.z[w]", ["x"], ["y"], 0),
        ("($a := $b; $a)", ["b"], [], 0),
        ("$map($c, function($v){$v + $d})", ["map", "c", "d"], [], 0),
        ("$c@$p.($p)#$i.($i)", ["c"], [], 0),
        ("$c.name[flag = $k].{'x': deep}", ["c", "k"], [], 0),
        ("$c^(age)", ["c"], [], 0),
        ("$ & $$", ["$"], [], 1),
        ("$c.($)", ["c"], [], 0),
        ("{'a': top}", [], ["top"], 0),
        ("$c{k: v}", ["c"], [], 0),
        ("$c ~> |a|{'b': c}|", ["c"], [], 0),
        ("(first; [second])", [], ["first", "second"], 0),
    ],
)
def test_references(text: str, variables: list[str], names: list[str], context: int) -> None:
    found = references(compile_jsonata(text))
    assert [reference.name for reference in found.variables] == variables
    assert [reference.name for reference in found.names] == names
    assert len(found.context) == context


def test_the_path_after_a_variable_and_its_position() -> None:
    (reference,) = references(compile_jsonata("1 + $states.errorOutput.Error[0]")).variables
    assert (reference.name, reference.fields, reference.position) == ("states", ("errorOutput", "Error"), 11)


def test_a_long_chain_is_walked_without_recursion() -> None:
    found = references(compile_jsonata("+".join(["$a"] * 5000)))
    assert len(found.variables) == 5000
