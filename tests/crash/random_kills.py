"""Processes killed at random instants and at every commit point, until all executions have ended; again and again.

``python tests/crash/random_kills.py --kills 2000 --seed 1`` prints what it does and what must not be; exit status 1 if
anything is. What was found is kept then, with the folder's name.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from inspection import Ending, Inspector
from nursery import Nursery
from roles import POINTS, Part

EXECUTIONS = 4
"""Of each kind, in a round."""
LONGEST_SECONDS = 30.0
"""A process that has not ended after so long is stuck."""
MEAN_LIFE_SECONDS = 0.1
MOST_TRANSACTIONS = 30
MOST_LIFE_SECONDS = 0.4
"""For one that is to kill itself and does not get so far."""
KILLS_OF_A_ROUND = 60


@dataclass(slots=True)
class Summary:
    """What was done, and what must not be."""

    rounds: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    """By the instant: `random`, `before`, `inside`, `after` a transaction; `answering` for those who answer."""
    violations: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """All kills."""
        return self.kills.total()

    def add(self, other: Summary) -> None:
        """Add what another one has."""
        self.rounds += other.rounds
        self.kills += other.kills
        self.violations += other.violations


class Round:
    """Executions in a folder of their own, and the processes that drive them."""

    def __init__(self, nursery: Nursery, folder: Path, seed: int) -> None:
        self._nursery = nursery
        self._folder = folder
        self._random = random.Random(seed)
        self._began = time.time()
        self._parts = 0
        self._answering = 0
        self._inspector = Inspector(folder)
        self.summary = Summary(1)

    def run(self, most_kills: int, expected: Mapping[str, Ending] | None) -> dict[str, Ending]:
        """Kill and begin again, until all have ended; undisturbed after so many kills. How they have ended."""
        begun = time.monotonic()
        try:
            while self._life(kills=self.summary.total < most_kills):
                self._look(self._inspector.look)
                if time.monotonic() - begun > LONGEST_SECONDS * 4:
                    self.summary.violations.append(f"{self._folder}: no end is in sight")
                    return {}
        finally:
            if self._answering:
                self._nursery.end(self._answering)
                self._answering = 0
        endings: dict[str, Ending] = {}
        self._look(lambda path: endings.update(self._inspector.finish(path, expected)))
        self.summary.violations += [f"{self._folder}: {each}" for each in self._inspector.violations]
        if self._errors():
            self.summary.violations.append(f"{self._folder}: a process says: {self._errors()}")
        return endings

    def _life(self, *, kills: bool) -> bool:
        """One process, from its start to its end. Whether it was killed."""
        if not self._answering:
            self._answering = self._nursery.start(asdict(self._part("answer")))
        part = self._part("drive", tight=self._random.random() < 0.5)
        seconds = LONGEST_SECONDS
        if kills and self._random.random() < 0.5:
            number = 1 + int(self._random.random() ** 2 * MOST_TRANSACTIONS)
            part = replace(part, point=self._random.choice(POINTS), number=number)
            seconds = MOST_LIFE_SECONDS
        elif kills:
            seconds = self._random.expovariate(1 / MEAN_LIFE_SECONDS)
        begun = time.monotonic()
        status = self._nursery.end(self._nursery.start(asdict(part)), seconds)
        if status == -signal.SIGKILL:
            by_itself = time.monotonic() - begun < seconds
            self.summary.kills[part.point if by_itself else "random"] += 1
            if seconds == LONGEST_SECONDS:
                self.summary.violations.append(f"{self._folder}: {part.who} was stuck")
            if self._random.random() < 0.3:
                self._nursery.end(self._answering)
                self._answering = 0
                self.summary.kills["answering"] += 1
        elif status != 0:
            self.summary.violations.append(f"{self._folder}: {part.who} failed with {status}: {self._errors()}")
        return status == -signal.SIGKILL

    def _errors(self) -> str:
        path = self._folder / "errors"
        return path.read_text()[-2_000:] if path.exists() else ""

    def _part(self, role: str, *, tight: bool = False) -> Part:
        self._parts += 1
        seed = self._random.getrandbits(32)
        return Part(role, str(self._folder), f"{role}-{self._parts}", seed, EXECUTIONS, self._began, tight=tight)

    def _look(self, look: Callable[[Path], object]) -> None:
        """Look at the store as a kill has left it.

        Where nobody uses it any more, at a copy: the next process is to find the log as it is. Otherwise at the store
        itself, for a commit that was interrupted may be there for who reads the log from the start, and not be there
        for those who have it open; either is right, since nobody was told.
        """
        path = self._folder / "store.db"
        if not path.exists():
            return
        if self._answering:
            look(path)
            return
        copy = self._folder / "copy"
        copy.mkdir()
        for name in ("store.db", "store.db-wal"):
            if (self._folder / name).exists():
                shutil.copyfile(self._folder / name, copy / name)
        look(copy / "store.db")
        shutil.rmtree(copy)


def run(
    kills: int, seed: int, folder: Path, *, chains: int = 2, tell: Callable[[Summary], None] | None = None
) -> Summary:
    """Kill so often at least, in several chains of rounds at a time. What was found."""
    summary = Summary()
    with Nursery() as nursery:
        undisturbed = folder / "undisturbed"
        undisturbed.mkdir()
        first = Round(nursery, undisturbed, seed)
        expected = first.run(0, None)
        summary.add(first.summary)

    def chain(number: int) -> None:
        with Nursery() as nursery:
            rounds = 0
            while summary.total < kills and not summary.violations:
                rounds += 1
                place = folder / f"{seed}-{number}-{rounds}"
                place.mkdir()
                each = Round(nursery, place, hash((seed, number, rounds)))
                each.run(min(KILLS_OF_A_ROUND, kills - summary.total), expected)
                summary.add(each.summary)
                if not each.summary.violations:
                    shutil.rmtree(place)
                if tell is not None:
                    tell(summary)

    with ThreadPoolExecutor(chains) as threads:
        list(threads.map(chain, range(chains)))
    return summary


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Kill processes at random, and look what becomes of their executions.")
    parser.add_argument("--kills", type=int, default=int(os.environ.get("CRASH_KILLS", "2000")))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--chains", type=int, default=os.cpu_count() or 1, help="rounds at a time")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="random-kills-"))
    begun = time.monotonic()

    def tell(summary: Summary) -> None:
        seconds = time.monotonic() - begun
        done = f"{summary.total} kills in {summary.rounds} rounds, {seconds:.0f} s"
        print(f"\r{done}, {len(summary.violations)} violations ", end="", file=sys.stderr, flush=True)

    summary = run(given.kills, given.seed, folder, chains=given.chains, tell=tell)
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(summary.kills.items()))
    print(f"\n{summary.total} kills ({told}) in {summary.rounds} rounds, {time.monotonic() - begun:.0f} s")
    for each in summary.violations:
        print(f"VIOLATION {each}")
    print(f"{len(summary.violations)} violations")
    if summary.violations:
        sys.exit(1)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
