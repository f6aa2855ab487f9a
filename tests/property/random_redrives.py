"""Random machines that succeed once nothing in them is broken: what redrives are tested with.

Every task is called with ``{"at": …}``, which tells the iteration that it is in: a call is known by its state and that
text. Blocks nest in Parallel, inline and distributed Map, with batches, readers and
writers; states are in both query languages. Only tasks are retried, so no task has a reason to complete twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any

from running import FUNCTION, block, catch, distributed, map_, parallel, pass_, retry, task, wait

State = dict[str, Any]
INPUT = {"at": "", "l": [1, 2, 3]}
_KEEP: dict[str, State] = {"JSONPath": {"ResultPath": None}, "JSONata": {"Output": "{% $states.input %}"}}
_AT: dict[str, State] = {
    "JSONPath": {"Parameters": {"at.$": "$.at"}},
    "JSONata": {"Arguments": {"at": "{% $states.input.at %}"}},
}


@dataclass(frozen=True)
class Mendable:
    """A machine, and what is broken in it before the first redrive, before the second …"""

    definition: dict[str, Any]
    tasks: tuple[str, ...]
    readers: tuple[str, ...]
    chance: float
    """How likely a call is broken."""
    number: int

    def breaks(self, redrives: int, key: str) -> bool:
        """Whether a call, or a reader, fails after so many redrives."""
        return Random(f"{self.number}/{redrives}/{key}").random() < self.chance


def make_mendable(number: int, size: int) -> Mendable:
    """The machine of this number; `size`, from 1 on, bounds the length of its blocks."""
    random = Random(f"{number}/{size}")
    maker = _Maker(random, size)
    definition = maker.block(depth=2)
    return Mendable(definition, tuple(maker.tasks), tuple(maker.readers), random.choice([0.05, 0.15, 0.4]), number)


class _Maker:
    def __init__(self, random: Random, size: int) -> None:
        self._random = random
        self._size = size
        self._numbers = count(1)
        self.tasks: list[str] = []
        self.readers: list[str] = []

    def _name(self, what: str) -> str:
        return f"{what}{next(self._numbers)}"

    def block(self, depth: int, **first: State) -> dict[str, Any]:
        states = dict(first)
        for _ in range(self._random.randint(1, self._size)):
            kinds = [self._task, self._task, self._simple]
            kinds += [self._parallel, self._inline, self._distributed, self._distributed] if depth else []
            name, state = self._random.choice(kinds)(depth, self._random.choice(["JSONPath", "JSONata"]))
            states[name] = state
        last = self._name("S")
        for state in states.values():
            for catcher in state.get("Catch", ()):
                catcher["Next"] = last
        return block(**states, **{last: pass_()})

    def _task(self, depth: int, language: str) -> tuple[str, State]:
        name = self._name("T")
        self.tasks.append(name)
        more: State = {"Assign": {"v": 1}} if self._random.random() < 0.3 else {}
        if self._random.random() < 0.4:
            more["Retry"] = [retry("Broken", IntervalSeconds=self._random.randint(1, 3), MaxAttempts=1)]
        fields = {**_AT[language], **_KEEP[language], **more}
        return name, task(FUNCTION, QueryLanguage=language, **fields)

    def _simple(self, depth: int, language: str) -> tuple[str, State]:
        chosen = self._random.choice([pass_(), pass_(Assign={"v": 2}), wait(1), wait(3)])
        return self._name("S"), {**chosen, "QueryLanguage": language}

    def _parallel(self, depth: int, language: str) -> tuple[str, State]:
        branches = [self.block(depth - 1) for _ in range(self._random.randint(1, 3))]
        return self._name("P"), parallel(*branches, QueryLanguage=language, **_KEEP[language], **self._recovery())

    def _inline(self, depth: int, language: str) -> tuple[str, State]:
        fields = {**self._items(language), **_KEEP[language], **self._recovery()}
        return self._name("M"), map_(self.block(depth - 1), QueryLanguage=language, **fields)

    def _distributed(self, depth: int, language: str) -> tuple[str, State]:
        name = self._name("D")
        fields = {**self._items(language), **_KEEP[language], **self._recovery()}
        arguments = "Parameters" if language == "JSONPath" else "Arguments"
        if self._random.random() < 0.4:
            self.readers.append(name)
            for unread in ("ItemsPath", "Items"):
                fields.pop(unread, None)
            fields["ItemReader"] = {
                "Resource": "arn:aws:states:::s3:getObject",
                "ReaderConfig": {"InputType": "JSON"},
                arguments: {"Bucket": "b", "Key": "k"},
            }
        if self._random.random() < 0.4:
            resource = "arn:aws:states:::s3:putObject"
            fields["ResultWriter"] = {"Resource": resource, arguments: {"Bucket": "b", "Prefix": "p"}}
        if self._random.random() < 0.5:
            fields["ToleratedFailureCount"] = self._random.randint(0, 2)
        batched = self._random.random() < 0.4
        first = {self._name("B"): pass_(OutputPath="$.Items[0]", QueryLanguage="JSONPath")} if batched else {}
        if batched:
            fields["ItemBatcher"] = {"MaxItemsPerBatch": self._random.randint(1, 3)}
        return name, distributed(self.block(depth - 1, **first), QueryLanguage=language, **fields)

    def _items(self, language: str) -> State:
        most = {"MaxConcurrency": self._random.randint(0, 3)}
        if language == "JSONPath":
            at = "States.Format('{}/{}', $.at, $$.Map.Item.Index)"
            return {**most, "ItemsPath": "$.l", "ItemSelector": {"at.$": at, "l.$": "$.l"}}
        at = "{% $states.input.at & '/' & $states.context.Map.Item.Index %}"
        selector = {"at": at, "l": "{% $states.input.l %}"}
        return {**most, "Items": "{% $states.input.l %}", "ItemSelector": selector}

    def _recovery(self) -> State:
        """A catcher: the failure passes it by, or what is caught is not redriven."""
        return {} if self._random.random() < 0.7 else {"Catch": [catch("", self._random.choice(["Other", "Broken"]))]}
