"""``statemachine explain``: what a code means, why it matters, and how to mend it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

import click

from statemachine.cli.options import json_option
from statemachine.cli.output import print_json
from statemachine.definition.codes import RULES, Rule
from statemachine.definition.diagnostics import Severity
from statemachine.jsonvalue import Json

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow"}
_OURS = "SM_"
_COLUMNS_MAX = 100


@click.command("explain")
@click.argument("codes", metavar="[CODE]...", nargs=-1)
@json_option
def command(codes: tuple[str, ...], as_json: bool) -> int:
    """Explain findings: each CODE, or a list of all codes.

    Capital letters and the beginning SM_ may be left out.
    """
    rules = [_rule(code) for code in codes] or list(RULES.values())
    if as_json:
        shown: Json = [_rule_json(rule) for rule in rules]
        print_json(shown[0] if len(codes) == 1 else shown)
    else:
        click.echo("\n".join(_explanation(rule) for rule in rules) if codes else _listed(rules), nl=False)
    return 0


def _rule(code: str) -> Rule:
    wanted = code.strip().upper().replace("-", "_")
    rule = RULES.get(wanted) or RULES.get(_OURS + wanted)
    if rule is None:
        from statemachine.definition.suggestions import closest

        meant = closest(wanted, RULES) or closest(_OURS + wanted, RULES)
        hint = f"Did you mean '{meant}'?" if meant else "`statemachine explain` lists the codes."
        raise click.BadParameter(f"there is no code '{code}'. {hint}", param_hint="CODE")
    return rule


def _explanation(rule: Rule) -> str:
    paragraphs = [
        f"{click.style(rule.code, bold=True)} ({_severity(rule)})",
        f"{rule.title}.",
        rule.explanation,
        f"How to mend it: {rule.fix}",
        f"Source: {rule.source}",
    ]
    return "\n\n".join(_wrapped(each) for each in paragraphs) + "\n"


def _wrapped(text: str) -> str:
    """Each line of a text within the width; lines that are indented are examples and stay as they are."""
    return "\n".join(
        line
        if line.startswith(" ")
        else textwrap.fill(line, _COLUMNS_MAX, break_long_words=False, break_on_hyphens=False)
        for line in text.splitlines()
    )


def _listed(rules: Iterable[Rule]) -> str:
    groups: dict[str, list[Rule]] = {"Codes of AWS": [], "Errors of our own": [], "Warnings of our own": []}
    for rule in rules:
        if not rule.code.startswith(_OURS):
            groups["Codes of AWS"].append(rule)
        else:
            groups["Errors of our own" if rule.severity is Severity.ERROR else "Warnings of our own"].append(rule)
    width = max((len(rule.code) for members in groups.values() for rule in members), default=0)
    return "\n".join(
        click.style(name, bold=True) + "\n" + "".join(f"  {rule.code:<{width}}  {rule.title}\n" for rule in members)
        for name, members in groups.items()
        if members
    )


def _severity(rule: Rule) -> str:
    return click.style(rule.severity.value.lower(), fg=_COLOURS[rule.severity])


def _rule_json(rule: Rule) -> dict[str, Json]:
    return {
        "code": rule.code,
        "severity": rule.severity.value,
        "title": rule.title,
        "explanation": rule.explanation,
        "fix": rule.fix,
        "source": rule.source,
    }
