"""The pytest plugin (entry point ``pytest11``): files of test cases as tests, and a fixture for tests in Python.

Rules
- Every ``*.asl-test.yaml``, ``.yml`` and ``.json`` that pytest comes across is collected, each case as one test, with
  the case's name in its node id.
- pytest loads this module in every project that has the package installed: it imports nothing of it but lazily, and
  hooks into nothing but the collection of these files.
- The names of files and cases are all that a node id is made of: workers of pytest-xdist collect the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from _pytest._code.code import ExceptionInfo, TerminalRepr

    from statemachine.testing.cases.checking import CaseResult
    from statemachine.testing.cases.model import Case
    from statemachine.testing.machine import MachineRunner

_ENDINGS: Final = (".asl-test.yaml", ".asl-test.yml", ".asl-test.json")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a file of cases."""
    if file_path.name.endswith(_ENDINGS):
        return CasesModule.from_parent(parent, path=file_path)
    return None


@pytest.fixture
def state_machine(request: pytest.FixtureRequest) -> MachineRunner:
    """Runs definitions in virtual time, with mocks instead of tasks. Paths are relative to the test's file.

    ``done = state_machine("order.asl.yaml", {"orderId": 7}, mocks={"Charge": {"Return": 1}})``
    """
    from statemachine.testing.machine import MachineRunner

    return MachineRunner(request.path.parent)


class CasesModule(pytest.File):
    """A file of cases."""

    def collect(self) -> Iterable[pytest.Item]:
        """Its cases. What is wrong with the file is told with line and column."""
        from statemachine.testing.cases.reading import CasesError, read_cases

        try:
            file = read_cases(_relative(self.path))
        except CasesError as error:
            raise self.CollectError(str(error)) from None
        return [CaseItem.from_parent(self, name=case.name, case=case) for case in file.cases]


def _relative(path: Path) -> Path:
    """As people name it: from where they are."""
    try:
        return Path(os.path.relpath(path))
    except ValueError:  # another drive
        return path


class CaseItem(pytest.Item):
    """One case."""

    def __init__(self, *, case: Case, **rest: Any) -> None:
        super().__init__(**rest)
        self.case = case

    def runtest(self) -> None:
        """Run it in virtual time."""
        from statemachine.testing.cases.checking import run_case

        if self.case.skip is not None:
            pytest.skip(self.case.skip)
        result = run_case(self.case)
        if not result.ok:
            raise CaseFailedError(result)

    def repr_failure(self, excinfo: ExceptionInfo[BaseException], style: Any = None) -> str | TerminalRepr:
        """What is not as expected, instead of a traceback through this package."""
        if isinstance(excinfo.value, CaseFailedError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the case stands; pytest counts lines from 0."""
        return self.path, self.case.position().line - 1, self.name


class CaseFailedError(AssertionError):
    """Something is not as a case expects."""

    def __init__(self, result: CaseResult) -> None:
        from statemachine.testing.cases.telling import tell

        super().__init__("\n".join(tell(result)))
        self.result = result
