"""Handler targets: ``python:package.module:function``, ``exec:program arguments``, ``http://…`` and ``https://…``, and
``aws`` for what the AWS service itself performs.

Rules
- A target names a handler in a definition's Resource, in a tasks file and in `tasks=`; it means the same everywhere.
  ``aws`` is said only of a Resource that names the service, so it can be bound to one and be none itself.
- Everything that can be known before a run is: a module that does not import, a name that is not there, a program that
  is not found. The message names the target and says what to do.
- Directories of `search_path` (the definition's, the tasks file's) come first. A module that is already loaded from
  elsewhere under the same name is refused: the wrong code must not run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from statemachine.integrations.base import BindingError, TaskFunction

SCHEMES: Final = ("python:", "exec:", "http://", "https://")
AWS: Final = "aws"
_PYTHON: Final = re.compile(r"python:(?P<module>[^\W\d]\w*(?:\.[^\W\d]\w*)*):(?P<name>[^\W\d]\w*(?:\.[^\W\d]\w*)*)")


def is_target(text: str) -> bool:
    """Whether the text names a handler by itself, so that as a Resource it needs no binding."""
    return text.startswith(SCHEMES)


def is_bindable(text: str) -> bool:
    """Whether a resource can be bound to the text."""
    return text == AWS or is_target(text)


def unknown_target(text: str) -> BindingError:
    """The error for a text that is no target, with what was probably meant."""
    from difflib import get_close_matches

    scheme = text.partition(":")[0]
    known = [each.rstrip(":/") for each in SCHEMES]
    close = get_close_matches(scheme.lower(), known, 1)
    hint = f" (did you mean '{close[0]}:'?)" if close else ""
    if text.strip(": ").lower() == AWS:
        hint = f" (did you mean '{AWS}'?)"
    if re.fullmatch(r"[\w.]+:[\w.]+", text) and not close:
        hint = f" (did you mean 'python:{text}'?)"
    return BindingError(f"'{text}' is no handler{hint}. Give {', '.join(f'{each}…' for each in SCHEMES)} or {AWS}")


def load_python(target: str, search_path: Sequence[Path]) -> TaskFunction:
    """Import the callable that ``python:module:name`` names. Raises BindingError."""
    import importlib

    match = _PYTHON.fullmatch(target)
    if match is None:
        raise BindingError(f"'{target}' is not of the form python:package.module:function")
    module_name = match["module"]
    try:
        with importable(search_path):
            _refuse_namesake(module_name.partition(".")[0], search_path, target)
            found: object = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module_name}.".startswith(f"{error.name}."):
            looked = ", ".join(str(each) for each in search_path)
            places = f"{looked}, and the installed packages" if looked else "the installed packages"
            raise BindingError(f"'{target}': there is no module '{error.name}' in {places}") from None
        raise BindingError(f"'{target}': importing it failed: {describe(error)}") from error
    except (Exception, SystemExit) as error:
        raise BindingError(f"'{target}': importing it failed: {describe(error)}") from error
    reached = module_name
    for part in match["name"].split("."):
        if not hasattr(found, part):
            raise BindingError(f"'{target}': {reached} has no '{part}'{_closest(part, dir(found))}")
        found = getattr(found, part)
        reached = f"{reached}.{part}"
    if not callable(found):
        raise BindingError(f"'{target}' is a {type(found).__name__}, not a function")
    return found


def _closest(name: str, names: Sequence[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, names, 1)
    return f" (did you mean '{close[0]}'?)" if close else ""


@contextmanager
def importable(search_path: Sequence[Path]) -> Iterator[None]:
    """Let modules of these directories be imported first; afterwards last, for what they import later."""
    import importlib
    import sys

    directories = [str(each.absolute()) for each in search_path]
    before = list(sys.path)
    sys.path[:0] = directories
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = before + [each for each in directories if each not in before]


def _refuse_namesake(top: str, search_path: Sequence[Path], target: str) -> None:
    """Raise if Python would give another module than the one in the search path."""
    import sys
    from importlib.machinery import PathFinder

    loaded = getattr(sys.modules.get(top), "__file__", None)
    spec = PathFinder.find_spec(top, [str(each.absolute()) for each in search_path])
    if loaded is None or spec is None or spec.origin is None:
        return
    if Path(loaded).resolve() != Path(spec.origin).resolve():
        raise BindingError(f"'{target}': a module '{top}' is already loaded from {loaded}; rename {spec.origin}")


def describe(error: BaseException) -> str:
    """An exception in one line, with the place in the user's code that raised it."""
    import traceback

    text = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError):
        return text  # names its own place
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "importlib" not in frame.filename and frame.filename != __file__
    ]
    return f"{text} ({frames[-1].filename}, line {frames[-1].lineno})" if frames else text
