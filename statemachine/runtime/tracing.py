"""OpenTelemetry spans of executions and their tasks (extra ``otel``).

Rules
- One span for an execution, from its first to its last event; in it, one for each task, from its scheduling to its
  end. Times are those of the history.
- Made from what is stored, by a listener: an execution that is resumed by another process begins a new span there.
- `MAX_OPEN` executions at most have an open span; those that begin beyond have none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from statemachine.errors import StatemachineError
from statemachine.jsonvalue import Json
from statemachine.kernel.commands import ExecutionStatus
from statemachine.kernel.execution import Execution
from statemachine.kernel.history import HistoryEvent

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

MAX_OPEN: Final = 100_000
_SCHEDULED: Final = ("TaskScheduled", "LambdaFunctionScheduled", "ActivityScheduled")
_ENDED: Final = ("Succeeded", "Failed", "TimedOut", "SubmitFailed", "StartFailed")
_TASKS: Final = ("Task", "LambdaFunction", "Activity")


@dataclass(slots=True)
class _Task:
    """A Task state that is being executed."""

    state: str
    span: Span | None = None
    """That of its call, while it is being made."""


@dataclass(slots=True)
class _Open:
    span: Span
    tasks: dict[int, _Task] = field(default_factory=dict)
    """By the last event of the state."""


class Tracing:
    """A listener for `Engine.add_listener`. `tracer` is OpenTelemetry's; None for the global one.

    Raises StatemachineError if OpenTelemetry is not installed.
    """

    def __init__(self, tracer: Tracer | None = None) -> None:
        try:
            from opentelemetry import trace
        except ImportError:
            raise StatemachineError("OpenTelemetry is not installed: pip install 'asl-statemachine[otel]'") from None
        self._trace = trace
        self._tracer = tracer or trace.get_tracer("statemachine")
        self._open: dict[str, _Open] = {}

    def __call__(self, execution: Execution, history: tuple[HistoryEvent, ...]) -> None:
        """History of an execution was stored."""
        opened = self._open.get(execution.id)
        if opened is None:
            if not history or len(self._open) >= MAX_OPEN:
                return
            opened = self._open[execution.id] = self._begin(execution, history[0])
        for event in history:
            self._follow(opened, event)
        if execution.closed:
            del self._open[execution.id]
            self._end(opened, execution)

    def _begin(self, execution: Execution, first: HistoryEvent) -> _Open:
        attributes = {
            "aws.step_functions.state_machine.arn": execution.machine_arn,
            "statemachine.execution.id": execution.id,
            "statemachine.machine": execution.machine_name,
        }
        span = self._tracer.start_span(
            execution.machine_name,
            context=self._trace.set_span_in_context(self._trace.INVALID_SPAN),
            attributes=attributes,
            start_time=first.at_ms * 1_000_000,
        )
        return _Open(span)

    def _follow(self, opened: _Open, event: HistoryEvent) -> None:
        details = event.details or {}
        if event.type == "TaskStateEntered":
            opened.tasks[event.id] = _Task(str(details.get("name")))
            return
        task = opened.tasks.pop(event.previous_id, None)
        if task is None:
            return
        kind = next((event.type.removeprefix(each) for each in _TASKS if event.type.startswith(each)), "")
        if event.type in _SCHEDULED:
            task.span = self._tracer.start_span(
                task.state,
                context=self._trace.set_span_in_context(opened.span),
                attributes={"statemachine.resource": _resource(details), "statemachine.event.id": event.id},
                start_time=event.at_ms * 1_000_000,
            )
        elif kind in _ENDED and task.span is not None:
            if kind != "Succeeded":
                self._fail(task.span, details)
            task.span.end(event.at_ms * 1_000_000)
            task.span = None
        if not event.type.endswith(("StateExited", "StateAborted")):
            opened.tasks[event.id] = task

    def _end(self, opened: _Open, execution: Execution) -> None:
        ended_ns = execution.now_ms * 1_000_000
        for task in opened.tasks.values():
            if task.span is not None:
                task.span.end(ended_ns)
        opened.span.set_attribute("statemachine.status", execution.status.value)
        if execution.status is not ExecutionStatus.SUCCEEDED:
            failure = execution.failure
            told = {} if failure is None else {"error": failure.error, "cause": failure.cause}
            self._fail(opened.span, told or {"error": execution.status.value})
        opened.span.end(ended_ns)

    def _fail(self, span: Span, details: dict[str, str | None]) -> None:
        error = details.get("error")
        if error is not None:
            span.set_attribute("error.type", error)
        cause = details.get("cause") or error
        span.set_status(self._trace.Status(self._trace.StatusCode.ERROR, None if cause is None else cause[:1_000]))


def _resource(details: dict[str, Json]) -> str:
    kind, resource = details.get("resourceType"), str(details.get("resource", ""))
    return f"{kind}:{resource}" if kind else resource
