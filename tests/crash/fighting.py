"""Workers that fight over one store: all start the same executions and take over what others leave, while they are
killed, stopped for a moment (a hung owner), told to end, and begun again.

``python tests/crash/fighting.py --seconds 60`` prints what was done and what must not be; exit status 1 if anything is.
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
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from inspection import Inspector, is_empty
from nursery import Nursery
from roles import Part
from workload import MACHINES, Witness

from statemachine.kernel.commands import ExecutionStatus
from statemachine.store.sqlite import SqliteStore

MEAN_LIFE_SECONDS = 0.5
"""Between two disturbances of the same worker."""
HUNG_SECONDS = 0.4
DRAIN_SECONDS = 40.0
MOST_AFTER_SECONDS = 90.0
"""How long the executions may take to end when nobody disturbs them any more."""
LOOK_SECONDS = 0.25
STEP_SECONDS = 0.02


@dataclass(slots=True)
class _Worker:
    who: str
    process: int
    next_at: float
    hung: bool = False


@dataclass(slots=True)
class Fight:
    """What was done, and what must not be."""

    done: Counter[str] = field(default_factory=Counter)
    """``killed``, ``hung``, ``drained``."""
    executions: int = 0
    actions: int = 0
    """Calls of handlers."""
    repeated: int = 0
    """Those of operations that a killed worker had begun."""
    violations: list[str] = field(default_factory=list)


class Arena:
    """The store and its workers."""

    def __init__(
        self, nursery: Nursery, folder: Path, seed: int, *, executions: int, workers: int, every: float
    ) -> None:
        self._nursery = nursery
        self._folder = folder
        self._random = random.Random(seed)
        self._executions = executions
        self._every = every
        self._began = time.time()
        self._parts = 0
        self._referee = Witness(folder / "witness", "referee")
        self._inspector = Inspector(folder, fights=True)
        self._answering = 0
        self._workers = [self._hire() for _ in range(workers)]
        self.fight = Fight()

    @property
    def _store(self) -> Path:
        return self._folder / "store.db"

    def run(self, seconds: float, tell: Callable[[Fight], None] | None = None) -> Fight:
        """Disturb them for so long, then let them end their work; what was found."""
        self._answering = self._nursery.start(asdict(self._part("answer")))
        until = time.monotonic() + seconds
        self._watch(lambda: time.monotonic() >= until, tell, disturbs=True)
        for worker in self._workers:
            self._wake(worker)
        latest = time.monotonic() + MOST_AFTER_SECONDS
        self._watch(lambda: self._all_ended() or time.monotonic() >= latest, tell, disturbs=False)
        if not self._all_ended():
            self.fight.violations.append("some executions do not end")
        for worker in self._workers:
            self._dismiss(worker)
        self._nursery.end(self._answering)
        endings = self._inspector.finish(self._store, None)
        self._sum_up(len(endings))
        return self.fight

    def _watch(self, over: Callable[[], bool], tell: Callable[[Fight], None] | None, *, disturbs: bool) -> None:
        look_at = time.monotonic() + LOOK_SECONDS
        while not over():
            if disturbs:
                for worker in self._workers:
                    if time.monotonic() >= worker.next_at:
                        self._disturb(worker)
            if time.monotonic() >= look_at:
                self._inspector.look(self._store)
                look_at = time.monotonic() + LOOK_SECONDS
                if tell is not None:
                    tell(self.fight)
            time.sleep(STEP_SECONDS)

    def _disturb(self, worker: _Worker) -> None:
        if worker.hung:
            self._wake(worker)
            return
        chosen = self._random.random()
        if chosen < 0.5:
            self._referee.note("killing", worker.who)
            self._nursery.end(worker.process)
            self.fight.done["killed"] += 1
            self._replace(worker)
        elif chosen < 0.9:
            os.kill(worker.process, signal.SIGSTOP)
            worker.hung = True
            worker.next_at = time.monotonic() + self._random.expovariate(1 / HUNG_SECONDS)
            self.fight.done["hung"] += 1
        else:
            self._dismiss(worker)
            self._replace(worker)

    def _wake(self, worker: _Worker) -> None:
        if worker.hung:
            os.kill(worker.process, signal.SIGCONT)
            worker.hung = False
        worker.next_at = self._next_at()

    def _dismiss(self, worker: _Worker) -> None:
        """End a worker in peace. The others go on meanwhile: one that hangs may do so inside a transaction, for which
        the store makes everybody wait."""
        for each in self._workers:
            if each.hung:
                self._wake(each)
        os.kill(worker.process, signal.SIGTERM)
        status = self._nursery.end(worker.process, DRAIN_SECONDS)
        self.fight.done["drained"] += 1
        if status != 0:
            self.fight.violations.append(f"{worker.who} did not end in peace: {status}")

    def _replace(self, worker: _Worker) -> None:
        self._workers[self._workers.index(worker)] = self._hire()

    def _hire(self) -> _Worker:
        part = self._part("serve", tight=self._random.random() < 0.3)
        return _Worker(part.who, self._nursery.start(asdict(part)), self._next_at())

    def _part(self, role: str, *, tight: bool = False) -> Part:
        self._parts += 1
        seed = self._random.getrandbits(32)
        who = f"{role}-{self._parts}"
        part = Part(role, str(self._folder), who, seed, self._executions, self._began, tight=tight)
        return replace(part, every=self._every)

    def _next_at(self) -> float:
        return time.monotonic() + self._random.expovariate(1 / MEAN_LIFE_SECONDS)

    def _all_ended(self) -> bool:
        if is_empty(self._store):
            return False
        with closing(SqliteStore(self._store, read_only=True)) as store:
            counts = store.statistics().executions
            started = sum(record.parent is None for record in store.list(limit=10_000).records)
        return started == self._executions * len(MACHINES) and not counts.get(ExecutionStatus.RUNNING)

    def _sum_up(self, executions: int) -> None:
        self.fight.executions = executions
        self.fight.actions = self._inspector.actions
        self.fight.repeated = self._inspector.repeated
        self.fight.violations += self._inspector.violations
        errors = (self._folder / "errors").read_text() if (self._folder / "errors").exists() else ""
        if errors:
            self.fight.violations.append(f"a process says: {errors[-3000:]}")


def run(
    seconds: float,
    seed: int,
    folder: Path,
    *,
    executions: int,
    workers: int = 3,
    tell: Callable[[Fight], None] | None = None,
) -> Fight:
    """Let workers fight for so long over `executions` of each kind, which begin meanwhile. What was found."""
    every = seconds / executions
    with Nursery() as nursery:
        return Arena(nursery, folder, seed, executions=executions, workers=workers, every=every).run(seconds, tell)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Let workers fight over one store, and look who does what.")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--executions", type=int, default=120, help="of each kind")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="fighting-"))

    def tell(fight: Fight) -> None:
        print(f"\r{dict(fight.done)} ", end="", file=sys.stderr, flush=True)

    fight = run(given.seconds, given.seed, folder, executions=given.executions, workers=given.workers, tell=tell)
    told = ", ".join(f"{count} {what}" for what, count in sorted(fight.done.items()))
    print(f"\n{given.workers} workers, {given.seconds:.0f} s: {told}")
    print(f"{fight.executions} executions, {fight.actions} actions, {fight.repeated} of them repeated after a kill")
    for each in fight.violations:
        print(f"VIOLATION {each}")
    print(f"{len(fight.violations)} violations")
    if fight.violations:
        print(f"what there is: {folder}")
        sys.exit(1)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
