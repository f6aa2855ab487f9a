"""Measures the validator on the corpus of real definitions and on mutants of it.

    python -m tests.conformance.validation [--seed SEED ...] [--per-file N] [--show]

Prints how many valid documents are accepted, how many invalid ones are caught with the label's fault named and with
AWS's own diagnostics, and how many mutants are caught and located at the exact line. `CORPUS` says where the corpus is;
see VALIDATION.md for what is decided where sources disagree.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from types import MappingProxyType
from typing import Any, Final

from statemachine.definition.diagnostics import Diagnostic, JsonPath, Severity
from statemachine.definition.source import Source, load_source
from statemachine.errors import DefinitionError
from statemachine.program.load import check
from statemachine.program.validation import validate_definition

CORPUS: Final = Path(os.environ.get("CORPUS", Path(__file__).parents[3] / "shared" / "validation-corpus"))

HELD_TO_BE_INVALID: Final = frozenset(
    {
        # Valid by a linter's own test, invalid by the specification: VALIDATION.md.
        "lsp-yaml-strings-documentvalidparametersintrinsicfunction-e8d50753.yaml",
        "lsp-yaml-strings-documentvalidresultselectorintrinsicfunction-4a554e40.yaml",
    }
)

AWS_ACCEPTS: Final = "accepts"
"""How the mutants' index marks what AWS creates: a warning is all that can be asked."""

_FIELDS_MISSING = r"fields are required|should have only one|is required but was missing"
_UNSUPPORTED = r"is not supported|only supported for the"
_ONE_OF = r"only be one of|only one of the following"
_RANGE = r"Minimum value|Maximum value|Expected value of type|Value should be one of"
_PATH = r"not a valid JSONPath|must be a valid JSONPath|not a Reference Path"

FAULTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "bad-backoff-rate": _RANGE,
        "bad-enum": r"Value should be one of",
        "bad-interval": _RANGE,
        "bad-intrinsic-argument": _PATH,
        "bad-jitter": _RANGE,
        "bad-jsonpath": _PATH,
        "bad-label": r"INVALID_LABEL_NAME",
        "bad-max-attempts": _RANGE,
        "bad-max-concurrency": _RANGE,
        "bad-max-delay": _RANGE,
        "bad-path-or-intrinsic": _PATH,
        "bad-percentage": _RANGE,
        "bad-reference-path": _PATH,
        "bad-resource": r"resource ARN|Value cannot be empty|SM_EXTENSION",
        "bad-seconds": _RANGE,
        "bad-timeout": _RANGE,
        "bad-timestamp": r"RFC3339",
        "bad-variable-name": r"variable",
        "catch-out-of-scope": r"MISSING_TRANSITION_TARGET",
        "choice-connective-type": r"Expected value of type|Value cannot be empty",
        "choice-missing-variable": r"must have only one of",
        "choice-multiple-operators": _ONE_OF + "|" + _UNSUPPORTED,
        "choice-nested-next": _UNSUPPORTED,
        "choice-no-operator": r"no comparison",
        "choice-operand-type": r"Expected value of type|RFC3339",
        "choice-rule-missing-next": _FIELDS_MISSING,
        "choice-unknown-operator": _UNSUPPORTED,
        "credentials-without-role": r"RoleArn",
        "dangling-catch-next": r"MISSING_TRANSITION_TARGET",
        "dangling-choice-next": r"MISSING_TRANSITION_TARGET",
        "dangling-default": r"MISSING_TRANSITION_TARGET",
        "dangling-next": r"MISSING_TRANSITION_TARGET",
        "dangling-start-at": r"MISSING_TRANSITION_TARGET",
        "duplicate-json-key": r"SM_DUPLICATE_KEY",
        "duplicate-state-name": r"DUPLICATE_STATE_NAME",
        "duplicate-template-field": r"SM_DUPLICATE_FIELD",
        "empty-list": r"Value cannot be empty",
        "empty-states": r"Value cannot be empty",
        "end-on-choice": _UNSUPPORTED,
        "exclusive-fields": _ONE_OF,
        "express-integration": r"Express state machine does not support",
        "field-not-allowed": _UNSUPPORTED,
        "heartbeat-not-below-timeout": r"HeartbeatSeconds",
        "intrinsic-arity": _PATH,
        "intrinsic-bad-escape": _PATH,
        "intrinsic-not-string": _PATH,
        "intrinsic-syntax": _PATH,
        "jsonata-choice-variable": r"only supported for the 'JSONPath'",
        "jsonata-condition-no-expression": r"JSONata string must|Expected value of type Boolean",
        "jsonata-delimiter": r"(must|that) starts? with \{% and ends? with %\}",
        "jsonata-error-output": r"errorOutput",
        "jsonata-field-in-jsonpath": r"only supported for the 'JSONata'",
        "jsonata-syntax": r"INVALID_JSONATA_EXPRESSION",
        "jsonata-unsupported-reference": r"UNSUPPORTED_JSONATA_EXPRESSION",
        "jsonpath-field-in-jsonata": r"only supported for the 'JSONPath'|" + _UNSUPPORTED,
        "missing-catch-next": _FIELDS_MISSING,
        "missing-error-equals": _FIELDS_MISSING,
        "missing-next-or-end": _FIELDS_MISSING,
        "missing-required-field": _FIELDS_MISSING,
        "missing-start-at": _FIELDS_MISSING,
        "missing-type": _FIELDS_MISSING,
        "missing-wait-duration": _FIELDS_MISSING,
        "next-and-end": _ONE_OF,
        "next-into-scope": r"MISSING_TRANSITION_TARGET",
        "next-on-terminal-type": _UNSUPPORTED,
        "next-out-of-scope": r"MISSING_TRANSITION_TARGET",
        "no-terminal-state": r"MISSING_END_STATE",
        "not-json": r"INVALID_JSON_DESCRIPTION|valid JSON object",
        "processor-query-language": _UNSUPPORTED,
        "query-language-downgrade": r"'QueryLanguage' can not be 'JSONPath'",
        "result-path-context": _PATH,
        "state-name-too-long": r"INVALID_STATE_NAME",
        "states-all-not-alone": r"States\.ALL must appear alone",
        "states-all-not-last": r"States\.ALL must appear alone",
        "template-bad-path": _PATH,
        "template-value-no-path": _PATH,
        "undefined-variable": r"SM_UNDEFINED_VARIABLE|assign",
        "unknown-field": _UNSUPPORTED,
        "unknown-integration": r"is not recognized",
        "unknown-intrinsic": _PATH,
        "unknown-top-level-field": _UNSUPPORTED,
        "unknown-type": r"The field 'Type' should",
        "unreachable-state": r"is not reachable",
        "value-range": _RANGE,
        "wrong-type": r"Expected value of type",
    }
)
"""Label -> what of ``CODE: message`` names its fault. The vocabulary is the corpus's."""


