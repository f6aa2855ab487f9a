"""Time travel: the state of an execution as of an event of its history, and new executions that begin there.

Rules
- The journal is applied again, one transition at a time: the state as of an event is the one after the last transition
  that was recorded whole by then. Events that one transition records together (a task's Scheduled with its state's
  Entered) are not taken apart.
- A fork is an execution of its own: its id, tokens and random draws are new, its times go on from now.
- What was in flight goes to the host again. A task that had been submitted (its token was handed out) is scheduled
  anew, since its answer would go to the other execution; and so is everything in flight under another definition.
- Another definition must have the states that the execution is in, of the same types.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice

from msgspec import structs

from statemachine.errors import ForkError
from statemachine.jsonvalue import Document
from statemachine.kernel import compensation
from statemachine.kernel.advance import Step, advance
from statemachine.kernel.commands import ScheduleTask, StartTimer, Yield
from statemachine.kernel.events import Event, Resumed
from statemachine.kernel.execution import Execution, Frame, Operation, Phase, Purpose
from statemachine.kernel.map_runs import MapRunStatus
from statemachine.kernel.snapshot import decode_execution
from statemachine.program.nodes import MapNode, Node, ParallelNode, Program, WorkNode


def state_at(program: Program, snapshot: bytes, events: Sequence[Event], history_id: int) -> Execution:
    """The execution as of a history event: after the last transition that had been recorded whole by then.

    `snapshot` is from before the first of `events`, which are all that were applied since. Raises ForkError for an
    event before the snapshot, or one that is not there yet.
    """
    execution = decode_execution(snapshot)
    if history_id < execution.history_length:
        raise ForkError(f"event {history_id} is from before this execution was forked itself")
    transitions = 0
    for step in _transitions(program, execution, events):
        if step.history and step.history[-1].id > history_id:
            break
        transitions += 1
    else:
        if execution.history_length < history_id:
            raise ForkError(f"there is no event {history_id}: the history has {execution.history_length}")
    execution = decode_execution(snapshot)
    fuel = execution.limits.fuel
    for _ in islice(_transitions(program, execution, events), transitions):
        pass
    execution.limits = replace(execution.limits, fuel=fuel)
    return execution


def _transitions(program: Program, execution: Execution, events: Iterable[Event]) -> Iterable[Step]:
    """Apply events one transition at a time: with a fuel of one, as often as the whole fuel had lasted."""
    fuel = execution.limits.fuel
    execution.limits = replace(execution.limits, fuel=1)
    for event in events:
        step = advance(program, execution, event)
        yield step
        for _ in range(fuel - 1):
            if not (step.commands and isinstance(step.commands[-1], Yield)):
                break
            step = advance(program, execution, Resumed(execution.now_ms))
            yield step


def fork(
    execution: Execution,
    before: Program,
    program: Program,
    *,
    id: str,
    seed: bytes,
    now_ms: int,
    input: Document | None = None,
) -> None:
    """Make this state (of `state_at`) a new execution of `program`, which goes on from `now_ms`.

    `before` is the program that it ran so far.
    `input` replaces what the state that the execution is in gets; before the first event, the execution's own. Raises
    ForkError if the execution has ended, the program has not the states that it is in, or `input` has no one place.
    """
    if execution.closed:
        raise ForkError(f"the execution has ended there ({execution.status}): fork it at an earlier event")
    is_changed = program.sha256 != before.sha256
    if is_changed:
        for frame in execution.frames.values():
            _check_state(frame, before.nodes[frame.address], program.nodes.get(frame.address))
        _check_compensations(execution, program)
        _count_retries_anew(execution, before, program)
    if input is not None:
        _replace_input(execution, input)
    for operation in list(execution.operations.values()):
        _take_over(execution, operation, now_ms - execution.now_ms, anew=is_changed or input is not None)
    _rebuild_timers(execution)
    execution.arn = execution.arn.removesuffix(execution.id) + id
    execution.id, execution.seed, execution.definition_sha256 = id, seed, program.sha256
    for told in execution.map_runs.values():
        told.execution_arn = execution.arn
    execution.now_ms = now_ms


def _check_state(frame: Frame, old: Node, new: Node | None) -> None:
    same = type(old) is type(new)
    if frame.children is not None:
        match old, new:
            case ParallelNode(), ParallelNode():
                same = len(old.branches) == len(new.branches)
            case MapNode(), MapNode():
                same = _kind_of_map(old) == _kind_of_map(new)
    if not same:
        raise ForkError(
            f"the execution is in {frame.address}, which the new definition does not have as it was: "
            "fork it at an event before this state"
        )


def _kind_of_map(node: MapNode) -> tuple[bool, bool, bool]:
    """What decides what is kept of its iterations: whether they are executions, are reported, and exported."""
    return node.distributed, node.writer is not None, node.writer is not None and node.writer.resource is not None


def _count_retries_anew(execution: Execution, before: Program, program: Program) -> None:
    """Where the retriers are others, what the old ones have counted says nothing."""
    for frame in execution.frames.values():
        old, new = before.nodes[frame.address], program.nodes[frame.address]
        if isinstance(old, WorkNode) and isinstance(new, WorkNode) and len(old.retriers) != len(new.retriers):
            frame.attempts = ()


def _check_compensations(execution: Execution, program: Program) -> None:
    """What has completed can be undone as it was to be undone."""
    targets = [each.target for each in compensation.held(execution)]
    targets += [each.compensation.target for each in execution.failed_compensations]
    for target in targets:
        if target not in program.nodes:
            raise ForkError(
                f"what has completed is undone by {target}, which the new definition does not have: "
                "fork it at an event before that"
            )
    for frame in execution.frames.values():
        node = program.nodes[frame.address]
        if frame.unwinding is not None and isinstance(node, WorkNode) and frame.unwinding.catcher >= len(node.catchers):
            raise ForkError(
                f"a catcher of {frame.address} is undoing, which the new definition does not have: "
                "fork it at an event before this state"
            )


def _replace_input(execution: Execution, input: Document) -> None:
    if not execution.history_length:
        execution.input = input
        return
    if len(execution.frames) != 1:
        raise ForkError(
            f"the execution is in {len(execution.frames)} states there: an input can be given where it is in one"
        )
    (frame,) = execution.frames.values()
    frame.raw_input = input


def _take_over(execution: Execution, operation: Operation, later_ms: int, *, anew: bool) -> None:
    """Move an operation's times, or let its state begin it anew."""
    command = operation.command
    if isinstance(command, ScheduleTask):
        anew = anew or command.submitted
    frame = execution.frames.get(operation.frame)
    if anew and frame is not None and operation.purpose is not Purpose.RETRY:
        _begin_anew(execution, frame)
    elif isinstance(command, StartTimer):
        operation.command = structs.replace(command, fire_at_ms=command.fire_at_ms + later_ms)
    elif isinstance(command, ScheduleTask) and command.deadline_ms is not None:
        operation.command = structs.replace(command, deadline_ms=command.deadline_ms + later_ms)


def _begin_anew(execution: Execution, frame: Frame) -> None:
    """Let a state that waits enter once more."""
    for number in (frame.operation, frame.timeout):
        execution.operations.pop(number, None)
    frame.operation = frame.timeout = 0
    if frame.children is not None and (told := execution.map_runs.get(frame.children.map_run or "")) is not None:
        told.end(MapRunStatus.ABORTED, execution.now_ms)  # it begins another one
    frame.children = frame.cut = frame.failure = frame.result = None
    frame.phase = Phase.ENTER
    if frame.id not in execution.ready:
        execution.ready.append(frame.id)


def _rebuild_timers(execution: Execution) -> None:
    execution.timers = [
        (operation.command.fire_at_ms, operation.id)
        for operation in execution.operations.values()
        if isinstance(operation.command, StartTimer)
    ]
    heapq.heapify(execution.timers)
