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
from statemachine.integrations.objects import S3
from statemachine.jsonvalue import Document, read_document
from statemachine.store.locate import ENVIRONMENT

F = TypeVar("F", bound=Callable[..., Any])

store_option = click.option(
    "--store",
    metavar="PATH",
    envvar="STATEMACHINE_STORE",
    help="The store's file; 'memory' keeps nothing. [default: $STATEMACHINE_STORE, or .statemachine/store.db]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print nothing but the result.")
tasks_option = click.option(
    "--tasks",
    "tasks_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Binds resources to handlers: a YAML or JSON map, or a Python file with @task functions.",
)
machines_option = click.option(
    "--machines",
    type=click.Path(exists=True, path_type=Path),
    metavar="FILE|DIR",
    help="State machines that tasks may start: a YAML or JSON map of ARN or name to definition file, "
    "or a folder of *.asl.yaml and *.asl.json files.",
)


def _checked_data(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and value != S3 and not Path(value).is_dir():
        raise click.BadParameter(f"'{value}' is no folder: name one whose folders are the buckets, or {S3}")
    return value


data_option = click.option(
    "--data",
    metavar="DIR|s3",
    callback=_checked_data,
    help="Where ItemReader and ResultWriter find their buckets: the folders of a folder, or Amazon S3. "
    "[default: $STATEMACHINE_DATA]",
)
aws_option = click.option(
    "--aws",
    is_flag=True,
    help="Let AWS perform the tasks that nothing else is bound to, with the environment's credentials and region.",
)


def binding_options(command: F) -> F:
    """--tasks, --machines, --data and --aws: what performs the tasks of the executions that a command drives."""
    for option in (aws_option, data_option, machines_option, tasks_option):
        command = option(command)
    return command


def _names_and_values(_context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    values: dict[str, str] = {}
    for each in given:
        name, separator, value = each.partition("=")
        if not name or not separator:
            raise click.BadParameter(f"'{each}' is not NAME=VALUE", param=parameter)
        values[name] = value
    return values


substitutions_option = click.option(
    "--set",
    "substitutions",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_names_and_values,
    help="The value of ${NAME} in the definition; may be repeated.",
)
concurrency_option = click.option(
    "--concurrency",
    metavar="NUMBER",
    type=click.IntRange(1, 10_000),
    default=64,
    show_default=True,
    help="Tasks that run at a time.",
)


def read_input(value: str | None, option: str = "--input") -> Document:
    """JSON from an option, the execution's input for instance: JSON, ``@file``, ``-`` for standard input; nothing is an
    empty object."""
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
            raise click.BadParameter(f"{name}: {error.strerror}", param_hint=f"'{option}'") from None
    else:
        text = value
    try:
        return read_document(text)
    except InvalidJsonError as error:
        hint = f" To read a file, write @{value}" if _names_a_file(value) else ""
        raise click.BadParameter(f"{name} is not JSON: {error}.{hint}", param_hint=f"'{option}'") from None


def _names_a_file(value: str) -> bool:
    if value.startswith(("@", "-", "{", "[", '"')) or len(value) > 1_000:
        return False
    return value.endswith(".json") or Path(value).is_file()


def store_hint(store: str | None) -> str:
    """The option to be given again in a command that is suggested."""
    return f" --store {shlex.quote(store)}" if store and store != os.environ.get(ENVIRONMENT) else ""