@dataclass(slots=True)
class Figures:
    """A count of successes, and what is missing."""

    total: int = 0
    missed: list[str] = field(default_factory=list)

    def add(self, name: str, *, success: bool) -> None:
        self.total += 1
        if not success:
            self.missed.append(name)

    @property
    def share(self) -> float:
        return 1 - len(self.missed) / self.total if self.total else 1.0

    def __str__(self) -> str:
        return f"{self.total - len(self.missed)}/{self.total} ({self.share:.2%})"


def entries(verdict: str) -> list[dict[str, Any]]:
    """The corpus's index of valid or of invalid documents."""
    index = json.loads((CORPUS / "index.json").read_text(encoding="utf-8"))
    return [entry for entry in index if entry["verdict"] == verdict]


def findings(raw: bytes, name: str, kind: str, *, target_aws: bool = False) -> tuple[Source | None, list[Diagnostic]]:
    """All findings about a document for a machine of this type, and its source if it can be read."""
    try:
        source = load_source(raw, file=name)
    except DefinitionError as error:
        return None, list(error.diagnostics)
    return source, check(source, express=kind == "EXPRESS", target_aws=target_aws)[1]


def errors(found: Sequence[Diagnostic]) -> list[Diagnostic]:
    return [each for each in found if each.severity is Severity.ERROR]


def names(label: str, found: Sequence[Diagnostic]) -> bool:
    """Whether one of the findings names the label's fault, itself or in a note."""
    return any(
        re.search(FAULTS[label], text)
        for each in found
        for text in (f"{each.code}: {each.message}", *(note.message for note in each.notes))
    )


# --- the corpus -------------------------------------------------------------------------------------------------------


def refused() -> Figures:
    """Valid documents: a success is one that is accepted."""
    figures = Figures()
    for entry in entries("valid"):
        path = CORPUS / entry["file"]
        if path.name not in HELD_TO_BE_INVALID:
            found = errors(findings(path.read_bytes(), path.name, entry["type"])[1])
            figures.add(f"{path.name}: {'; '.join(map(str, found))}", success=not found)
    return figures


def invalid() -> tuple[Figures, Figures]:
    """Invalid documents that are caught, and those with every label's fault named."""
    caught, named = Figures(), Figures()
    for entry in entries("invalid"):
        path = CORPUS / entry["file"]
        found = errors(findings(path.read_bytes(), path.name, entry["type"])[1])
        caught.add(path.name, success=bool(found))
        unnamed = [label for label in entry["labels"] if not names(label, found)]
        named.add(f"{path.name}: {unnamed} not in {[str(each) for each in found]}", success=not unnamed)
    return caught, named


def as_aws() -> Figures:
    """Invalid documents whose answer is AWS's: severity, code, message and location of every diagnostic."""
    figures = Figures()
    for entry in entries("invalid"):
        wanted = entry.get("aws_diagnostics")
        if not wanted:
            continue
        path = CORPUS / entry["file"]
        answer = validate_definition(path.read_text(encoding="utf-8"), type=entry["type"])
        found = [{key: each.get(key) for key in wanted[0]} for each in answer["diagnostics"]]
        expected = [{key: each.get(key) for key in wanted[0]} for each in wanted]
        figures.add(f"{path.name}: {found} is not {expected}", success=_keyed(found) == _keyed(expected))
    return figures


