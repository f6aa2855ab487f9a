"""Definition -> program in one call."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from running import block, pass_

from statemachine.definition.source import load_source
from statemachine.errors import DefinitionError
from statemachine.program.load import check, load, load_text, text_sha256

MACHINE = block(A=pass_())
TEXT = json.dumps(MACHINE)
YAML = "StartAt: A\nStates:\n  A:\n    Type: Pass\n    End: true\n"


@pytest.mark.parametrize("definition", [MACHINE, TEXT, f"  {TEXT}", YAML], ids=["data", "json", "indented", "yaml"])
def test_data_and_texts(definition: object) -> None:
    loaded = load(definition)  # type: ignore[arg-type]
    assert list(loaded.program.nodes) == ["/States/A"]
    assert loaded.file is None
    assert loaded.program.sha256 == loaded.sha256 == text_sha256(loaded.text)


@pytest.mark.parametrize(("name", "text"), [("m.asl.json", TEXT), ("m.asl.yaml", YAML), ("bom.json", f"\ufeff{TEXT}")])
def test_files(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    for given in (path, str(path)):
        loaded = load(given)
        assert loaded.file == str(path)
        assert loaded.text == text.removeprefix("\ufeff")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"nothing\.json"):
        load(tmp_path / "nothing.json")
    with pytest.raises(OSError, match=r"nothing\.json"):
        load("nothing.json")


@pytest.mark.parametrize("text", ["{", "", "  ", "{}", '{"StartAt": "A"}', "a: [\n", "- 1\n- 2\n"])
def test_what_is_no_definition(text: str) -> None:
    with pytest.raises(DefinitionError) as raised:
        load(text)
    assert raised.value.diagnostics
    assert str(raised.value)


def test_the_files_name_stands_in_the_findings(tmp_path: Path) -> None:
    path = tmp_path / "wrong.asl.yaml"
    path.write_text(YAML.replace("Pass", "Passs"), encoding="utf-8")
    with pytest.raises(DefinitionError, match=r"wrong\.asl\.yaml:4:"):
        load(path)


def test_programs_are_kept_by_their_text() -> None:
    assert load(TEXT) is load(TEXT)
    assert load(TEXT) is not load(TEXT + " ")
    assert load_text(TEXT, None) is load(TEXT)
    assert load(TEXT).sha256 != load(TEXT + " ").sha256


def test_the_hash_is_of_the_text_in_utf8() -> None:
    assert text_sha256("é") == hashlib.sha256("é".encode()).hexdigest()
    assert len(text_sha256("\ud800")) == 64


def test_warnings_do_not_stop_it() -> None:
    loaded = load(block(A=pass_(Parameters={"a": "$.b"})))
    assert [each.severity for each in loaded.warnings] == ["WARNING"]
    program, found = check(load_source(loaded.text))
    assert program is not None
    assert tuple(found) == loaded.warnings


def test_check_reports_faults_of_paths_along_with_the_others() -> None:
    machine = block(A=pass_(InputPath="$.["))
    program, found = check(load_source(json.dumps(machine)))
    assert program is None
    assert [each.location for each in found] == ["/States/A/InputPath"]
    assert found[0].position is not None
