"""The tasks file: which handler performs the tasks of a resource, beside the definition.

Rules
- YAML or JSON: a map from resource to target (targets.py), held to ``schemas/tasks-file.schema.json``.
- Python: functions marked with ``@task("resource")``. The file is run under a name of its own, so that it clashes with
  no module; modules beside it can be imported.
- Every finding names the file and the line.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from statemachine.integrations.base import BindingError, TaskFunction
from statemachine.integrations.targets import describe, importable, is_bindable, unknown_target

_MARK = "__statemachine_resources__"
_Function = TypeVar("_Function", bound=Callable[..., Any])


def task(*resources: str) -> Callable[[_Function], _Function]:
    """Mark a function of a tasks file as the handler of these resources: ``@task("arn:aws:lambda:…:function:Charge")``.

    The function stays what it is. Raises TypeError if no resource is named.
    """
    if not resources or not all(isinstance(each, str) and each for each in resources):
        raise TypeError('name the resource: @task("arn:aws:lambda:us-east-1:123456789012:function:Charge")')

    def mark(function: _Function) -> _Function:
        setattr(function, _MARK, (*resources, *getattr(function, _MARK, ())))
        return function

    return mark


def load_tasks_file(path: str | Path) -> dict[str, TaskFunction | str]:
    """The bindings of a tasks file, for `TaskRegistry`. Its directory belongs into the registry's search path.

    Raises BindingError that lists everything that is wrong with it.
    """
    path = Path(path)
    if path.suffix.lower() == ".py":
        return _load_python_file(path)
    from statemachine.definition.sidefile import place_of, read_side_file

    source, faults = read_side_file(path, "tasks-file", "tasks file")
    bindings: dict[str, TaskFunction | str] = {}
    if source is not None:
        for key, target in source.value.items():
            if key == "$schema":
                continue
            if isinstance(target, str) and not is_bindable(target):
                place = place_of(source, (key,))
                faults = [each for each in faults if not each.startswith(place)]  # said better here
                faults.append(f"{place}{unknown_target(target)}")
            bindings[key] = target
    if faults:
        raise BindingError("\n".join(faults))
    return bindings


def _load_python_file(path: Path) -> dict[str, TaskFunction | str]:
    import sys
    from hashlib import sha256
    from importlib.util import module_from_spec, spec_from_file_location

    path = path.absolute()
    name = f"_statemachine_tasks_{sha256(str(path).encode()).hexdigest()[:16]}"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise BindingError(f"{path}: cannot be read: no such file")
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look their module up
    try:
        with importable([path.parent]):
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise BindingError(f"{path}: running it failed: {describe(error)}") from error
    return _marked(vars(module), path)


def _marked(names: dict[str, Any], path: Path) -> dict[str, TaskFunction | str]:
    bindings: dict[str, TaskFunction | str] = {}
    for value in list(names.values()):
        resources = getattr(value, _MARK, None)
        if not isinstance(resources, tuple):  # also what has every attribute, such as a Mock
            continue
        for resource in resources:
            other = bindings.setdefault(resource, value)
            if other is not value:
                raise BindingError(f"{path}: {resource} is bound twice, by {_named(other)} and by {_named(value)}")
    if not bindings:
        raise BindingError(f'{path}: binds no task; mark functions with @task("resource") from statemachine')
    return bindings


def _named(function: object) -> str:
    code = getattr(function, "__code__", None)
    line = f" (line {code.co_firstlineno})" if code is not None else ""
    return f"{getattr(function, '__name__', repr(function))}{line}"
