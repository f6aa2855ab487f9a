"""Syntax errors with their codes, tokens, positions and words; the shape of what is parsed."""

from __future__ import annotations

import pytest
from jsonata_evaluation import evaluate

from statemachine.expressions.jsonata import JsonataError, compile_jsonata, error_message


@pytest.mark.parametrize(
    ("text", "code", "position", "message"),
    [
        ("1 + ", "S0207", 4, "Unexpected end of expression"),
        ("a[1,2)", "S0202", 4, 'Expected "]", got ","'),
        ("(1", "S0203", 2, 'Expected ")" before end of expression'),
        ('{"a":}', "S0211", 6, 'The symbol "}" cannot be used as a unary operator'),
        ('"open', "S0101", 5, "String literal must be terminated by a matching quote"),
        ('"\\x"', "S0103", 2, 'Unsupported escape sequence: \\"x"'),
        ('"\\u12"', "S0104", 2, "The escape sequence \\u must be followed by 4 hex digits"),
        ("1e999", "S0102", 0, 'Number out of range: "1e999"'),
        ("`open", "S0105", 5, "Quoted property name must be terminated with a backquote (`)"),
        ("1 /* open", "S0106", 2, "Comment has no closing tag"),
        ("1 2", "S0201", 3, "Syntax error: 2"),
        ("1 ! 2", "S0204", 3, 'Unknown operator: "!"'),
        ("function(x){1}", "S0208", 10, "Parameter 1 of function definition must be a variable name (start with $)"),
        ("$a{b:c}[0]", "S0209", 8, "A predicate cannot follow a grouping expression in a step"),
        ("a{b:c}{d:e}", "S0210", 7, "Each step can only have one grouping expression"),
        ("a := 1", "S0212", 1, "The left side of := must be a variable name (start with $)"),
        ("a.1", "S0213", 3, "The literal value 1 cannot be used as a step within a path expression"),
        ("a@b", "S0214", 3, 'The right side of "@" must be a variable name (start with $)'),
        ("$match(a, //)", "S0301", 11, "Empty regular expressions are not allowed"),
        ("$match(a, /x", "S0302", 12, "No terminating / in regular expression"),
        ("function($x)<n<n>>{1}", "S0401", 15, "Type parameters can only be applied to functions and arrays"),
        ('"😀" 1 2', "S0201", 6, "Syntax error: 1"),
    ],
)
def test_syntax_errors(text: str, code: str, position: int, message: str) -> None:
    with pytest.raises(JsonataError) as caught:
        compile_jsonata(text)
    assert (caught.value.code, caught.value.position, error_message(caught.value)) == (code, position, message)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("1 + 2 * 3 - 4", 3),
        ("(1 + 2) * 3", 9),
        ("2 * 3 % 4", 2),
        ("1 + 1 = 2 and 3 > 2 or false", True),
        ("'a' & 'b' = 'ab'", True),
        ("($a := $b := 3; $a + $b)", 6),
        ("true ? false ? 1 : 2 : 3", 2),
        ("-2 + 3", 1),
        ("/* a */ 1 /* b */", 1),
        ('"\\u0041\\ud83d\\ude00"', "A😀"),
        ("and.or.in", 5),
        ("`odd name`", 6),
        ("[1, 2][1]", 2),
        ("$reduce([1..3], λ($a, $b){$a * $b})", 6),
    ],
)
def test_precedence_and_literals(text: str, result: object) -> None:
    assert evaluate(text, {"and": {"or": {"in": 5}}, "odd name": 6}) == result


def test_the_tail_of_a_call_error_has_the_functions_name() -> None:
    with pytest.raises(JsonataError) as caught:
        evaluate("$uppercase(1)")
    assert (caught.value.token, caught.value.position) == ("uppercase", 11)
    assert error_message(caught.value) == 'Argument 1 of function "uppercase" does not match function signature'
