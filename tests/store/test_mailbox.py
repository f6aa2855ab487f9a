"""What every store promises about messages and offers (store/base.py, store/mailbox.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from statemachine.errors import ExecutionNotFoundError
from statemachine.jsonvalue import Document
from statemachine.kernel.commands import ExecutionStatus
from statemachine.store.base import Filter, Offer, Settled, Store
from statemachine.store.mailbox import UNCOLLECTED_MS
from statemachine.store.sqlite import SqliteStore

ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:approve"


def offer(execution_id: str = "one", operation: int = 1, offered_ms: int = 5, **changes: Any) -> Offer:
    given: dict[str, Any] = {"activity": ACTIVITY, "token": f"{execution_id}/{operation}/mac", "input": Document([1])}
    return Offer(execution_id=execution_id, operation=operation, offered_ms=offered_ms, **{**given, **changes})


def bodies(store: Store, **options: Any) -> list[bytes]:
    return [each.body for each in store.messages(**options)]


class TestMessages:
    def test_in_order_for_the_owner(self, store: Store, samples: Any) -> None:
        store.create([samples.new("one"), samples.new("two")])
        first = store.send("two", b"a", 10)
        second = store.send("one", b"b", 11)
        assert [(each.id, each.execution_id, each.body, each.sent_ms) for each in store.messages()] == [
            (first, "two", b"a", 10),
            (second, "one", b"b", 11),
        ]
        assert bodies(store, after=first) == [b"b"]
        assert bodies(store, limit=1) == [b"a"]
        assert bodies(store, execution_id="one") == [b"b"]

    def test_only_what_is_owned(self, store: Store, samples: Any) -> None:
        store.create([samples.new("one")])
        store.release("one")
        store.send("one", b"a", 10)
        assert bodies(store) == []
        assert bodies(store, execution_id="one") == [b"a"]
        store.claim("one")
        assert bodies(store) == [b"a"]

    def test_settled_by_a_commit(self, store: Store, samples: Any) -> None:
        store.create([samples.new("one")])
        message = store.send("one", b"a", 10)
        assert store.collect(message) is None
        store.commit([samples.commit("one", settled=(Settled(message),))])
        assert bodies(store) == []
        assert store.collect(message) == Settled(message)
        with pytest.raises(ExecutionNotFoundError, match="gone"):
            store.collect(message)

    def test_refused(self, store: Store, samples: Any) -> None:
        store.create([samples.new("one")])
        message = store.send("one", b"a", 10)
        store.settle([Settled(message, b"too late")])
        assert bodies(store, execution_id="one") == []
        assert store.collect(message) == Settled(message, b"too late")

    def test_what_was_told_first_stays(self, store: Store, samples: Any) -> None:
        store.create([samples.new("one")])
        message = store.send("one", b"a", 10)
        store.settle([Settled(message, b"too late")])
        store.settle([Settled(message)])
        store.commit([samples.commit("one", settled=(Settled(message, b"again"),))])
        assert store.collect(message) == Settled(message, b"too late")

    def test_the_end_settles_one_and_removes_the_others(self, store: Store, samples: Any) -> None:
        store.create([samples.new("one")])
        used, unused = store.send("one", b"a", 10), store.send("one", b"b", 11)
        store.commit([samples.commit("one", status=ExecutionStatus.SUCCEEDED, settled=(Settled(used),))])
        assert store.collect(used) == Settled(used)
        with pytest.raises(ExecutionNotFoundError, match="gone"):
            store.collect(unused)

    @pytest.mark.parametrize("reference", ["gone", "ended"])
    def test_nobody_to_send_to(self, store: Store, samples: Any, reference: str) -> None:
        store.create([samples.new("ended")])
        store.commit([samples.commit("ended", status=ExecutionStatus.FAILED)])
        with pytest.raises(ExecutionNotFoundError, match=reference):
            store.send(reference, b"a", 10)

    def test_ids_are_never_used_again(self, store: Store, samples: Any) -> None:
        store.create([samples.new("one")])
        first = store.send("one", b"a", 10)
        store.settle([Settled(first)])
        store.collect(first)
        assert store.send("one", b"b", 11) > first

    def test_what_nobody_collects_is_removed(self, open_sqlite: Callable[..., SqliteStore], samples: Any) -> None:
        store = open_sqlite()
        store.create([samples.new("one")])
        message = store.send("one", b"a", 10)
        store.settle([Settled(message)])
        store.send("one", b"b", 10 + UNCOLLECTED_MS + 1)
        with pytest.raises(ExecutionNotFoundError, match="gone"):
            store.collect(message)

    def test_between_two_stores_on_one_file(self, open_sqlite: Callable[..., SqliteStore], samples: Any) -> None:
        owner, sender = open_sqlite(), open_sqlite()
        owner.create([samples.new("one")])
        message = sender.send("one", b"a", 10)
        assert bodies(sender) == []
        assert bodies(owner) == [b"a"]
        owner.commit([samples.commit("one", settled=(Settled(message, b"no"),))])
        assert sender.collect(message) == Settled(message, b"no")


class TestOffers:
    def test_the_oldest_first_and_once(self, store: Store, samples: Any) -> None:
        store.create([samples.new("one"), samples.new("two")])
        older, newer = offer("two", 3, offered_ms=4), offer("one", 1, offered_ms=5)
        store.offer([newer, older])
        assert store.take("another activity") is None
        assert store.take(ACTIVITY) == older
        assert store.take(ACTIVITY) == newer
        assert store.take(ACTIVITY) is None

    def test_offered_anew(self, store: Store, samples: Any) -> None:
        store.create([samples.new("one")])
        store.offer([offer()])
        store.take(ACTIVITY)
        again = offer(offered_ms=9)
        store.offer([again])
        assert store.take(ACTIVITY) == again

    def test_withdrawn(self, store: Store, samples: Any) -> None:
        store.create([samples.new("one")])
        store.offer([offer(operation=1), offer(operation=2)])
        store.withdraw("one", [1, 9])
        found = store.take(ACTIVITY)
        assert found is not None
        assert found.operation == 2

    def test_gone_with_the_execution(self, store: Store, samples: Any) -> None:
        store.create([samples.new("one")])
        store.offer([offer()])
        store.commit([samples.commit("one", status=ExecutionStatus.ABORTED)])
        assert store.take(ACTIVITY) is None

    def test_of_an_unknown_execution(self, store: Store, samples: Any) -> None:
        store.create([samples.new("one")])
        with pytest.raises(ExecutionNotFoundError, match="two"):
            store.offer([offer("one"), offer("two")])
        assert store.take(ACTIVITY) is None

    def test_taken_by_one_of_two_stores(self, open_sqlite: Callable[..., SqliteStore], samples: Any) -> None:
        owner, worker, other = open_sqlite(), open_sqlite(), open_sqlite()
        owner.create([samples.new("one")])
        owner.offer([offer(input=Document({"Ü": "\ud800"}))])
        found = worker.take(ACTIVITY)
        assert found is not None
        assert found.input.value == {"Ü": "\ud800"}
        assert other.take(ACTIVITY) is None


class TestAbandoned:
    def test_what_nobody_drives(self, store: Store, samples: Any) -> None:
        store.create([samples.new(name) for name in ("one", "two", "three", "ended")])
        store.commit([samples.commit("ended", status=ExecutionStatus.SUCCEEDED)])
        assert store.abandoned() == []
        store.release("two")
        store.release("one")
        assert store.abandoned() == ["one", "two"]
        assert store.abandoned(limit=1) == ["one"]
        store.claim("one")
        assert store.abandoned() == ["two"]

    def test_of_a_living_and_of_a_dead_owner(self, open_sqlite: Callable[..., SqliteStore], samples: Any) -> None:
        living, dying, reader = open_sqlite(), open_sqlite(), open_sqlite()
        living.create([samples.new("one")])
        dying.create([samples.new("two")])
        assert reader.abandoned() == []
        dying._owner.close()  # as the operating system does when a process dies
        assert reader.abandoned() == ["two"]
        reader.claim("two")
        assert living.abandoned() == []


class TestDriven:
    def test_of_its_own_and_of_nobody(self, store: Store, samples: Any) -> None:
        store.create([samples.new(name) for name in ("one", "two", "three")])
        assert store.is_driven("one")
        store.release("one", "gone", "two")
        assert [store.is_driven(name) for name in ("one", "two", "three")] == [False, False, True]
        with pytest.raises(ExecutionNotFoundError, match="gone"):
            store.is_driven("gone")

    def test_of_a_living_and_of_a_dead_owner(self, open_sqlite: Callable[..., SqliteStore], samples: Any) -> None:
        owner, reader = open_sqlite(), open_sqlite()
        owner.create([samples.new("one")])
        assert reader.is_driven("one")
        owner._owner.close()  # as the operating system does when a process dies
        assert not reader.is_driven("one")


class TestParents:
    def test_children_of_an_execution(self, store: Store, samples: Any) -> None:
        store.create([samples.new("one"), samples.new("two", parent="one"), samples.new("three", parent="other")])
        assert store.get("two").parent == "one"
        assert store.get("one").parent is None
        assert [each.id for each in store.list(Filter(parent="one")).records] == ["two"]
