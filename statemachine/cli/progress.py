"""Progress of an execution while it runs, on standard error.

On a terminal: finished steps scroll by, and below them the states that are under way, with their age, are redrawn in
place. Elsewhere: one line per event that matters. What is shown has been stored before.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from statemachine.cli.output import clip, clock_time, duration
from statemachine.errors import Failure
from statemachine.kernel.execution import Execution
from statemachine.kernel.history import HistoryEvent

_SHOWN_AT_ONCE = 12


class Progress:
    """Tells what happens. `listen` is an engine's listener."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._entered: dict[int, tuple[str, int]] = {}
        """Entered event id -> state name and time, for the states that are under way."""
        self._chain: dict[int, int] = {}
        """Event id -> the entered event of its state."""
        self._live: Any = None
        if not quiet and sys.stderr.isatty():
            self._live = _live_display()

    def __enter__(self) -> Progress:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.update("")
            self._live.stop()

    def say(self, text: str) -> None:
        """One line, unless quiet."""
        if self._quiet:
            return
        if self._live is not None:
            self._live.console.print(text, markup=False, highlight=False)
        else:
            click.echo(text, err=True)

    def listen(self, _: Execution, history: tuple[HistoryEvent, ...]) -> None:
        """Show what was stored."""
        if self._quiet:
            return
        for event in history:
            self._show(event)
        if self._live is not None:
            self._live.update(_Running(self._entered))

    def _show(self, event: HistoryEvent) -> None:
        kind, details = event.type, event.details or {}
        at = clock_time(event.at_ms)
        if kind.endswith("StateEntered"):
            self._entered[event.id] = (details["name"], event.at_ms)
            self._chain[event.id] = event.id
            return
        started = self._chain.pop(event.previous_id, None)
        if kind.endswith("StateExited"):
            name, since = self._entered.pop(started or 0, (details["name"], event.at_ms))
            self.say(f"  {at}  ✓ {name}  {duration(event.at_ms - since)}")
            return
        if started is not None:
            self._chain[event.id] = started
        if kind.endswith(("Failed", "TimedOut")) and not kind.startswith(("Execution", "Map", "Parallel")):
            name = self._entered.get(started or 0, ("?", 0))[0]
            failure = Failure(details.get("error"), details.get("cause"))
            self.say(f"  {at}  ✗ {name}  {clip(describe_failure(failure), 100)}")


def describe_failure(failure: Failure) -> str:
    """Error and cause in one text."""
    return ": ".join(part for part in (failure.error, failure.cause) if part) or "no error name, no cause"


class _Running:
    """The lines below the scrolling part. rich asks for them again at every refresh."""

    def __init__(self, entered: dict[int, tuple[str, int]]) -> None:
        self._entered = entered

    def __rich__(self) -> Any:
        from rich.text import Text

        from statemachine.runtime.clock import SystemClock

        now_ms = SystemClock().now_ms()
        shown = list(self._entered.values())[-_SHOWN_AT_ONCE:]
        lines = [f"  {'':12}  → {name}  {duration(max(now_ms - since, 0))}" for name, since in shown]
        hidden = len(self._entered) - len(shown)
        if hidden > 0:
            lines.insert(0, f"  {'':12}  … {hidden} more states under way")
        return Text("\n".join(lines), style="dim")


def _live_display() -> Any:
    try:
        from rich.console import Console
        from rich.live import Live
    except ImportError:
        return None
    return Live(console=Console(stderr=True), refresh_per_second=8, transient=True)
