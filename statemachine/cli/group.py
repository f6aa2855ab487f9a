"""The group of all commands, and what becomes of their errors."""

from __future__ import annotations

import importlib
import os
from typing import Any

import click

from statemachine import __version__
from statemachine.cli import COMMANDS, VERSION, silence
from statemachine.errors import KernelError, StatemachineError, UnboundResourceError


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

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # who reads has seen enough; click would end with 1
            silence()
            return 0

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message=VERSION)
def cli() -> None:
    """Run Amazon States Language state machines, durably, with the results AWS Step Functions gives."""


def status_of(arguments: list[str] | None) -> int:
    """Run a command. Its exit status, after a message for whatever error it has."""
    try:
        color = False if os.environ.get("NO_COLOR") else None
        status: Any = cli.main(arguments, prog_name="statemachine", standalone_mode=False, color=color)
    except click.exceptions.Abort:
        click.echo("Interrupted.", err=True)
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
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


_MACHINES = "Name the state machines that it starts with --machines FILE or FOLDER.\n"
_TASKS_FILE = (
    "Write a tasks file, and name it with --tasks. It has a line for each, such as:\n"
    "  {}: python:module:function\n"
    "A handler is python:module:function, exec:program arguments, or a URL to which the input is posted.\n"
)


def _unbound(error: UnboundResourceError) -> str:
    listed = "\n".join(f"  {each}" for each in error.resources)
    others = [each for each in error.resources if ":states:startExecution" not in each]
    return (
        f"Error: no handler is bound to:\n{listed}\nNothing was started. "
        f"{_MACHINES if len(others) < len(error.resources) else ''}"
        f"{_TASKS_FILE.format(others[0]) if others else ''}"
        "With --aws, AWS performs what nothing is bound to."
    )
