"""One module per state type: what it does when entered, retried, answered, and when a child ends."""

from collections.abc import Mapping
from typing import Final

from statemachine.kernel.activation import StateHandler
from statemachine.kernel.states import choice, fail, map_, parallel, pass_, succeed, task, wait
from statemachine.program.nodes import (
    ChoiceNode,
    FailNode,
    MapNode,
    ParallelNode,
    PassNode,
    SucceedNode,
    TaskNode,
    WaitNode,
)

HANDLERS: Final[Mapping[type, StateHandler]] = {
    ChoiceNode: choice.HANDLER,
    FailNode: fail.HANDLER,
    MapNode: map_.HANDLER,
    ParallelNode: parallel.HANDLER,
    PassNode: pass_.HANDLER,
    SucceedNode: succeed.HANDLER,
    TaskNode: task.HANDLER,
    WaitNode: wait.HANDLER,
}
