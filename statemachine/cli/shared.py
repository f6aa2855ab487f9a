"""What several executions that one engine drives share: its state machines, its place for data, its activities.

Rules
- Each execution has its tasks bound as it was started, unless options say otherwise (binding.py).
- Machines and data are the engine's: an execution that has others under the same names cannot be driven with the rest.
- Activities to which nothing is bound are offered to workers of other processes, and the user is told once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from statemachine.cli.binding import Bindings, Given
from statemachine.cli.options import store_hint
from statemachine.integrations.base import BindingError
from statemachine.integrations.registry import TaskRegistry
from statemachine.program.load import LoadedDefinition, load_text
from statemachine.program.nodes import Program
from statemachine.program.resources import ResourceKind
from statemachine.runtime.engine import Engine, MixedBindingsError
from statemachine.store.base import ExecutionRecord

Say = Callable[[str], None]

_ALONE = "resume it by itself, with statemachine resume {}"


class SharedBindings:
    """Binds the tasks of executions that one engine drives. `given` is what the options say, `store` the option."""

    def __init__(self, engine: Engine, given: Given, store: str | None, say: Say) -> None:
        self._engine = engine
        self._given = given
        self._store = store
        self._say = say
        self._bound: dict[str | None, tuple[TaskRegistry, dict[str, LoadedDefinition]]] = {}
        self._offered: dict[str, None] = {}

    def bind(self, record: ExecutionRecord) -> TaskRegistry:
        """What performs the tasks of an execution. Raises BindingError, and DefinitionError for state machines that
        its tasks may start."""
        bound = self._bound.get(record.tasks_source)
        if bound is None:
            bindings = Bindings.of(record.tasks_source, self._given)
            bound = bindings.registry(), bindings.machines()
            try:
                self._engine.add(machines=bound[1], data=bindings.data)
            except MixedBindingsError as error:
                raise BindingError(f"{error}: {_ALONE.format(record.id)}") from error
            self._bound[record.tasks_source] = bound
        registry, machines = bound
        program = load_text(self._engine.store.definition(record.definition_sha256)).program
        self.offer((program, *(each.program for each in machines.values())), registry)
        return registry

    def offer(self, programs: Iterable[Program], registry: TaskRegistry) -> None:
        """Let workers poll the activities to which nothing is bound."""
        for arn in activities_to_poll(programs, registry):
            if arn not in self._offered:
                self._offered[arn] = None
                self._engine.add(activities=[arn])
                self._say(f"Workers take its tasks with: statemachine activity poll {arn}{store_hint(self._store)}")


def activities_to_poll(programs: Iterable[Program], registry: TaskRegistry) -> list[str]:
    """The ARNs of the activities of these programs to which nothing is bound, each once, in order."""
    resources = dict.fromkeys(
        node.resource.text
        for program in programs
        for node in program.tasks()
        if node.resource.kind is ResourceKind.ACTIVITY
    )
    return [each for each in resources if registry.required(each) is not None]
