"""``statemachine replay``: apply what was recorded again, and compare."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from statemachine.cli.failures import describe_failure
from statemachine.cli.findings import UNUSABLE, load_definition
from statemachine.cli.options import json_option, quiet_option, store_option
from statemachine.cli.output import print_json
from statemachine.errors import ReplayMismatchError, StatemachineError
from statemachine.jsonvalue import Json, encode_json
from statemachine.program.load import LoadedDefinition
from statemachine.runtime.recordings import (
    ENDING,
    Recording,
    find_recordings,
    read_recording,
    record,
    replay,
    write_recording,
)
from statemachine.store import open_to_read
from statemachine.testing.what_if import Comparison, Outcome, what_if

Result = dict[str, Json]


@click.command("replay")
@click.argument("executions", metavar="EXECUTION|FILE|FOLDER...", nargs=-1)
@store_option
@click.option(
    "--definition",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Ask what this definition would have done with the same answers.",
)
@click.option(
    "--record",
    "target",
    type=click.Path(path_type=Path),
    metavar="FILE|FOLDER",
    help=f"Write recordings instead: to a file, or as <id>{ENDING} to a folder.",
)
@click.option("--all", "everything", is_flag=True, help="Every execution of the store.")
@json_option
@quiet_option
def command(
    executions: tuple[str, ...],
    store: str | None,
    definition: Path | None,
    target: Path | None,
    everything: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Apply the recorded events again and compare histories: of stored executions (ids, beginnings of ids, @last), of
    recordings, or of all recordings in folders. No task is called.

    Exit status 1 if something comes out differently.

    \b
    Examples:
      statemachine replay @last
      statemachine replay @last --record recordings/
      statemachine replay recordings/
      statemachine replay recordings/ --definition order.asl.yaml
    """
    if not executions and not everything:
        raise click.UsageError("name an execution, a recording or a folder of recordings, or use --all")
    found = _recordings(executions, store, everything=everything)
    if target is not None:
        return _write(list(found), target)
    loaded = None if definition is None else load_definition(definition)
    if definition is not None and loaded is None:
        return UNUSABLE
    results = []
    for name, recording in found:
        result = _replayed(recording) if loaded is None else _compared(recording, loaded)
        results.append({"execution": name, **result})
        if not as_json:
            _show(results[-1], quiet=quiet)
    if as_json:
        print_json({"replayed": results})
    elif not quiet:
        different = sum(not each["same"] for each in results)
        click.echo(f"{len(results)} replayed, {different or 'none'} different", err=True)
    return 0 if all(each["same"] for each in results) else 1


def _recordings(names: Sequence[str], store: str | None, *, everything: bool) -> Iterator[tuple[str, Recording]]:
    """What is to be replayed: paths of files and folders, and ids."""
    ids = []
    for name in names:
        path = Path(name)
        if not path.exists():
            ids.append(name)
            continue
        files = find_recordings(path)
        if not files:
            raise click.BadParameter(f"there is no *{ENDING} in '{name}'", param_hint="FOLDER")
        for file in files:
            yield str(file), read_recording(file)
    if not ids and not everything:
        return
    opened = open_to_read(store)
    try:
        for name in ids:
            execution_id = opened.resolve(name)
            yield execution_id, record(opened, execution_id)
        if everything:
            opened.check()
        cursor = None
        while everything:
            page = opened.list(limit=200, cursor=cursor)
            for each in page.records:
                yield each.id, record(opened, each.id)
            cursor = page.cursor
            everything = cursor is not None
    finally:
        opened.close()


def _write(found: Sequence[tuple[str, Recording]], target: Path) -> int:
    to_file = target.name.endswith(".json") and not target.is_dir()
    if to_file and len(found) != 1:
        raise click.BadParameter("several recordings need a folder", param_hint="'--record'")
    for _, recording in found:
        path = target if to_file else target / f"{recording.execution_id}{ENDING}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(write_recording(recording), encoding="utf-8")
        click.echo(f"Wrote {path}", err=True)
    return 0


def _replayed(recording: Recording) -> Result:
    try:
        execution = replay(recording)
    except ReplayMismatchError as error:
        return {"same": False, "event": error.index, "recorded": error.recorded, "actual": error.actual}
    except StatemachineError as error:
        return {"same": False, "message": str(error)}
    return {"same": True, "status": execution.status.value, "events": execution.history_length}


def _compared(recording: Recording, loaded: LoadedDefinition) -> Result:
    found = what_if(recording.program, recording.start, recording.decoded_events(), loaded.program)
    result: Result = {
        "same": found.difference is None,
        "before": _outcome(found.before),
        "after": _outcome(found.after),
    }
    if found.difference is not None:
        result |= {"event": found.difference.position, **_sides(found)}
    return result


def _sides(found: Comparison) -> Result:
    assert found.difference is not None
    sides = {"recorded": found.difference.before, "actual": found.difference.after}
    return {name: "nothing" if side is None else encode_json(side).decode() for name, side in sides.items()}


def _outcome(outcome: Outcome) -> Result:
    shown: Result = {"status": outcome.status.value}
    if outcome.output is not None:
        shown["output"] = outcome.output.value
    if outcome.failure is not None:
        shown["failure"] = describe_failure(outcome.failure)
    if outcome.unanswered is not None:
        shown["unanswered"] = outcome.unanswered
    return shown


def _show(result: Result, *, quiet: bool) -> None:
    name = result["execution"]
    if result["same"]:
        if not quiet:
            click.echo(f"{name}: {click.style('same', fg='green')}")
        return
    click.echo(f"{name}: {click.style('different', fg='red')}")
    if "message" in result:
        click.echo(f"  {result['message']}")
    if "event" in result:
        click.echo(f"  first difference at event {result['event']}:")
        click.echo(f"  - {result['recorded']}")
        click.echo(f"  + {result['actual']}")
    for side in ("before", "after"):
        if side in result:
            shown = ", ".join(f"{key} {_word(value)}" for key, value in result[side].items())
            click.echo(f"  {side}: {shown}")


def _word(value: Json) -> str:
    return value if isinstance(value, str) else encode_json(value).decode()
