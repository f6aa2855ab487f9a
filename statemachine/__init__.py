"""Run Amazon States Language state machines anywhere, durably, with the results AWS Step Functions gives.

::

    import statemachine

    result = statemachine.run("order.asl.yaml", {"orderId": 7}, tasks={"arn:aws:lambda:…:function:charge": charge})
    print(result.status, result.output)

Names are loaded when they are used: importing this package is cheap.
"""

from __future__ import annotations

import importlib
import os.path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from statemachine.errors import DefinitionError, StatemachineError, TaskError
    from statemachine.integrations.base import TaskContext
    from statemachine.integrations.tasks_file import task
    from statemachine.limits import UNLIMITED, Limits
    from statemachine.program.validation import validate_definition
    from statemachine.runtime.engine import Engine
    from statemachine.runtime.results import ExecutionFailedError, ExecutionResult
    from statemachine.runtime.sync import SyncEngine, run

__version__ = "0.1.0"

if os.path.exists(os.path.join(os.path.dirname(__file__), "statemachine.py")):  # noqa: PTH110, PTH118, PTH120 - pathlib is slow to import
    raise ImportError(
        "the files of python-statemachine are mixed with those of asl-statemachine: both install a package named "
        "'statemachine'. Remove both (pip uninstall python-statemachine asl-statemachine) and install asl-statemachine"
    )

_HOMES = {
    "DefinitionError": "errors",
    "Engine": "runtime.engine",
    "ExecutionFailedError": "runtime.results",
    "ExecutionResult": "runtime.results",
    "Limits": "limits",
    "StatemachineError": "errors",
    "SyncEngine": "runtime.sync",
    "TaskContext": "integrations.base",
    "TaskError": "errors",
    "UNLIMITED": "limits",
    "run": "runtime.sync",
    "task": "integrations.tasks_file",
    "validate_definition": "program.validation",
}

__all__ = [
    "UNLIMITED",
    "DefinitionError",
    "Engine",
    "ExecutionFailedError",
    "ExecutionResult",
    "Limits",
    "StatemachineError",
    "SyncEngine",
    "TaskContext",
    "TaskError",
    "__version__",
    "run",
    "task",
    "validate_definition",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'statemachine' has no attribute {name!r}")
    return getattr(importlib.import_module(f"statemachine.{home}"), name)
