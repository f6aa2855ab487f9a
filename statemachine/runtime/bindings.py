"""Which handlers an engine's executions use, and what must be bound before one is driven.

Rules
- A registry that is made for one execution is closed when the last execution that uses it is not driven any more: it
  and its children. All others are closed with the engine.
- Closing happens in the background; the engine's `close` waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TypeAlias

from statemachine.integrations.objects import ObjectStore
from statemachine.integrations.registry import Binding, TaskRegistry
from statemachine.kernel.nested import starts_execution
from statemachine.program.load import LoadedDefinition
from statemachine.program.nodes import Program
from statemachine.program.resources import Resource, ResourceKind
from statemachine.runtime.driven import Driven
from statemachine.runtime.transfers import require_data

REMEMBERED_PROGRAMS = 1_000

Tasks: TypeAlias = Mapping[str, Binding] | TaskRegistry | str | PathLike[str]
"""Bindings by resource, a registry of them, or the path of a tasks file; its handlers are looked for beside it."""


class Bindings:
    """The registries of an engine; `machines` and `activities` are what it sees to itself. Belongs to the loop."""

    def __init__(
        self,
        tasks: Tasks | None,
        objects: ObjectStore | None,
        machines: Mapping[str, LoadedDefinition],
        activities: Mapping[str, object],
    ) -> None:
        self.default = _registry(tasks)
        self.objects = objects
        self._machines = machines
        self._activities = activities
        self._open: dict[TaskRegistry, None] = {self.default: None}
        """All that may hold connections."""
        self._own: dict[TaskRegistry, int] = {}
        """Those that were made for one execution, with how many are driven that use them."""
        self._closing: dict[asyncio.Task[None], None] = {}
        self._ready: dict[tuple[str, TaskRegistry], None] = {}
        """Programs that were found to be bound by the default registry."""

    def of(self, tasks: Tasks | None) -> TaskRegistry:
        """The registry that a caller means."""
        return self.default if tasks is None else _registry(tasks)

    def use(self, driven: Driven, *, own: bool = False) -> None:
        """An execution is going to be driven with its registry, which is its `own` if it was made for it."""
        registry = driven.registry
        self._open[registry] = None
        if own:
            self._own.setdefault(registry, 0)
        if registry in self._own:
            self._own[registry] += 1
            driven.on_left = partial(self._left, registry)

    def _left(self, registry: TaskRegistry) -> None:
        self._own[registry] -= 1
        if not self._own[registry]:
            del self._own[registry]
            self._close(registry)

    def _close(self, registry: TaskRegistry) -> None:
        self._open.pop(registry, None)
        closing = asyncio.get_running_loop().create_task(registry.aclose())
        self._closing[closing] = None
        closing.add_done_callback(self._closing.pop)

    async def close(self) -> None:
        """Close all connections."""
        for registry in list(self._open):
            self._close(registry)
        await asyncio.gather(*self._closing, return_exceptions=True)

    def require_bound(self, program: Program, registry: TaskRegistry) -> None:
        """Make the handlers of all Tasks of a program, and of the machines that it may start.

        Raises UnboundResourceError or BindingError, listing all faults, or what `require_data` raises.
        """
        if (program.sha256, registry) in self._ready:
            return
        programs = [program]
        if any(starts_execution(node.resource) for node in program.tasks()):
            programs += [each.program for each in self._machines.values()]
        for each in programs:
            require_data(each, self.objects)
        registry.prepare(
            (node.resource.text, node.static_function_name)
            for each in programs
            for node in each.tasks()
            if not self._takes(node.resource, registry)
        )
        if registry is self.default and len(self._ready) < REMEMBERED_PROGRAMS:
            self._ready[program.sha256, registry] = None

    def _takes(self, resource: Resource, registry: TaskRegistry) -> bool:
        """Whether the engine itself sees to a task, since nothing is bound to it."""
        if registry.binds(resource.text):
            return False
        if resource.kind is ResourceKind.ACTIVITY:
            return resource.text in self._activities
        return starts_execution(resource) and bool(self._machines)


def _registry(tasks: Tasks | None) -> TaskRegistry:
    if isinstance(tasks, str | PathLike):
        from statemachine.integrations.tasks_file import load_tasks_file

        return TaskRegistry(load_tasks_file(Path(tasks)), search_path=[Path(tasks).parent])
    return tasks if isinstance(tasks, TaskRegistry) else TaskRegistry(tasks or {})
