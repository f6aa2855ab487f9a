"""``statemachine task``: answer a task by its token, whichever process drives its execution."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from statemachine.cli.options import read_input, store_hint, store_option
from statemachine.errors import InvalidTokenError, TaskDoesNotExistError, TaskTimedOutError
from statemachine.store import open_store

if TYPE_CHECKING:
    from statemachine.runtime.remote import Sent
    from statemachine.store.base import Store

TOO_LATE = 1
_WHERE = "`statemachine show ID --json` has the tokens that are waited for (inFlight, taskToken)"


@click.group("task")
def command() -> None:
    """Answer a task by its token (.waitForTaskToken, activities).

    The exit status is 0 if the answer was accepted, 1 if the task is over, 2 if there is no such task.
    """


@command.command("succeed")
@click.argument("token")
@click.option(
    "-o", "--output", "output", metavar="JSON", help="The task's result: JSON, @FILE, or - for stdin. [default: {}]"
)
@store_option
def succeed(token: str, output: str | None, store: str | None) -> int:
    """End the task of TOKEN with a result.

    \b
    Example:
      statemachine task succeed "$TOKEN" --output '{"approved": true}'
    """
    from statemachine.runtime.remote import send_task_success

    result = read_input(output, "--output").value
    return _send(store, token, lambda opened: send_task_success(opened, token, result))


@command.command("fail")
@click.argument("token")
@click.option("--error", metavar="NAME", help="The error's name, which Retry and Catch can name.")
@click.option("--cause", metavar="TEXT", help="What happened, in words.")
@store_option
def fail(token: str, error: str | None, cause: str | None, store: str | None) -> int:
    """Fail the task of TOKEN."""
    from statemachine.runtime.remote import send_task_failure

    return _send(store, token, lambda opened: send_task_failure(opened, token, error, cause))


@command.command("heartbeat")
@click.argument("token")
@store_option
def heartbeat(token: str, store: str | None) -> int:
    """Say that the task of TOKEN is alive (HeartbeatSeconds)."""
    from statemachine.runtime.remote import send_task_heartbeat

    return _send(store, token, lambda opened: send_task_heartbeat(opened, token))


def _send(location: str | None, token: str, send: Callable[[Store], Sent]) -> int:
    from statemachine.kernel.tokens import split_token
    from statemachine.runtime.remote import Sent

    opened = open_store(location, create=False)
    try:
        sent = send(opened)
    except (InvalidTokenError, TaskDoesNotExistError) as error:
        raise click.UsageError(f"{error}; {_WHERE}") from None
    except TaskTimedOutError as error:
        click.echo(f"Too late: {error}", err=True)
        return TOO_LATE
    finally:
        opened.close()
    if sent is Sent.LEFT:
        execution, _ = split_token(token)
        click.echo(
            f"Stored. Nobody drives its execution; it goes on with: statemachine resume {execution}"
            f"{store_hint(location)}",
            err=True,
        )
    return 0
