"""Metrics: what an engine counts and measures, for whoever wants it.

Rules
- The engine calls a `MetricsHook` on its loop; a hook must be quick and must not raise. Without one nothing is counted.
- Names and labels are those of the table `METRICS`; times are seconds. Labels come from definitions (resources), so
  `Metrics` keeps `MAX_SERIES` of them for each name, and counts the others together.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

Labels: TypeAlias = tuple[tuple[str, str], ...]

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Upper bounds of a histogram's buckets, in seconds."""
MAX_SERIES: Final = 1_000
OTHER: Final = "other"
"""The value of labels beyond those."""

METRICS: Final[dict[str, tuple[str, str]]] = {
    "statemachine_executions_started_total": ("counter", "Executions that were started here."),
    "statemachine_executions_closed_total": ("counter", "Executions that ended here, by status."),
    "statemachine_executions_failed_internally_total": ("counter", "Executions that a mistake of ours stopped."),
    "statemachine_tasks_scheduled_total": ("counter", "Calls of tasks, by resource."),
    "statemachine_task_retries_total": ("counter", "Calls of tasks that are not the first of their state visit."),
    "statemachine_tasks_ended_total": ("counter", "Calls that ended, by resource and outcome."),
    "statemachine_task_timeouts_total": ("counter", "Tasks that timed out or lost their heartbeat, by event type."),
    "statemachine_task_seconds": ("histogram", "How long calls of tasks took, by resource."),
    "statemachine_commits_total": ("counter", "Transactions."),
    "statemachine_commit_rows_total": ("counter", "New executions and steps that were stored."),
    "statemachine_commit_seconds": ("histogram", "How long transactions took."),
    "statemachine_timer_late_seconds": ("histogram", "How late timers fired."),
    "statemachine_driven": ("gauge", "Executions that are driven here."),
    "statemachine_parked": ("gauge", "Those of them that are in the store alone."),
    "statemachine_tasks_running": ("gauge", "Tasks that run."),
    "statemachine_tasks_waiting": ("gauge", "Tasks that wait for their turn."),
}
"""Name -> kind and help."""


class MetricsHook(Protocol):
    """Is told what happens. Names are those of `METRICS`."""

    def count(self, name: str, labels: Labels = (), amount: int = 1) -> None:
        """Something happened so many times."""

    def observe(self, name: str, seconds: float, labels: Labels = ()) -> None:
        """Something took so long."""

    def set(self, name: str, value: int) -> None:
        """There are so many now."""


@dataclass(slots=True)
class _Histogram:
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    total: float = 0.0


class Metrics:
    """Keeps them in memory, and writes them as Prometheus' text. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers: dict[str, dict[Labels, int]] = {}
        self._histograms: dict[str, dict[Labels, _Histogram]] = {}

    def count(self, name: str, labels: Labels = (), amount: int = 1) -> None:
        """See MetricsHook.count."""
        with self._lock:
            series = self._numbers.setdefault(name, {})
            key = _bounded(series, labels)
            series[key] = series.get(key, 0) + amount

    def observe(self, name: str, seconds: float, labels: Labels = ()) -> None:
        """See MetricsHook.observe."""
        with self._lock:
            series = self._histograms.setdefault(name, {})
            key = _bounded(series, labels)
            histogram = series.get(key)
            if histogram is None:
                histogram = series[key] = _Histogram()
            histogram.buckets[bisect_left(BUCKETS, seconds)] += 1
            histogram.total += seconds

    def set(self, name: str, value: int) -> None:
        """See MetricsHook.set."""
        with self._lock:
            self._numbers.setdefault(name, {})[()] = value

    def value(self, name: str, **labels: str) -> int:
        """A counter's or gauge's value, or how often a histogram was told; 0 if never."""
        key = tuple(sorted(labels.items()))
        with self._lock:
            if name in self._histograms:
                found = self._histograms[name].get(key)
                return 0 if found is None else sum(found.buckets)
            return self._numbers.get(name, {}).get(key, 0)

    def render(self) -> str:
        """All of them in Prometheus' text format (version 0.0.4)."""
        lines: list[str] = []
        with self._lock:
            for name, (kind, help_text) in METRICS.items():
                if name not in self._numbers and name not in self._histograms:
                    continue
                lines += [f"# HELP {name} {help_text}", f"# TYPE {name} {kind}"]
                lines += [f"{name}{_shown(key)} {value}" for key, value in self._numbers.get(name, {}).items()]
                for key, histogram in self._histograms.get(name, {}).items():
                    lines += _histogram_lines(name, key, histogram)
        return "".join(f"{line}\n" for line in lines)


def _bounded(series: dict[Labels, int] | dict[Labels, _Histogram], labels: Labels) -> Labels:
    key = tuple(sorted(labels))
    if key in series or len(series) < MAX_SERIES:
        return key
    return tuple((label, OTHER) for label, _ in key)


def _histogram_lines(name: str, key: Labels, histogram: _Histogram) -> list[str]:
    lines: list[str] = []
    so_far = 0
    for bound, number in zip((*map(str, BUCKETS), "+Inf"), histogram.buckets, strict=True):
        so_far += number
        lines.append(f"{name}_bucket{_shown((*key, ('le', bound)))} {so_far}")
    return [*lines, f"{name}_sum{_shown(key)} {histogram.total:.9g}", f"{name}_count{_shown(key)} {so_far}"]


def _shown(labels: Labels) -> str:
    if not labels:
        return ""
    pairs = ",".join(f'{label}="{_escaped(value)}"' for label, value in labels)
    return "{" + pairs + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
