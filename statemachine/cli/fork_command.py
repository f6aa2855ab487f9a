"""``statemachine fork``: a new execution that begins where another one was."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any

import click

from statemachine.cli.findings import UNUSABLE, load_definition
from statemachine.cli.options import (
    binding_options,
    concurrency_option,
    json_option,
    quiet_option,
    read_input,
    store_hint,
    store_option,
)
from statemachine.store import open_store


@click.command("fork")
@click.argument("execution")
@click.option(
    "--at",
    type=click.IntRange(0),
    metavar="EVENT",
    help="The id of the history event after which it begins. [default: before the state that it ended in, or is in]",
)
@click.option("-i", "--input", "input_text", metavar="JSON", help="What the state gets: JSON, @FILE, or - for stdin.")
@click.option(
    "--definition",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="Go on with this definition instead of the execution's own.",
)
@click.option("--name", metavar="ID", help="The new execution's id.")
@binding_options
@store_option
@concurrency_option
@json_option
@quiet_option
@click.pass_context
def command(
    context: click.Context,
    /,
    execution: str,
    at: int | None,
    input_text: str | None,
    definition: Path | None,
    name: str | None,
    store: str | None,
    **options: Any,
) -> int:
    """Start a new execution where EXECUTION (an id, the beginning of one, or @last) was, and run it to its end.

    What had completed by then is not done again; what was in flight is. The execution itself stays as it is.

    \b
    Examples:
      statemachine fork @last --definition mended.asl.yaml
      statemachine fork @last --at 12 --input '{"orderId": 7}'
    """
    from statemachine.cli.resume_command import command as resume
    from statemachine.runtime.forking import last_entry, store_fork, undone_since
    from statemachine.runtime.starting import checked_name

    loaded = None if definition is None else load_definition(definition)
    if definition is not None and loaded is None:
        return UNUSABLE
    document = None if input_text is None else read_input(input_text)
    opened = open_store(store, create=False)
    try:
        origin = opened.resolve(execution)
        begins = last_entry(opened, opened.get(origin)) if at is None else at
        chosen = checked_name(name) if name else str(uuid.uuid4())
        now_ms = time.time_ns() // 1_000_000
        undone = undone_since(opened, origin, begins) if begins else []
        store_fork(opened, origin, begins, name=chosen, now_ms=now_ms, definition=loaded, input=document)
    finally:
        opened.close()
    if not (options["quiet"] or options["as_json"]):
        again = f"statemachine resume {chosen}{store_hint(store)}"
        click.echo(f"Forked {origin} after event {begins} as {chosen} (if interrupted: {again})", err=True)
        if undone:
            click.echo(
                f"Note: after event {begins}, these were undone: {', '.join(undone)}. "
                "What of them had completed by then is not done again; --at 0 begins anew",
                err=True,
            )
    status: int = context.invoke(resume, execution=chosen, store=store, **options)
    return status
