"""What is told of any machine, at any moment, is whole and true to its state."""

from __future__ import annotations

from hypothesis import given, settings
from random_compensations import compensated_cases
from random_machines import Case
from running import START_MS, new
from test_invariants import run_case

from statemachine.kernel.commands import ExecutionStatus
from statemachine.kernel.execution import Phase
from statemachine.testing.virtual import replay
from statemachine.visibility.account import account_of
from statemachine.visibility.position import CompensationStatus, position_of
from statemachine.visibility.usage import usage_of
from statemachine.visibility.visits import Visits


@given(compensated_cases())
@settings(max_examples=100)
def test_a_position_at_every_moment(case: Case) -> None:
    done = run_case(case)
    program, execution = new(case.definition, case.input)
    visits = Visits()
    for encoded in done.host.journal[:80]:
        _, more = replay(program, execution, [encoded])
        for event in more:
            visits.add(event)
        position = position_of(execution, program, visits)
        assert len(position.states) == len(execution.frames)
        held = [each for each in position.compensations if each.status is not CompensationStatus.FAILED]
        failed = len(execution.failed_compensations)
        assert len(held) + failed == len(position.compensations)
        assert execution.closed or len(held) == execution.compensations - failed
        assert sum(each.size for each in position.variables) == execution.variables_bytes
        # What it is in, as far as the history tells, is what has been entered and not left.
        entered = {
            program.nodes[frame.address].name
            for frame in execution.frames.values()
            if not frame.muted and frame.phase is not Phase.ENTER
        }
        assert entered <= {visit.name for visit in visits.open}


@given(compensated_cases())
@settings(max_examples=150)
def test_an_account_of_every_end(case: Case) -> None:
    done = run_case(case)
    account = account_of(done.history, steps=10)
    entered = [event for event in done.history if event.type.endswith("StateEntered")]
    assert account.total == len(entered)
    assert [step.entered_event for step in account.steps] == [event.id for event in entered[-10:]]
    if done.execution.status is not ExecutionStatus.FAILED:
        assert account.failed_in is None
    usage = usage_of(done.history, definition_bytes=0, started_ms=START_MS)
    assert (usage.events, usage.entered) == (len(done.history), len(entered))
    assert usage.transitions >= usage.entered
