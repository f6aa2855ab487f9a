"""Hostile expressions end in a clear error, by counting: small limits make the same errors come soon."""

from __future__ import annotations

import pytest
from jsonata_evaluation import evaluate, failure

from statemachine.expressions.jsonata import UNDEFINED, JsonataError, Limits, compile_jsonata

SMALL = Limits(steps=20_000, value_bytes=200_000, total_bytes=1_000_000, regex_steps=20_000)


def _recursive(n: int) -> str:
    return f"($f := function($x){{ $x <= 0 ? 0 : 1 + $f($x - 1) }}; $f({n}))"


@pytest.mark.parametrize(
    "fits",
    ["+".join(["1"] * 100), "(" * 99 + "1" + ")" * 99, _recursive(31)],
    ids=["terms", "parentheses", "recursion"],
)
def test_depth_100_is_reached(fits: str) -> None:
    assert isinstance(evaluate(fits), int)


@pytest.mark.parametrize(
    "too_deep",
    ["+".join(["1"] * 101), "(" * 100 + "1" + ")" * 100, _recursive(32), "($f := function(){ 1 + $f() }; $f())"],
    ids=["terms", "parentheses", "recursion", "endless"],
)
def test_depth_101_overflows(too_deep: str) -> None:
    code, message = failure(too_deep)
    assert code == "U1001"
    assert message.startswith("Stack overflow error: Check for non-terminating recursive function. Consider rewriting")
    assert message.endswith("Depth=101 max=100")


def test_what_is_not_evaluated_may_be_too_deep() -> None:
    assert evaluate("true ? 1 : " + "+".join(["1"] * 150)) == 1


def test_tail_calls_take_no_depth() -> None:
    text = "($f := function($n, $s){ $n = 0 ? $s : $f($n - 1, $s + $n) }; $f(10000, 0))"
    assert evaluate(text) == 50_005_000


def test_a_lower_limit_holds_for_a_compiled_expression() -> None:
    assert failure("1+1+1+1", limits=Limits(depth=3))[0] == "U1001"
    assert evaluate("1+1+1", limits=Limits(depth=3)) == 3


def test_sequence_length_as_measured() -> None:
    assert evaluate("[1..873782] ~> $count()") == 873_782
    assert failure("[1..873783] ~> $count()") == ("U1003", "Expression evaluation memory limit exceeded")


def test_string_of_four_million_characters() -> None:
    double = "($f := function($s, $n){ $n = 0 ? $s : $f($s & $s, $n - 1) }; $length($f('x', %d)))"
    assert evaluate(double % 22) == 2**22
    assert failure(double % 24)[0] == "U1003"


N = 5_000


@pytest.mark.parametrize(
    "chain",
    [
        "+".join(["a"] * N),
        ".".join(["a"] * N),
        " and ".join(["true"] * N),
        "a" + "[0]" * N,
        "a" + "[0][]" * N,
        "a" + "()" * N,
        "a" + "{b:c}" * N,
        "a" + "^(b)" * N,
        "a" + "@$x" * N,
        "a" + "#$x" * N,
        "a" + ".%" * N,
        "a[" + "%." * N + "b]",
        "+".join(["%"] * N),
        " ~> ".join(["$x"] * N),
        "true?" * N + "1",
        "1?2:" * N + "3",
        "-" * N + "1",
        "$x:=" * N + "1",
        "(" * N,
        "[" * N + "]" * N,
        '{"a":' * N + "1" + "}" * N,
        "function($x){" * N + "1" + "}" * N,
        "/**/" * N + "1",
        "a[b" * N + "]" * N,
        "|a|" * N,
        "`" * N,
        "/(" * N,
    ],
    ids=lambda text: text[:12],
)
def test_chains_and_nesting_neither_crash_nor_recurse(chain: str) -> None:
    try:
        result = evaluate(chain, {})
    except JsonataError:
        return
    assert result is UNDEFINED or result == 1


@pytest.mark.parametrize("opening", ["a[b[", "{'a':", "[", "a^(", "$f("])
def test_nested_parts_compile_once(opening: str) -> None:
    """Were a variant of each part compiled as well, thirty levels would take 2^30 steps."""
    closing = {"[": "]", "(": ")", "{": "}"}
    ends = "".join(closing[char] for char in reversed(opening) if char in closing)
    assert compile_jsonata(opening * 30 + "1" + ends * 30).text


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("($f := function(){$f()}; $f())", "U1002"),
        ("($f := function($x){$g($x)}; $g := function($x){$f($x)}; $f(1))", "U1002"),
        ("$map([1..1000], function($a){$map([1..1000], function($b){$a})})", "U1002"),
        ("$map([1..10000], function($a){1+2+3})", "U1002"),
        ("[1..1000].([1..1000])", "U1003"),
        ("$reduce([1..2000], $append, [])", "U1003"),
        ('$pad("a", 1e10)', "U1003"),
        ('$pad("a", -1e300)', "U1003"),
        ("[1..9999999]", "U1003"),
        ("[1..99999999]", "D2014"),
        ('$join($map([1..1000], function(){$pad("", 1000)}))', "U1003"),
        ('$replace($pad("", 1000, "a"), "a", $pad("", 1000))', "U1003"),
        ('$replace($pad("", 1000, "a"), /a/, $pad("", 1000))', "U1003"),
        ("$zip([1..10000],[1..10000])", "U1003"),
        ("([1..1000])@$a.([1..1000])@$b.($a * $b)", "U1003"),
        ("($b := [1..15000]; [1..100].$b)", "U1003"),
        ("($b := [1..15000]; $map([1..100], function(){[$b]}))", "U1003"),
        ("[1..3000][$ in [1..3000]]", "U1002"),
        ('$contains($pad("", 40, "a") & "!", /^(a+)+$/)', "U1006"),
        ('$contains($pad("", 5000, "a") & "!", /a*a*a*b/)', "U1006"),
        ('$contains($pad("", 3000, "ab") & "c", /^(?:(a|b|ab)*)*$/)', "U1006"),
        ("$contains('a', /(((a{1000}){1000}){1000}){1000}/)", "S0303"),
        ("$contains('a', /" + "(" * 500 + ")" * 500 + "/)", "S0303"),
        ("1" + " " * 300_000, "U1005"),
        ("(" * 130 + ")" * 130, "U1004"),
    ],
)
def test_bounds(text: str, code: str) -> None:
    assert failure(text, limits=SMALL)[0] == code


@pytest.mark.parametrize(
    "use",
    [
        "$string(X)",
        "X = X",
        "X.a",
        "$lookup(X, 'a')",
        "$clone(X)",
        "$keys(X)",
        "$distinct([X, 1])",
        "X.*",
        "$spread(X)",
    ],
)
def test_deeply_nested_values_overflow(use: str) -> None:
    nested = "$reduce([1..5000], function($a){[[$a]]})".replace("($a)", "($a, $b)")
    assert failure(f"($x := {nested}; {use.replace('X', '$x')})")[0] == "U1001" or use == "X = X"


def test_steps_do_not_carry_over() -> None:
    compiled = compile_jsonata("$sum([1..1000])")
    assert [evaluate(compiled.text, limits=SMALL) for _ in range(30)] == [500_500] * 30
