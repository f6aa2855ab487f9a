"""Map runs of an execution, as AWS's DescribeMapRun and ListMapRuns tell of them (API reference).

Rules
- The kernel counts while a map run is under way, and keeps the counts when it is over: iterations leave no trace in the
  history. All that is told is in the execution's snapshot.
- Counts tell items and child executions (iterations) apart: with an ItemBatcher, a child execution has many items, and
  there are as many as batches were formed so far. Without one, all are there from the beginning, most of them pending.
- A map run that was cut short has aborted what was running, and leaves pending what was not begun (fact
  describe-map-run-counts).
- A distributed Map inside an iteration belongs to that iteration's child execution on AWS, and is not listed here.
- `MAP_RUNS_KEPT` are kept: a loop may start any number of them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from msgspec import Struct, field

from statemachine.jsonvalue import Json
from statemachine.timestamps import to_iso

MAP_RUNS_KEPT: Final = 1_000
"""Map runs of one execution; the oldest that have ended are forgotten."""


class MapRunStatus(StrEnum):
    """AWS's statuses of a map run."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    ABORTED = "ABORTED"


class MapRunCounts(Struct):
    """Items, or child executions, by what became of them."""

    total: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    aborted: int = 0
    results_written: int = 0
    """Those whose results are where they belong: in the state's result (recorded), or where its ResultWriter says."""

    @property
    def pending(self) -> int:
        """Those that have not begun."""
        return self.total - self.running - self.succeeded - self.failed - self.aborted

    def to_api(self) -> dict[str, Json]:
        """The counts with AWS's names. An iteration has no timeout of its own, and none waits for a redrive: they begin
        again as soon as there is room."""
        return {
            "pending": self.pending,
            "running": self.running,
            "succeeded": self.succeeded,
            "failed": self.failed,
            "timedOut": 0,
            "aborted": self.aborted,
            "total": self.total,
            "resultsWritten": self.results_written,
            "failuresNotRedrivable": 0,
            "pendingRedrive": 0,
        }

    def cut(self) -> None:
        """What is running is aborted."""
        self.aborted += self.running
        self.running = 0


class MapRun(Struct):
    """One run of a distributed Map."""

    arn: str
    execution_arn: str
    state: str
    """The Map's name."""
    started_ms: int
    max_concurrency: int = 0
    """As the definition has it; 0 is as much as the engine runs at a time."""
    tolerated_count: int = 0
    tolerated_percentage: float = 0.0
    status: MapRunStatus = MapRunStatus.RUNNING
    stopped_ms: int | None = None
    redrive_count: int = 0
    items: MapRunCounts = field(default_factory=MapRunCounts)
    executions: MapRunCounts = field(default_factory=MapRunCounts)

    def begin_iteration(self, items: int) -> None:
        """An iteration with so many items has begun."""
        self.items.running += items
        self.executions.running += 1

    def end_iteration(self, items: int, *, succeeded: bool) -> None:
        """An iteration has ended by itself."""
        for counts, number in ((self.items, items), (self.executions, 1)):
            counts.running -= number
            if succeeded:
                counts.succeeded += number
            else:
                counts.failed += number

    def cut(self) -> None:
        """What is running is aborted."""
        self.items.cut()
        self.executions.cut()

    def write(self) -> None:
        """The results of all iterations that ended by themselves are where they belong."""
        for counts in (self.items, self.executions):
            counts.results_written = counts.succeeded + counts.failed

    def redrive(self) -> None:
        """It goes on: what has failed or was aborted is pending once more."""
        self.status, self.stopped_ms = MapRunStatus.RUNNING, None
        self.redrive_count += 1
        for counts in (self.items, self.executions):
            counts.failed = counts.aborted = counts.results_written = 0

    def end(self, status: MapRunStatus, now_ms: int) -> None:
        """It is over. One that is over already stays as it is."""
        if self.status is MapRunStatus.RUNNING:
            self.cut()
            self.status, self.stopped_ms = status, now_ms


def keep(runs: dict[str, MapRun], started: MapRun) -> None:
    """Add a map run, and forget the oldest that has ended if there are too many."""
    if len(runs) >= MAP_RUNS_KEPT:
        ended = next((arn for arn, each in runs.items() if each.status is not MapRunStatus.RUNNING), None)
        if ended is not None:
            del runs[ended]
    runs[started.arn] = started


def child_machine_arn(map_run_arn: str) -> str:
    """The ARN of the state machine that the iterations of a map run are executions of (recorded)."""
    # arn:aws:states:REGION:ACCOUNT:mapRun:MACHINE/LABEL:ID
    return map_run_arn.rpartition(":")[0].replace(":mapRun:", ":stateMachine:")


def child_execution_arn(map_run_arn: str, name: str) -> str:
    """The ARN of an iteration as the execution that it is on AWS (recorded in the files of a ResultWriter)."""
    return f"{map_run_arn.rpartition(':')[0].replace(':mapRun:', ':execution:')}:{name}"


def describe_map_run(run: MapRun) -> dict[str, Json]:
    """A map run as DescribeMapRun returns it, with ISO 8601 dates. While it is running it has no stopDate."""
    shown: dict[str, Json] = {
        "mapRunArn": run.arn,
        "executionArn": run.execution_arn,
        "status": run.status.value,
        "startDate": to_iso(run.started_ms),
    }
    if run.stopped_ms is not None:
        shown["stopDate"] = to_iso(run.stopped_ms)
    return shown | {
        "maxConcurrency": run.max_concurrency,
        "toleratedFailurePercentage": run.tolerated_percentage,
        "toleratedFailureCount": run.tolerated_count,
        "itemCounts": run.items.to_api(),
        "executionCounts": run.executions.to_api(),
        "redriveCount": run.redrive_count,
    }


def list_map_run(run: MapRun) -> dict[str, Json]:
    """A map run as an entry of ListMapRuns."""
    shown: dict[str, Json] = {
        "executionArn": run.execution_arn,
        "mapRunArn": run.arn,
        "stateMachineArn": child_machine_arn(run.arn),
        "startDate": to_iso(run.started_ms),
    }
    return shown if run.stopped_ms is None else shown | {"stopDate": to_iso(run.stopped_ms)}


# -- in snapshots ------------------------------------------------------------------------------------------------------


def encode_map_run(run: MapRun) -> Json:
    """A map run for a snapshot; the execution's ARN is there already."""
    return [
        [run.arn, run.state, run.status.value],
        [run.started_ms, run.stopped_ms, run.redrive_count],
        [run.max_concurrency, run.tolerated_count, run.tolerated_percentage],
        _encode_counts(run.items),
        _encode_counts(run.executions),
    ]


def decode_map_run(data: list[Any], execution_arn: str) -> MapRun:
    """The inverse."""
    (arn, state, status), (started_ms, stopped_ms, *more), (most, count, percentage), items, executions = data
    return MapRun(
        arn,
        execution_arn,
        state,
        started_ms,
        most,
        count,
        percentage,
        MapRunStatus(status),
        stopped_ms,
        more[0] if more else 0,  # a snapshot of before there were redrives has none
        MapRunCounts(*items),
        MapRunCounts(*executions),
    )


def _encode_counts(counts: MapRunCounts) -> Json:
    return [counts.total, counts.running, counts.succeeded, counts.failed, counts.aborted, counts.results_written]
