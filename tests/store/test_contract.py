"""What every store promises (store/base.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from statemachine.errors import (
    ExecutionAlreadyExistsError,
    ExecutionNotFoundError,
    ExecutionOwnedError,
    Failure,
    StoreError,
)
from statemachine.jsonvalue import Document, read_document
from statemachine.kernel.commands import ExecutionStatus
from statemachine.store.base import Durability, Filter, Store


def ids(page: Any) -> list[str]:
    return [record.id for record in page.records]


class TestCreate:
    def test_record(self, store: Store, samples: Any) -> None:
        new = samples.new(durability=Durability.FULL, tasks_source="tasks.py")
        store.create([new])
        record = store.get("one")
        assert (record.id, record.machine_name, record.definition_sha256) == ("one", "orders", new.definition_sha256)
        assert record.status is ExecutionStatus.RUNNING
        assert record.durability is Durability.FULL
        assert (record.started_ms, record.updated_ms, record.stopped_ms) == (new.started_ms, new.started_ms, None)
        assert (record.states, record.next_deadline_ms, record.failure, record.output) == ((), None, None, None)
        assert record.input == Document({"order": 7})
        assert record.input.value == {"order": 7}
        assert (record.sequence, record.history_length, record.tasks_source) == (0, 0, "tasks.py")
        assert record.owner is not None
        assert store.definition(new.definition_sha256) == new.definition

    def test_input_keeps_its_text(self, store: Store, samples: Any) -> None:
        store.create([samples.new(input=read_document('{ "b" : 1.0, "a": "\\ud800" }'))])
        assert store.get("one").input.encoded == b'{ "b" : 1.0, "a": "\\ud800" }'
        assert store.get("one").input.value == {"b": 1.0, "a": "\ud800"}

    def test_taken_id(self, store: Store, samples: Any) -> None:
        store.create([samples.new("one")])
        with pytest.raises(ExecutionAlreadyExistsError, match="'one'"):
            store.create([samples.new("two"), samples.new("one")])
        assert ids(store.list()) == ["one"]

    def test_id_twice_in_one_call(self, store: Store, samples: Any) -> None:
        with pytest.raises(ExecutionAlreadyExistsError, match="'two'"):
            store.create([samples.new("one"), samples.new("two"), samples.new("two")])
        assert ids(store.list()) == []

    def test_with_first_commits(self, store: Store, samples: Any) -> None:
        store.create([samples.new("one"), samples.new("two")], [samples.commit("two")])
        assert (store.get("one").sequence, store.get("two").sequence) == (0, 1)
        store.commit([samples.commit("two", 1), samples.commit("one", 0)])
        assert (store.get("one").sequence, store.get("two").sequence) == (1, 2)

    def test_refused_first_commit_stores_nothing(self, store: Store, samples: Any) -> None:
        with pytest.raises(ExecutionOwnedError):
            store.create([samples.new("one")], [samples.commit("one", 3)])
        assert ids(store.list()) == []
        store.create([samples.new("one")])

    def test_strange_text(self, store: Store, samples: Any) -> None:
        strange = "a\ud800\x00\U0001f600"
        store.create([samples.new(strange, machine_name=strange, tasks_source=strange, definition="{}")])
        record = store.get(strange)
        assert (record.id, record.machine_name, record.tasks_source) == (strange, strange, strange)
        assert ids(store.list(Filter(machine_name=strange))) == [strange]
        assert store.resolve(strange) == strange
        assert store.resolve("@last") == strange


class TestCommit:
    def test_summary(self, store: Store, samples: Any) -> None:
        store.create([samples.new()])
        store.commit([samples.commit(states=("A", "Ünï\ud800"), next_deadline_ms=5, updated_ms=9)])
        record = store.get("one")
        assert (record.states, record.next_deadline_ms, record.updated_ms) == (("A", "Ünï\ud800"), 5, 9)
        assert (record.sequence, record.history_length, record.stopped_ms) == (1, 1, None)

    @pytest.mark.parametrize(
        ("status", "output", "failure"),
        [
            (ExecutionStatus.SUCCEEDED, Document([1, "x"]), None),
            (ExecutionStatus.SUCCEEDED, Document(None), None),
            (ExecutionStatus.FAILED, None, Failure("Bad\ud800", "so \ud800 it is")),
            (ExecutionStatus.FAILED, None, Failure(None, None)),
            (ExecutionStatus.ABORTED, None, None),
        ],
    )
    def test_end(self, store: Store, samples: Any, status: Any, output: Any, failure: Any) -> None:
        store.create([samples.new()])
        store.commit([samples.commit(status=status, output=output, failure=failure, updated_ms=77, states=())])
        record = store.get("one")
        assert (record.status, record.output, record.failure) == (status, output, failure)
        assert (record.stopped_ms, record.owner) == (77, None)

    def test_wrong_sequence(self, store: Store, samples: Any) -> None:
        store.create([samples.new("one"), samples.new("two")])
        with pytest.raises(ExecutionOwnedError, match="follows event 4, but 0 are stored"):
            store.commit([samples.commit("two"), samples.commit("one", 4)])
        assert store.get("two").sequence == 0
        store.commit([samples.commit("two"), samples.commit("one")])
        assert [store.get(name).sequence for name in ("one", "two")] == [1, 1]

    def test_several_of_one_execution(self, store: Store, samples: Any) -> None:
        store.create([samples.new()])
        store.commit([samples.commit(sequence=0), samples.commit(sequence=1), samples.commit(sequence=2)])
        assert store.get("one").sequence == 3
        assert [event.id for event in store.history("one")] == [1, 2, 3]

    def test_nothing_after_the_end(self, store: Store, samples: Any) -> None:
        store.create([samples.new()])
        with pytest.raises(ExecutionOwnedError):
            store.commit([samples.commit(status=ExecutionStatus.FAILED), samples.commit(sequence=1)])
        store.commit([samples.commit(status=ExecutionStatus.FAILED)])
        with pytest.raises(ExecutionOwnedError, match="claim it first"):
            store.commit([samples.commit(sequence=1)])

    def test_unknown_execution(self, store: Store, samples: Any) -> None:
        with pytest.raises(ExecutionOwnedError, match="nobody"):
            store.commit([samples.commit("nobody")])

    def test_without_history(self, store: Store, samples: Any) -> None:
        store.create([samples.new()])
        for sequence in range(3):
            store.commit([samples.commit(sequence=sequence, history=())])
        store.commit([samples.commit(sequence=3, history=(samples.event(1),))])
        assert list(store.journal("one")) == [b"event 0", b"event 1", b"event 2", b"event 3"]
        assert list(store.history("one")) == [samples.event(1)]

    @pytest.mark.parametrize("numbers", [(3,), (1,), (2, 4), (3, 2)])
    def test_history_that_does_not_follow(self, store: Store, samples: Any, numbers: tuple[int, ...]) -> None:
        store.create([samples.new()])
        store.commit([samples.commit()])
        with pytest.raises(StoreError, match="do not follow"):
            store.commit([samples.commit(sequence=1, history=tuple(map(samples.event, numbers)))])
        assert store.get("one").sequence == 1

    def test_durability_none_may_leave_events_out(self, store: Store, samples: Any) -> None:
        store.create([samples.new(durability=Durability.NONE)], [samples.commit()])
        end = (samples.event(1000), samples.event(1001))
        store.commit([samples.commit(sequence=1, history=end, events=(), status=ExecutionStatus.SUCCEEDED)])
        assert [event.id for event in store.history("one")] == [1, 1000, 1001]
        assert [event.id for event in store.history("one", after=500)] == [1000, 1001]
        assert (store.get("one").history_length, store.get("one").sequence) == (1001, 1)

    def test_redrive(self, store: Store, samples: Any) -> None:
        store.create([samples.new()])
        store.commit([samples.commit(status=ExecutionStatus.FAILED, failure=Failure("E"), states=("B",))])
        store.claim("one")
        store.commit([samples.commit(sequence=1)])
        record = store.get("one")
        assert (record.status, record.stopped_ms, record.failure) == (ExecutionStatus.RUNNING, None, None)
        assert record.owner is not None
        assert ids(store.list(Filter(error="E"))) == []
        store.commit([samples.commit(sequence=2, status=ExecutionStatus.SUCCEEDED, output=Document(1))])
        assert store.get("one").output == Document(1)
        assert [event.id for event in store.history("one")] == [1, 2, 3]


class TestHistory:
    @pytest.fixture
    def filled(self, store: Store, samples: Any) -> Store:
        """20 events in commits of 1, 2, 3, 4 and 10; one commit without any in between."""
        store.create([samples.new()])
        first = 1
        for sequence, size in enumerate((1, 2, 0, 3, 4, 10)):
            history = tuple(samples.event(number) for number in range(first, first + size))
            store.commit([samples.commit(sequence=sequence, history=history)])
            first += size
        return store

    @pytest.mark.parametrize("after", range(22))
    def test_after(self, filled: Store, after: int) -> None:
        assert [event.id for event in filled.history("one", after=after)] == list(range(after + 1, 21))

    @pytest.mark.parametrize("before", range(1, 23))
    def test_before(self, filled: Store, before: int) -> None:
        expected = list(range(min(before - 1, 20), 0, -1))
        assert [event.id for event in filled.history("one", after=before, reverse=True)] == expected

    def test_reverse(self, filled: Store) -> None:
        assert [event.id for event in filled.history("one", reverse=True)] == list(range(20, 0, -1))

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({"limit": 3}, [1, 2, 3]),
            ({"limit": 0}, []),
            ({"limit": 3, "after": 9}, [10, 11, 12]),
            ({"limit": 2, "reverse": True}, [20, 19]),
            ({"limit": 2, "reverse": True, "after": 11}, [10, 9]),
            ({"limit": 99, "after": 19}, [20]),
        ],
    )
    def test_limit(self, filled: Store, options: dict[str, Any], expected: list[int]) -> None:
        assert [event.id for event in filled.history("one", **options)] == expected

    def test_other_executions_are_not_mixed_in(self, filled: Store, samples: Any) -> None:
        filled.create([samples.new("two")])
        filled.commit([samples.commit("two", history=(samples.event(1, "ExecutionAborted"),))])
        assert [event.type for event in filled.history("two")] == ["ExecutionAborted"]
        assert list(filled.journal("two")) == [b"event 0"]
        assert len(list(filled.history("one"))) == 20
        assert len(list(filled.journal("one"))) == 6

    def test_growing_while_it_is_read(self, filled: Store, samples: Any) -> None:
        reader = filled.history("one")
        assert next(reader).id == 1
        filled.commit([samples.commit(sequence=6, history=(samples.event(21),))])
        assert [event.id for event in reader][:19] == list(range(2, 21))

    def test_details_come_back(self, store: Store, samples: Any) -> None:
        document = read_document('{"b": 1,   "a": [true, null]}')
        history = (
            samples.event(1, "ExecutionStarted", input=document, roleArn="arn:x"),
            samples.event(2, "TaskScheduled", resource="r", timeoutInSeconds=2**70, parameters=Document("\ud800")),
            samples.event(3, "TaskFailed", error="E", cause="\ud800 ü \U0001f600", extra={"n": [1.5, None, True]}),
            samples.event(4, "ParallelStateStarted"),
            samples.event(5, "PassStateExited", name="A", output=document, assignedVariables={"x": '{"y":1}'}),
        )
        store.create([samples.new()])
        store.commit([samples.commit(history=history)])
        read = list(store.history("one"))
        assert read == list(history)
        assert [list(event.details or ()) for event in read] == [list(event.details or ()) for event in history]
        assert read[0].details is not None
        assert read[0].details["input"].value == {"b": 1, "a": [True, None]}
        assert read[0].details["input"].encoded == document.encoded


class TestRecovery:
    def test_from_the_start(self, store: Store, samples: Any) -> None:
        new = samples.new()
        store.create([new])
        store.commit([samples.commit(events=(b"a", b"b"))])
        store.commit([samples.commit(sequence=2, history=())])
        found = store.recover("one")
        assert (found.snapshot, found.snapshot_sequence) == (new.snapshot, 0)
        assert found.events == (b"a", b"b", b"event 2")
        assert found.definition == new.definition
        assert found.record == store.get("one")

    def test_from_the_newest_snapshot(self, store: Store, samples: Any) -> None:
        store.create([samples.new()])
        store.commit([samples.commit(snapshot=b"after 1")])
        store.commit([samples.commit(sequence=1, snapshot=b"after 2")])
        store.commit([samples.commit(sequence=2), samples.commit(sequence=3)])
        for found in (store.recover("one"), store.claim("one")):
            assert (found.snapshot, found.snapshot_sequence) == (b"after 2", 2)
            assert found.events == (b"event 2", b"event 3")

    def test_last_states_of_those_at_rest(self, store: Store, samples: Any) -> None:
        names = ["rests", "began", "went on", "Ü\ud800"]
        store.create([samples.new(name) for name in names])
        for name in ("rests", "went on", "Ü\ud800"):
            store.commit([samples.commit(name, snapshot=f"of {name!a}".encode())])
        store.commit([samples.commit("went on", sequence=1)])
        expected = {"rests": (1, b"of 'rests'"), "Ü\ud800": (1, rb"of '\xdc\ud800'")}
        assert store.at_rest([*names, "gone"]) == expected
        assert store.at_rest(["rests"] * 1_000) == {"rests": (1, b"of 'rests'")}
        assert store.at_rest([]) == {}

    def test_events_and_history_around_many_snapshots(self, store: Store, samples: Any) -> None:
        store.create([samples.new()])
        for sequence in range(9):
            store.commit([samples.commit(sequence=sequence, snapshot=b"s" if sequence % 3 == 2 else None)])
        assert list(store.journal("one")) == [b"event %d" % sequence for sequence in range(9)]
        store.commit([samples.commit(sequence=9)])
        assert store.recover("one").events == (b"event 9",)
        assert len(store.recover("one", from_start=True).events) == 10
        for after in range(12):
            assert [each.id for each in store.history("one", after)] == list(range(after + 1, 11))
            before = list(range(after - 1 if after else 10, 0, -1))
            assert [each.id for each in store.history("one", after, reverse=True)] == before
        assert [each.id for each in store.history("one", 4, 3)] == [5, 6, 7]
        assert [each.id for each in store.history("one", 4, 2, reverse=True)] == [3, 2]

    def test_first_snapshot_stays(self, store: Store, samples: Any) -> None:
        store.create([samples.new()])
        store.commit([samples.commit(snapshot=b"after 1")])
        found = store.recover("one", from_start=True)
        assert (found.snapshot, found.snapshot_sequence, found.events) == (b"before the first event", 0, (b"event 0",))

    def test_claim_again_goes_on(self, store: Store, samples: Any) -> None:
        store.create([samples.new()])
        store.commit([samples.commit(snapshot=b"s")])
        record = store.claim("one").record
        assert (record.sequence, record.history_length) == (1, 1)
        store.commit([samples.commit(sequence=1)])
        assert list(store.journal("one")) == [b"event 0", b"event 1"]

    def test_release(self, store: Store, samples: Any) -> None:
        store.create([samples.new()])
        store.release("one")
        store.release("one")
        store.release("nobody")
        assert store.get("one").owner is None
        with pytest.raises(ExecutionOwnedError):
            store.commit([samples.commit()])
        assert store.claim("one").record.owner == store.get("one").owner is not None
        store.commit([samples.commit()])


class TestFinding:
    @pytest.mark.parametrize(
        "call",
        [
            lambda store: store.get("nobody"),
            lambda store: store.claim("nobody"),
            lambda store: store.recover("nobody"),
            lambda store: store.history("nobody"),
            lambda store: store.journal("nobody"),
            lambda store: store.resolve("nobody"),
            lambda store: store.resolve(""),
            lambda store: store.resolve("%"),
            lambda store: store.resolve("\ud800"),
        ],
    )
    def test_unknown(self, store: Store, samples: Any, call: Callable[[Store], Any]) -> None:
        store.create([samples.new()])
        with pytest.raises(ExecutionNotFoundError, match="statemachine list"):
            call(store)

    def test_resolve(self, store: Store, samples: Any) -> None:
        with pytest.raises(ExecutionNotFoundError, match="no execution yet"):
            store.resolve("@last")
        store.create([samples.new(name, started_ms=ms) for name, ms in (("ab", 5), ("abc", 9), ("abd", 9), ("b%", 1))])
        assert store.resolve("ab") == "ab"
        assert store.resolve("abc") == "abc"
        assert store.resolve("b") == "b%"
        assert store.resolve("@last") == "abd"
        with pytest.raises(ExecutionNotFoundError, match=r"several .*\n  ab\n  abc\n  abd$"):
            store.resolve("a")

    def test_many_candidates_are_cut(self, store: Store, samples: Any) -> None:
        store.create([samples.new(f"x{number}") for number in range(9)])
        with pytest.raises(ExecutionNotFoundError, match=r"x0\n  x1\n  x2\n  x3\n  x4\n  …$"):
            store.resolve("x")

    def test_unknown_definition(self, store: Store) -> None:
        with pytest.raises(StoreError, match="no definition"):
            store.definition("0" * 64)

    def test_definition_is_stored_once(self, store: Store, samples: Any) -> None:
        store.create([samples.new("one"), samples.new("two"), samples.new("three", definition="{}")])
        assert store.definition(store.get("one").definition_sha256) == '{"StartAt": "A"}'
        assert store.definition(store.get("three").definition_sha256) == "{}"


class TestList:
    @pytest.fixture
    def filled(self, store: Store, samples: Any) -> Store:
        """30 executions, three at each start; every fifth failed, every seventh (else) succeeded."""
        new = [samples.new(f"x{n:02}", started_ms=n // 3, machine_name=f"m{n % 2}") for n in range(30)]
        store.create(new)
        for number in range(30):
            if number % 5 == 0:
                failure = Failure("Odd" if number % 2 else "Even")
                end = samples.commit(f"x{number:02}", status=ExecutionStatus.FAILED, failure=failure, updated_ms=number)
            elif number % 7 == 0:
                end = samples.commit(f"x{number:02}", status=ExecutionStatus.SUCCEEDED, updated_ms=number)
            else:
                continue
            store.commit([end])
        return store

    def test_newest_first(self, filled: Store) -> None:
        page = filled.list()
        assert ids(page) == [f"x{number:02}" for number in range(29, -1, -1)]
        assert page.cursor is None
        assert page.records[0] == filled.get("x29")

    @pytest.mark.parametrize("limit", [1, 2, 7, 29, 30])
    @pytest.mark.parametrize(
        "where", [Filter(), Filter(statuses=frozenset({ExecutionStatus.FAILED, ExecutionStatus.SUCCEEDED}))]
    )
    def test_pages(self, filled: Store, limit: int, where: Filter) -> None:
        found: list[str] = []
        cursor: str | None = None
        while True:
            page = filled.list(where, limit, cursor)
            found += ids(page)
            cursor = page.cursor
            if cursor is None:
                break
            assert len(page.records) == limit
        assert found == ids(filled.list(where, 100))
        assert len(set(found)) == len(found) > 7

    def test_new_executions_do_not_shift_pages(self, filled: Store, samples: Any) -> None:
        page = filled.list(limit=10)
        filled.create([samples.new("newer")])
        assert ids(filled.list(limit=10, cursor=page.cursor)) == [f"x{number:02}" for number in range(19, 9, -1)]

    @pytest.mark.parametrize(
        ("where", "expected"),
        [
            (Filter(statuses=frozenset({ExecutionStatus.FAILED})), [25, 20, 15, 10, 5, 0]),
            (Filter(statuses=frozenset({ExecutionStatus.FAILED}), machine_name="m1"), [25, 15, 5]),
            (Filter(statuses=frozenset({ExecutionStatus.SUCCEEDED})), [28, 21, 14, 7]),
            (
                Filter(statuses=frozenset({ExecutionStatus.FAILED, ExecutionStatus.SUCCEEDED}), started_from_ms=8),
                [28, 25],
            ),
            (Filter(statuses=frozenset()), []),
            (Filter(statuses=frozenset({ExecutionStatus.ABORTED})), []),
            (Filter(error="Odd"), [25, 15, 5]),
            (Filter(error="Odd", started_before_ms=5), [5]),
            (Filter(machine_name="nothing"), []),
            (Filter(started_from_ms=2, started_before_ms=3), [8, 7, 6]),
        ],
    )
    def test_filters(self, filled: Store, where: Filter, expected: list[int]) -> None:
        assert ids(filled.list(where)) == [f"x{number:02}" for number in expected]
        assert sum(group.count for group in filled.count(where)) == len(expected)

    def test_counts(self, filled: Store) -> None:
        failed = frozenset({ExecutionStatus.FAILED})
        assert [(each.machine_name, each.status, each.error, each.count) for each in filled.count()] == [
            ("m0", "FAILED", "Even", 3),
            ("m0", "RUNNING", None, 10),
            ("m0", "SUCCEEDED", None, 2),
            ("m1", "FAILED", "Odd", 3),
            ("m1", "RUNNING", None, 10),
            ("m1", "SUCCEEDED", None, 2),
        ]
        assert [each.count for each in filled.count(Filter(statuses=failed, machine_name="m1"))] == [3]

    @pytest.mark.parametrize(
        "cursor", ["", "x", "!!!", "MTo", "MToyOjM", "ÄÖ", "A" * 5000, "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OjE"]
    )
    def test_strange_cursor(self, filled: Store, cursor: str) -> None:
        with pytest.raises(StoreError, match="cursor"):
            filled.list(cursor=cursor)

    def test_limit_is_at_least_one(self, filled: Store) -> None:
        assert ids(filled.list(limit=0)) == ["x29"]

    def test_statistics(self, filled: Store) -> None:
        assert filled.statistics().executions == {
            ExecutionStatus.FAILED: 6,
            ExecutionStatus.RUNNING: 20,
            ExecutionStatus.SUCCEEDED: 4,
        }


class TestPrune:
    def closed(self, store: Store, samples: Any, name: str, stopped_ms: int, **changes: Any) -> None:
        status = changes.pop("status", ExecutionStatus.SUCCEEDED)
        store.create([samples.new(name, **changes)])
        store.commit([samples.commit(name, status=status, updated_ms=stopped_ms, snapshot=b"s")])

    def test_by_time_and_status(self, store: Store, samples: Any) -> None:
        self.closed(store, samples, "old", 10)
        self.closed(store, samples, "old-failed", 10, status=ExecutionStatus.FAILED)
        self.closed(store, samples, "new", 20)
        store.create([samples.new("running", started_ms=0)])
        assert store.prune(20, frozenset({ExecutionStatus.FAILED, ExecutionStatus.RUNNING})) == 1
        assert store.prune(20) == 1
        assert store.prune(20) == 0
        assert sorted(ids(store.list())) == ["new", "running"]
        with pytest.raises(ExecutionNotFoundError):
            store.history("old")
        store.commit([samples.commit("running")])

    def test_the_newest_stay_if_that_is_wanted(self, store: Store, samples: Any) -> None:
        for name, stopped_ms in (("b", 12), ("a", 13), ("c", 11), ("d", 13)):
            self.closed(store, samples, name, stopped_ms)
        self.closed(store, samples, "failed", 10, status=ExecutionStatus.FAILED)
        succeeded = frozenset({ExecutionStatus.SUCCEEDED})
        assert store.prune(12, succeeded, keep=2) == 1
        assert store.prune(20, succeeded, keep=3) == 0
        assert store.prune(20, succeeded, keep=2) == 1
        assert store.prune(20, succeeded, keep=9) == 0
        assert sorted(ids(store.list())) == ["a", "d", "failed"]
        assert store.prune(20, succeeded, keep=1) == 1
        assert sorted(ids(store.list())) == ["d", "failed"]

    def test_a_dry_run_only_counts(self, store: Store, samples: Any) -> None:
        for number in range(5):
            self.closed(store, samples, f"x{number}", 10 + number)
        assert [store.prune(12, dry_run=True), store.prune(20, keep=1, dry_run=True)] == [2, 4]
        assert len(ids(store.list())) == 5
        assert [store.prune(12), store.prune(20, keep=1)] == [2, 2]

    def test_a_child_stays_until_its_parent_has_ended(self, store: Store, samples: Any) -> None:
        store.create([samples.new("parent")])
        self.closed(store, samples, "child", 10, parent="parent")
        self.closed(store, samples, "orphan", 10, parent="removed")
        assert store.prune(20) == 1
        assert sorted(ids(store.list())) == ["child", "parent"]
        store.commit([samples.commit("parent", status=ExecutionStatus.FAILED, updated_ms=30)])
        assert store.prune(20) == 1

    def test_a_store_can_be_compacted(self, store: Store, samples: Any) -> None:
        self.closed(store, samples, "old", 10, input=Document("x" * 1_000_000))
        store.create([samples.new("running")])
        before = store.statistics()
        store.prune(20)
        assert store.statistics().free_bytes >= before.stored_bytes - 500_000
        store.compact()
        after = store.statistics()
        assert after.free_bytes == 0
        assert after.stored_bytes <= max(before.stored_bytes - 900_000, 0)
        store.commit([samples.commit("running")])

    def test_orphaned_definitions_go(self, store: Store, samples: Any) -> None:
        self.closed(store, samples, "old", 10, definition="{}")
        self.closed(store, samples, "new", 20)
        gone, kept = (store.get(name).definition_sha256 for name in ("old", "new"))
        store.prune(20)
        assert store.definition(kept)
        with pytest.raises(StoreError, match="no definition"):
            store.definition(gone)

    def test_claimed_stays(self, store: Store, samples: Any) -> None:
        self.closed(store, samples, "old", 10)
        store.claim("old")
        assert store.prune(20) == 0
        store.release("old")
        assert store.prune(20) == 1

    def test_an_id_can_be_used_again(self, store: Store, samples: Any) -> None:
        self.closed(store, samples, "old", 10)
        store.prune(20)
        store.create([samples.new("old", input=Document("again"))])
        assert store.recover("old").record.input == Document("again")
        assert store.recover("old").events == ()
        assert list(store.history("old")) == []

    @pytest.mark.parametrize(("executions", "segments"), [(500, 10_000), (100, 10_000), (230, 10_000), (500, 7)])
    def test_more_than_one_batch(
        self, store: Store, samples: Any, executions: int, segments: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("statemachine.store.sqlite.PRUNE_EXECUTIONS", executions)
        monkeypatch.setattr("statemachine.store.sqlite.PRUNE_SEGMENTS", segments)
        names = [f"x{number:03}" for number in range(250)]
        store.create([samples.new(name) for name in names])
        store.commit([samples.commit(name, status=ExecutionStatus.SUCCEEDED, updated_ms=1) for name in names[:230]])
        assert store.prune(2) == 230
        assert sorted(ids(store.list(limit=500))) == names[230:]


class TestClose:
    @pytest.mark.parametrize(
        "call",
        [
            lambda store, samples: store.create([samples.new("two")]),
            lambda store, samples: store.commit([samples.commit()]),
            lambda store, _: store.claim("one"),
            lambda store, _: store.release("one"),
            lambda store, _: store.get("one"),
            lambda store, _: store.list(),
            lambda store, _: store.resolve("@last"),
            lambda store, _: store.history("one"),
            lambda store, _: store.journal("one"),
            lambda store, _: store.recover("one"),
            lambda store, _: store.definition("x"),
            lambda store, _: store.prune(1),
            lambda store, _: store.statistics(),
        ],
    )
    def test_closed(self, store: Store, samples: Any, call: Callable[[Store, Any], Any]) -> None:
        store.create([samples.new()])
        store.close()
        store.close()
        with pytest.raises(StoreError, match="closed"):
            call(store, samples)
