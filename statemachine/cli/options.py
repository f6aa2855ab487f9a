"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from statemachine.errors import InvalidJsonError
from statemachine.jsonvalue import Document, read_document
from statemachine.store.locate import ENVIRONMENT

F = TypeVar("F", bound=Callable[..., Any])

store_option = click.option(
    "--store",
    metavar="PATH",
    envvar="STATEMACHINE_STORE",
    help="The store's file; 'memory' keeps nothing. [default: .statemachine/store.db]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print nothing but the result.")
tasks_option = click.option(
    "--tasks",
    "tasks_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Binds resources to handlers: a YAML or JSON map, or a Python file with @task functions.",
)
concurrency_option = click.option(
    "--concurrency",
    metavar="NUMBER",
    type=click.IntRange(1, 10_000),
    default=64,
    show_default=True,
    help="Tasks that run at a time.",
)


def read_input(value: str | None) -> Document:
    """The execution's input from ``--input``: JSON, ``@file``, ``-`` for standard input, or nothing."""
    if value is None:
        return Document({}, b"{}")
    name = "the value"
    if value == "-":
        text: str | bytes = sys.stdin.buffer.read().strip()
        name = "standard input"
    elif value.startswith("@"):
        name = f"'{value[1:]}'"
        try:
            text = Path(value[1:]).read_bytes().strip()  # a file ends with a line break, its JSON does not
        except OSError as error:
            raise click.BadParameter(f"{name}: {error.strerror}", param_hint="--input") from None
    else:
        text = value
    try:
        return read_document(text)
    except InvalidJsonError as error:
        hint = f" To read a file, write @{value}" if _names_a_file(value) else ""
        raise click.BadParameter(f"{name} is not JSON: {error}.{hint}", param_hint="--input") from None


def _names_a_file(value: str) -> bool:
    if value.startswith(("@", "-", "{", "[", '"')) or len(value) > 1_000:
        return False
    return value.endswith(".json") or Path(value).is_file()


def store_hint(store: str | None) -> str:
    """The option to be given again in a command that is suggested."""
    return f" --store {shlex.quote(store)}" if store and store != os.environ.get(ENVIRONMENT) else ""
