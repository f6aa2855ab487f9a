"""What the tasks of a definition need: every Resource, and for ``lambda:invoke`` the FunctionName if it is written."""

from __future__ import annotations

from collections.abc import Iterator

from statemachine.definition.model import Map, Parallel, State, StateMachine, Task
from statemachine.jsonvalue import Json


def task_requirements(machine: StateMachine) -> tuple[tuple[str, str | None], ...]:
    """Each Task's (Resource, FunctionName), once, in the order of the definition. The name is None unless it is a
    plain text in the state's Parameters or Arguments."""
    found = ((task.resource, _function_name(task)) for task in _tasks(machine.states))
    return tuple(dict.fromkeys(found))


def _tasks(states: dict[str, State]) -> Iterator[Task]:
    pending = list(reversed(states.values()))
    while pending:
        state = pending.pop()
        match state:
            case Task():
                yield state
            case Parallel(branches=branches):
                for branch in reversed(branches):
                    pending += reversed(branch.states.values())
            case Map(processor=processor):
                pending += reversed(processor.branch.states.values())
            case _:
                pass


def _function_name(task: Task) -> str | None:
    for template in (task.parameters, task.arguments):
        name: Json = template.get("FunctionName") if isinstance(template, dict) else None
        if isinstance(name, str) and not (name.startswith("{%") and name.endswith("%}")):
            return name
    return None
