"""Logs as text and as JSON."""

from __future__ import annotations

import json
import logging

import pytest

from statemachine.cli.logs import logging_to_stderr

LOGGER = logging.getLogger("statemachine.some.part")


def test_json_has_what_the_record_was_given(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to_stderr("info", "json"):
        LOGGER.info("two\nlines of %s", "one", extra={"execution_id": "x", "attempt": 2, "where": {1}})
        LOGGER.debug("not told")
        try:
            raise ValueError("broken")
        except ValueError:
            LOGGER.exception("it failed")
    LOGGER.error("not told any more")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert first.pop("time").endswith("Z")
    assert first == {
        "level": "info", "logger": "statemachine.some.part", "message": "two\nlines of one", "execution_id": "x",
        "attempt": 2, "where": "{1}",
    }  # fmt: skip
    assert second["exception"].endswith("ValueError: broken")


def test_text_has_the_time_and_the_level(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to_stderr("debug", "text"):
        LOGGER.debug("in %s", "detail")
        LOGGER.warning("careful")
    first, second = capsys.readouterr().err.splitlines()
    assert (first[24:], second[24:]) == (" DEBUG   in detail", " WARNING careful")


def test_the_level_is_as_before_afterwards() -> None:
    root = logging.getLogger("statemachine")
    before = (root.level, list(root.handlers))
    with logging_to_stderr("error", "text"):
        assert root.level == logging.ERROR
    assert (root.level, root.handlers) == before
