"""When Python looks for garbage while executions are driven."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def garbage_later() -> Iterator[None]:
    """Let the garbage collector wait for the end of a turn's part: a turn makes much that is gone when it ends, or that
    stays, and little garbage in circles. Looking through all of it again and again took half of the time of many
    short executions, and pauses of 0.1 s."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
