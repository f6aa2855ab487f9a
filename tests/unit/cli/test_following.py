"""Following a history: everything is shown once, in order, and it ends with the execution."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from statemachine.cli.following import follow
from statemachine.errors import ExecutionNotFoundError
from statemachine.jsonvalue import Document
from statemachine.kernel.commands import ExecutionStatus
from statemachine.kernel.history import HistoryEvent
from statemachine.store.base import Commit, Durability, NewExecution
from statemachine.store.memory import MemoryStore


def event(number: int) -> HistoryEvent:
    return HistoryEvent(number, "PassStateEntered", number, number - 1, {"name": f"S{number}"})


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    store.create([NewExecution("one", "m", "{}", "0", Document({}), Durability.FULL, 0, b"")])
    return store


def write(store: MemoryStore, *numbers: int, status: ExecutionStatus = ExecutionStatus.RUNNING) -> None:
    history = tuple(map(event, numbers))
    store.commit([Commit("one", store.get("one").sequence, (), history, status, 1, states=())])


def pauses(*actions: Callable[[], None]) -> Callable[[], None]:
    """What happens during the first pause, the second, and so on; there must be no more."""
    left = list(actions)

    def pause() -> None:
        left.pop(0)()

    return pause


def test_what_comes_later_is_shown_until_the_end(store: MemoryStore) -> None:
    write(store, 1, 2)
    pause = pauses(
        lambda: write(store, 3),
        lambda: None,
        lambda: write(store, 4, 5, status=ExecutionStatus.FAILED),
    )
    assert [each.id for each in follow(store, "one", pause)] == [1, 2, 3, 4, 5]


def test_of_one_that_has_ended_all_is_there(store: MemoryStore) -> None:
    write(store, 1, 2, 3, status=ExecutionStatus.SUCCEEDED)
    assert [each.id for each in follow(store, "one", pauses())] == [1, 2, 3]


def test_what_is_written_while_the_end_is_read_is_not_lost(store: MemoryStore) -> None:
    """It ends after its status was read, and before its history was."""
    write(store, 1)
    events = follow(store, "one", pauses(lambda: None))
    assert next(events).id == 1
    write(store, 2, status=ExecutionStatus.SUCCEEDED)
    assert [each.id for each in events] == [2]


def test_it_may_be_removed_meanwhile(store: MemoryStore) -> None:
    write(store, 1)

    def remove() -> None:
        write(store, 2, status=ExecutionStatus.SUCCEEDED)
        store.prune(10)

    with pytest.raises(ExecutionNotFoundError):
        list(follow(store, "one", remove))
