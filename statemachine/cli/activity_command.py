"""``statemachine activity``: take tasks of activities, whichever process offers them."""

from __future__ import annotations

import json

import click

from statemachine.cli.options import json_option, store_option
from statemachine.cli.output import print_json
from statemachine.store import open_store

NONE_CAME = 1
_EXAMPLE = "arn:aws:states:us-east-1:123456789012:activity:approve"


@click.group("activity")
def command() -> None:
    """Take tasks of activities."""


@command.command("poll")
@click.argument("arn")
@click.option("--worker", metavar="NAME", help="Who takes it; it shows in the history.")
@click.option(
    "--wait",
    "wait_seconds",
    metavar="SECONDS",
    type=click.FloatRange(0),
    default=60.0,
    show_default=True,
    help="How long to wait for a task.",
)
@store_option
@json_option
def poll(arn: str, worker: str | None, wait_seconds: float, store: str | None, as_json: bool) -> int:
    """Take a task of the activity ARN, or wait for one.

    Prints its token and its input, a line each; `statemachine task` answers the token. The exit status is 1 if none
    came.

    \b
    Example:
      statemachine activity poll arn:aws:states:us-east-1:123456789012:activity:approve --wait 30
    """
    from statemachine.runtime.remote import poll_activity

    if ":activity:" not in arn:
        raise click.BadParameter(f"'{arn}' is not the ARN of an activity, such as {_EXAMPLE}", param_hint="ARN")
    opened = open_store(store, create=False)
    try:
        task = poll_activity(opened, arn, worker, wait_seconds)
    finally:
        opened.close()
    if task is None:
        if as_json:
            print_json({"taskToken": None})
        else:
            click.echo(f"No task of {arn} came.", err=True)
        return NONE_CAME
    if as_json:
        print_json({"taskToken": task.token, "input": task.input})
    else:
        click.echo(task.token)
        click.echo(json.dumps(task.input))  # one line, whatever is in it
    return 0
