from __future__ import annotations

from dataclasses import replace

from statemachine.integrations.base import TaskContext


def test_a_cancellation_is_seen_before_and_after_somebody_asks(context: TaskContext) -> None:
    event = context.cancelled
    assert not event.is_set()
    context.cancellation.set()
    assert event.is_set()
    assert context.cancelled is event


def test_a_cancellation_that_nobody_waited_for_is_seen_later(context: TaskContext) -> None:
    context.cancellation.set()
    assert context.cancelled.is_set()


def test_a_copy_of_a_context_is_cancelled_with_it(context: TaskContext) -> None:
    copy = replace(context, resource="another")
    context.cancellation.set()
    assert copy.cancelled.is_set()
