"""The command line. One module per command; each is imported only when it is called.

Conventions (all commands): results on stdout, everything else on stderr; ``--json`` for machines; colour only on a
terminal (``NO_COLOR`` is obeyed); exit status 0 success, 1 the execution failed or findings exist, 2 usage,
3 internal error, 130 interrupted; ``-`` is standard input; ids may be shortened, ``@last`` is the newest.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
import threading
from typing import Any

import click

from statemachine import __version__
from statemachine.errors import KernelError, StatemachineError, UnboundResourceError

COMMANDS = {
    "run": "Run a definition to its end.",
    "validate": "Check definitions.",
    "explain": "Explain a finding: what its code means, and what to do.",
    "test": "Run test cases of definitions, in virtual time.",
    "list": "List executions.",
    "show": "Show one execution: where it is, what it did, what failed.",
    "history": "Show the history of an execution.",
    "graph": "Draw a definition, or what an execution did in it.",
    "lower": "Write a definition with compensation as one that AWS runs.",
    "resume": "Go on with interrupted executions.",
    "redrive": "Begin an execution again that failed, where it failed.",
    "worker": "Drive executions that nobody drives, until it is told to stop.",
    "stop": "End executions as aborted.",
    "task": "Answer a task by its token.",
    "activity": "Take tasks of activities.",
    "prune": "Remove old executions.",
    "replay": "Apply what was recorded again, and compare; or try another definition.",
    "fork": "Start a new execution where another one was.",
}
"""Command -> what it does: the help needs no import of the command's module."""


class _LazyGroup(click.Group):
    """Imports a command's module (``cli/<name>_command.py``) when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"statemachine.cli.{cmd_name}_command")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean '{close[0]}'?" if close else ""
            ctx.fail(f"No such command '{args[0]}'.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="statemachine")
def cli() -> None:
    """Run Amazon States Language state machines, durably, with the results AWS Step Functions gives."""


def main(arguments: list[str] | None = None) -> None:
    """The console script. Turns every error into a message and an exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as standard error does: what was told is never an error
    status = _status(arguments)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        _silence()
    if any(each is not threading.main_thread() and not each.daemon for each in threading.enumerate()):
        os._exit(status)  # a handler has left a thread behind; Python would wait for it
    sys.exit(status)


def _status(arguments: list[str] | None) -> int:
    try:
        color = False if os.environ.get("NO_COLOR") else None
        status: Any = cli.main(arguments, prog_name="statemachine", standalone_mode=False, color=color)
    except click.exceptions.Abort:
        click.echo("Interrupted.", err=True)
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:
        _silence()  # who reads has seen enough
        return 0
    except KernelError as error:
        click.echo(f"Internal error: {error}\nThe execution is kept as it was. Please report this.", err=True)
        return 3
    except UnboundResourceError as error:
        click.echo(_unbound(error), err=True)
        return 2
    except StatemachineError as error:
        click.echo(f"Error: {error}", err=True)
        return 2
    except OSError as error:
        click.echo(f"Error: {error.strerror or error}: {error.filename or ''}".rstrip(": "), err=True)
        return 2
    except Exception:  # noqa: BLE001 - whatever else it is, it is ours
        import traceback

        traceback.print_exc()
        click.echo("Internal error. What was stored is kept as it was. Please report this.", err=True)
        return 3
    return status if isinstance(status, int) else 0


def _unbound(error: UnboundResourceError) -> str:
    listed = "\n".join(f"  {each}" for each in error.resources)
    return (
        f"Error: no handler is bound to:\n{listed}\n"
        "Nothing was started. Write a tasks file, and name it with --tasks. It has a line for each, such as:\n"
        f"  {error.resources[0]}: python:module:function\n"
        "A handler is python:module:function, exec:program arguments, or a URL to which the input is posted.\n"
        "With --aws, AWS performs what nothing is bound to."
    )


def _silence() -> None:
    """Let what is still to be printed go nowhere: nobody reads it, and Python would complain at its exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(nowhere, stream.fileno())
