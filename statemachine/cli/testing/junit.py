"""Results of cases as JUnit XML, which every CI server reads: a suite for each file, a test case for each case."""

from __future__ import annotations

from collections.abc import Sequence

from statemachine.testing.cases.checking import CaseResult, Verdict
from statemachine.testing.cases.telling import headline, tell
from statemachine.testing.xmltext import attribute, content

_TAGS = {Verdict.FAILED: "failure", Verdict.ERROR: "error"}


def render(results: Sequence[CaseResult]) -> str:
    """The report."""
    files: dict[str, list[CaseResult]] = {}
    for result in results:
        files.setdefault(result.case.source.file or "", []).append(result)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<testsuites name="statemachine test" {_totals(results)}>']
    for file, own in files.items():
        lines.append(f"  <testsuite name={attribute(file)} {_totals(own)}>")
        lines += [line for result in own for line in _case(file, result)]
        lines.append("  </testsuite>")
    return "\n".join([*lines, "</testsuites>", ""])


def _totals(results: Sequence[CaseResult]) -> str:
    def count(verdict: Verdict) -> int:
        return sum(result.verdict is verdict for result in results)

    return (
        f'tests="{len(results)}" failures="{count(Verdict.FAILED)}" errors="{count(Verdict.ERROR)}" '
        f'skipped="{count(Verdict.SKIPPED)}" time="{sum(result.seconds for result in results):.3f}"'
    )


def _case(file: str, result: CaseResult) -> list[str]:
    line = result.case.position().line
    opened = (
        f"    <testcase name={attribute(result.case.name)} classname={attribute(file)} file={attribute(file)} "
        f'line="{line}" time="{result.seconds:.3f}"'
    )
    if result.verdict is Verdict.SKIPPED:
        return [f"{opened}>", f"      <skipped message={attribute(result.case.skip or '')}/>", "    </testcase>"]
    tag = _TAGS.get(result.verdict)
    if tag is None:
        return [f"{opened}/>"]
    told = content("\n".join(tell(result)))
    return [f"{opened}>", f"      <{tag} message={attribute(headline(result))}>{told}</{tag}>", "    </testcase>"]
