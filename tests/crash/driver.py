"""The command line in a process that kills itself at a write transaction of the store.

``driver.py POINT NUMBER ARGUMENTS...``: at the NUMBER-th transaction (creating, claiming, committing and releasing are
such), `before` it begins, `inside` it when all is written and nothing committed, or `after` it is on disk.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from statemachine.cli import main
from statemachine.store.connections import Connections

POINT, NUMBER = sys.argv[1], int(sys.argv[2])
original = Connections.writing
transactions = itertools.count(1)


@contextmanager
def writing(self: Connections, *arguments: Any) -> Iterator[Any]:
    fatal = next(transactions) == NUMBER
    if fatal and POINT == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    with original(self, *arguments) as connection:
        yield connection
        if fatal and POINT == "inside":
            os.kill(os.getpid(), signal.SIGKILL)
    if fatal and POINT == "after":
        os.kill(os.getpid(), signal.SIGKILL)


Connections.writing = writing  # type: ignore[method-assign, assignment]
main(sys.argv[3:])
