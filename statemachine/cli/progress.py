"""Progress of executions while they run, on standard error.

On a terminal: finished steps scroll by, and below them the states that are under way, with their age, are redrawn in
place. Elsewhere: one line per step that ended. What is shown has been stored before.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any, Self

import click

from statemachine.cli.failures import brief_failure
from statemachine.cli.logs import log_history, logger, logging_to_stderr
from statemachine.cli.output import clip, clock_time, duration
from statemachine.errors import Failure
from statemachine.kernel.execution import Execution
from statemachine.kernel.history import HistoryEvent
from statemachine.visibility.visits import Visit, Visits

SHOWN_AT_ONCE = 12
SEEDED = 1_000
"""Events before a resumption that are looked at, to know what is under way and since when."""


class Progress:
    """Tells what happens. `listen` is an engine's listener."""

    def __init__(self, *, quiet: bool, many: bool = False, log_format: str | None = None) -> None:
        """`many`: there are several executions, and each line names its own. With a `log_format` it is logged instead,
        `quiet` or not."""
        self._quiet = quiet or log_format is not None
        self._log_format = log_format
        self._logging = ExitStack()
        self._many = many
        self._visits: dict[str, Visits] = {}
        self._live: Any = None
        if not self._quiet and sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
            self._live = _live_display(self._visits, many=many)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        if self._log_format is not None:
            self._logging.enter_context(logging_to_stderr("info", self._log_format))
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take the part that is redrawn away and give the terminal back. May be called twice."""
        live, self._live = self._live, None
        if live is not None:
            self._visits.clear()
            live.stop()
        self._logging.close()

    def say(self, text: str, colour: str | None = None) -> None:
        """One line, unless quiet."""
        if self._log_format is not None:
            logger.info("%s", text)
        if self._quiet:
            return
        if self._live is not None:
            from rich.text import Text

            self._live.console.print(Text(text, style=colour or ""), soft_wrap=True)
        else:
            click.secho(text, fg=colour, err=True)

    def resume(self, execution_id: str, history: Iterable[HistoryEvent]) -> None:
        """What an execution has done before (the last `SEEDED` events will do)."""
        if not self._quiet:
            visits = self._visits.setdefault(execution_id, Visits())
            for event in history:
                visits.add(event)

    def listen(self, execution: Execution, history: tuple[HistoryEvent, ...]) -> None:
        """Show what was stored."""
        if self._log_format is not None:
            log_history(execution, history)
        if self._quiet:
            return
        visits = self._visits.setdefault(execution.id, Visits())
        name = f"{clip(execution.id, 13)}  " if self._many else ""
        for event in history:
            visit = visits.add(event)
            self._show(event, visit, name)
        if execution.closed:
            del self._visits[execution.id]

    def _show(self, event: HistoryEvent, visit: Visit | None, name: str) -> None:
        kind, details = event.type, event.details or {}
        start = f"  {clock_time(event.at_ms)}  {name}"
        if kind.endswith("StateExited"):
            took = "" if visit is None else f"  {duration(event.at_ms - visit.since_ms)}"
            if visit is not None and visit.error:
                self.say(f"{start}! {details['name']}{took}  caught {clip(visit.error, 60)}", "yellow")
            else:
                self.say(f"{start}✓ {details['name']}{took}")
        elif kind == "FailStateEntered":
            self.say(f"{start}✗ {details['name']}", "red")
        elif kind.endswith(("Failed", "TimedOut")) and not kind.startswith(("Execution", "Map", "Parallel")):
            state = "?" if visit is None else visit.name
            failure = brief_failure(Failure(details.get("error"), details.get("cause")))
            self.say(f"{start}✗ {state}  {clip(failure, 100)}", "red")


class _Running:
    """The lines below the scrolling part. rich asks for them again at every refresh, in a thread of its own."""

    def __init__(self, visits: dict[str, Visits], *, many: bool) -> None:
        self._visits = visits
        self._many = many

    def __rich__(self) -> Any:
        from rich.text import Text

        from statemachine.runtime.clock import SystemClock

        now_ms = SystemClock().now_ms()
        under_way = [(name, visit) for name, visits in list(self._visits.items()) for visit in list(visits.open)]
        lines = []
        for execution_id, visit in under_way[-SHOWN_AT_ONCE:]:
            name = f"{clip(execution_id, 13)}  " if self._many else ""
            after = f"  after {visit.error}" if visit.error else ""
            lines.append(
                f"  {'':12}  {name}→ {clip(visit.name, 60)}  {duration(max(now_ms - visit.since_ms, 0))}{after}"
            )
        hidden = len(under_way) - len(lines)
        if hidden > 0:
            lines.insert(0, f"  {'':12}  … and {hidden} more under way")
        return Text("\n".join(lines), style="dim")


def _live_display(visits: dict[str, Visits], *, many: bool) -> Any:
    from rich.console import Console
    from rich.live import Live

    running = _Running(visits, many=many)
    return Live(running, console=Console(stderr=True), refresh_per_second=8, transient=True)
