"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from statemachine.errors import InvalidJsonError
from statemachine.jsonvalue import Document, read_document

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
    "--concurrency", type=click.IntRange(1, 10_000), default=64, show_default=True, help="Tasks that run at a time."
)


def read_input(value: str | None) -> Document:
    """The execution's input from ``--input``: JSON, ``@file``, ``-`` for standard input, or nothing."""
    if value is None:
        return Document({}, b"{}")
    name = "--input"
    if value == "-":
        text: str | bytes = sys.stdin.buffer.read().strip()
        name = "standard input"
    elif value.startswith("@"):
        name = value[1:]
        text = Path(name).read_bytes().strip()  # a file ends with a line break, its JSON does not
    else:
        text = value
    try:
        return read_document(text)
    except InvalidJsonError as error:
        hint = f" Is it a file? Then write @{value}" if not value.startswith("@") and Path(value).exists() else ""
        raise click.BadParameter(f"{name} is not JSON: {error}.{hint}", param_hint="--input") from None