def _keyed(diagnostics: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(each, sort_keys=True) for each in diagnostics)


def cpu_ms() -> float:
    """The median CPU time of checking one valid document for the first time in this process, in milliseconds."""
    documents = [(CORPUS / entry["file"], entry["type"]) for entry in entries("valid")]
    times = []
    for path, kind in documents:
        raw = path.read_bytes()
        start = time.process_time_ns()
        findings(raw, path.name, kind)
        times.append((time.process_time_ns() - start) / 1e6)
    return median(times)


# --- mutants ----------------------------------------------------------------------------------------------------------


def make_mutants(directory: Path, seed: str, per_file: int, labels: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """Write mutants into a directory, and give their index."""
    command = [
        sys.executable, str(CORPUS / "mutate_asl.py"), "--in", str(CORPUS / "valid"), "--out", str(directory),
        "--per-file", str(per_file), "--seed", seed,
    ]  # fmt: skip
    if labels:
        command += ["--only", ",".join(labels)]
    subprocess.run(command, check=True, capture_output=True)
    yield from json.loads((directory / "index.json").read_text(encoding="utf-8"))


@dataclass(slots=True)
class MutantFigures:
    """Of the mutants that AWS refuses: caught as an ERROR, by default and for the target AWS, which knows no
    extensions; located at the line, the fault named. Of those that AWS accepts: anything said."""

    caught: Figures = field(default_factory=Figures)
    caught_for_aws: Figures = field(default_factory=Figures)
    located: Figures = field(default_factory=Figures)
    named: Figures = field(default_factory=Figures)
    warned: Figures = field(default_factory=Figures)


def measure_mutants(directory: Path, index: Iterator[dict[str, Any]]) -> MutantFigures:
    figures = MutantFigures()
    for entry in index:
        name = entry["file"]
        if entry["from"] in HELD_TO_BE_INVALID:
            continue
        raw = (directory / name).read_bytes()
        source, found = findings(raw, name, entry["type"])
        if entry["aws"] == AWS_ACCEPTS:
            figures.warned.add(name, success=bool(found))
            continue
        found = errors(found)
        figures.caught.add(name, success=bool(found))
        if entry["label"] == "bad-resource":
            found = errors(findings(raw, name, entry["type"], target_aws=True)[1])
        figures.caught_for_aws.add(name, success=bool(found))
        if found:
            wanted = _lines(source, directory / name, entry)
            lines = {each.position.line for each in found if each.position}
            figures.located.add(f"{name}: {sorted(lines)}, not {sorted(wanted)}", success=bool(wanted & lines))
            text = [str(each) for each in found]
            figures.named.add(f"{name}: {text}", success=names(entry["label"], found))
    return figures


def _lines(source: Source | None, path: Path, entry: dict[str, Any]) -> set[int]:
    """The line of the fault: of its key (and of its value, where YAML puts that on another line)."""
    if entry["location"] is None:
        return {entry["line"]}
    source = source or load_source(path.read_bytes(), file=path.name)
    place = _path(entry["location"], source.value)
    return {source.position(place, key=True).line, source.position(place).line}


def _path(location: str, value: Any) -> JsonPath:
    path: list[str | int] = []
    for part in location.split("/")[1:]:
        name: str | int = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list):
            name = int(name)
        path.append(name)
        try:
            value = value[name]
        except (KeyError, IndexError, TypeError):
            value = None
    return tuple(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", action="append", help="of the mutants; may be repeated")
    parser.add_argument("--per-file", type=int, default=3)
    parser.add_argument("--show", action="store_true", help="list what is missed")
    given = parser.parse_args()
    print(f"{'CPU of one valid file, median':40} {cpu_ms():.2f} ms")
    caught, named = invalid()
    figures = {"valid accepted": refused(), "invalid caught": caught, "invalid named": named, "as AWS says": as_aws()}
    for seed in given.seed or ["asl"]:
        with tempfile.TemporaryDirectory() as folder:
            mutants = measure_mutants(Path(folder), make_mutants(Path(folder), seed, given.per_file))
        figures[f"mutants caught, seed {seed}"] = mutants.caught
        figures[f"the same for AWS, seed {seed}"] = mutants.caught_for_aws
        figures[f"mutants located, seed {seed}"] = mutants.located
        figures[f"mutants named, seed {seed}"] = mutants.named
        figures[f"accepted by AWS and warned of, seed {seed}"] = mutants.warned
    for title, each in figures.items():
        print(f"{title:40} {each}")
        if given.show:
            for missed in each.missed:
                print("   ", missed[:400])
            kinds = Counter(re.findall(r"--([a-z-]+)\.", " ".join(each.missed)))
            if kinds:
                print("   ", dict(kinds.most_common()))


if __name__ == "__main__":
    main()
