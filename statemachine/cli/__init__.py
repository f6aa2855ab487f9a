"""The command line. One module per command; each is imported only when it is called, and click not before `main`.

Conventions (all commands): results on stdout, everything else on stderr; ``--json`` for machines; colour only on a
terminal (``NO_COLOR`` is obeyed); exit status 0 success, 1 the execution failed or findings exist, 2 usage,
3 internal error, 130 interrupted; ``-`` is standard input; ids may be shortened, ``@last`` is the newest.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading

from statemachine import __version__

VERSION = f"statemachine, version {__version__}"
"""What ``--version`` prints."""

_FOREIGN = os.path.join(os.path.dirname(os.path.dirname(__file__)), "statemachine.py")  # noqa: PTH118, PTH120
"""A file of python-statemachine. Installed after this package it replaces the package's own ``__init__.py``, which
refuses to be mixed with it; the command is still the one of this package."""
_MIXED = (
    "Error: python-statemachine was installed over asl-statemachine: both install a package named 'statemachine'. "
    "Remove both (pip uninstall python-statemachine asl-statemachine) and install asl-statemachine"
)

COMMANDS = {
    "run": "Run a definition to its end.",
    "validate": "Check definitions.",
    "explain": "Explain a finding: what its code means, and what to do.",
    "test": "Run test cases of definitions, in virtual time.",
    "list": "List executions.",
    "show": "Show one execution: where it is, what it did, what failed.",
    "history": "Show the history of an execution.",
    "graph": "Draw a definition, or what an execution did in it.",
    "lower": "Write a definition with compensation as one that AWS runs.",
    "resume": "Go on with interrupted executions.",
    "redrive": "Begin an execution again that failed, where it failed.",
    "worker": "Drive executions that nobody drives, until it is told to stop.",
    "stop": "End executions as aborted.",
    "task": "Answer a task by its token.",
    "activity": "Take tasks of activities.",
    "prune": "Remove old executions.",
    "replay": "Replay what was recorded, and compare.",
    "fork": "Start a new execution where another one was.",
}
"""Command -> what it does: the help needs no import of the command's module."""


def main(arguments: list[str] | None = None) -> None:
    """The console script. Turns every error into a message and an exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as standard error does: what was told is never an error
    if os.path.exists(_FOREIGN):  # noqa: PTH110 - pathlib is slow to import
        print(_MIXED, file=sys.stderr)
        sys.exit(2)
    if (sys.argv[1:] if arguments is None else arguments) == ["--version"]:
        print(VERSION)  # as click does, which takes longer to import than all of this
        status = 0
    else:
        from statemachine.cli.group import status_of

        status = status_of(arguments)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        silence()
    if any(each is not threading.main_thread() and not each.daemon for each in threading.enumerate()):
        os._exit(status)  # a handler has left a thread behind; Python would wait for it
    sys.exit(status)


def silence() -> None:
    """Let what is still to be printed go nowhere: nobody reads it, and Python would complain at its exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(nowhere, stream.fileno())
