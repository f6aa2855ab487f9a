# ruff: noqa: PT028 - `test_state` tests nothing of ours: it is AWS's name
"""`test_state`: AWS Step Functions' TestState API as a function.

Rules (API reference, TestState; facts teststate-*)
- One state is entered with an input, and left: with an output (SUCCEEDED), or with an error that a retrier would take
  (RETRIABLE), a catcher takes (CAUGHT_ERROR), or nobody does (FAILED). Nothing is retried, nothing runs after it.
- `retrierRetryCount` is how often the retrier of the error has been used already; if that was all it may, the catchers
  are looked at. Errors of a state inside of a Parallel or Map then go to the states around it.
- A Parallel or Map is tested with a mocked result; what is inside of it does not run.
- Time does not pass: a Wait ends at once, and what would take more than five minutes ends with States.Timeout.
- The causes of errors name no state and no event, as there is no history.

The compiled state and its data flow are those of an execution; only the order of steps, which the kernel spreads over
events, is here once more, because every step is to be seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from msgspec.structs import replace

from statemachine.errors import (
    EXCEED_TOLERATED_FAILURE_THRESHOLD,
    NO_CHOICE_MATCHED,
    RUNTIME,
    TIMEOUT,
    EvaluationError,
    Failure,
    TaskError,
    UnboundResourceError,
)
from statemachine.expressions.base import PathNotFoundError, Values
from statemachine.jsonvalue import Document, Json, TooDeepError, encode_json
from statemachine.kernel.activation import DataLimitError
from statemachine.kernel.advance import new_execution
from statemachine.kernel.commands import ScheduleTask
from statemachine.kernel.randomness import ExecutionDraws
from statemachine.kernel.recovery import MAX_DELAY_MS, error_output, matches
from statemachine.program.dataflow import DataFlow, Exit, JsonPathFlow
from statemachine.program.nodes import (
    Address,
    ChoiceNode,
    FailNode,
    MapNode,
    Node,
    ParallelNode,
    PassNode,
    RetrierNode,
    SucceedNode,
    TaskNode,
    WaitNode,
    WorkNode,
)
from statemachine.testing.teststate.context import check_context, made_up_context
from statemachine.testing.teststate.http_exchange import show_http_exchange
from statemachine.testing.teststate.inspection import Inspection
from statemachine.testing.teststate.map_items import check_failure_count, exceeds_tolerance, map_iterations
from statemachine.testing.teststate.mock_validation import check_request
from statemachine.testing.teststate.request import MAX_DATA_BYTES, InspectionLevel, Request, read_request
from statemachine.testing.teststate.result import TestStateResult
from statemachine.testing.teststate.tested_state import TestedState, find_tested_state
from statemachine.testing.virtual import DEFAULT_START_MS, Perform, VirtualTask

LONGEST_MS = 300_000
"""A test may take five minutes (API reference)."""

_NO_MATCH = "Failed to transition out of the state. The state does not point to a next state."


def test_state(
    definition: Json,
    *,
    input: str | None = None,
    inspection_level: str = "INFO",
    role_arn: str | None = None,
    state_name: str | None = None,
    mock: Mapping[str, Json] | None = None,
    context: str | None = None,
    state_configuration: Mapping[str, Json] | None = None,
    variables: str | None = None,
    reveal_secrets: bool = False,
    perform: Perform | None = None,
    account: str = "123456789012",
    region: str = "us-east-1",
    now_ms: int = DEFAULT_START_MS,
) -> TestStateResult:
    """Test one state as AWS's TestState does.

    `definition` is a state, or with `state_name` a state machine: a value or its JSON text. `input`, `context` and
    `variables` are JSON texts; `mock` is ``{"result": text}`` or ``{"errorOutput": {"error": …, "cause": …}}``, with
    ``fieldValidationMode``; `state_configuration` is as in the API. `perform` does the work of a Task without a mock;
    `now_ms` is the time of the test.

    Raises TestStateError for a call that AWS refuses, UnboundResourceError for a Task with neither mock nor `perform`,
    DefinitionError for a state that this release cannot run.
    """
    request = read_request(
        input=input,
        inspection_level=inspection_level,
        role_arn=role_arn,
        state_name=state_name,
        mock=mock,
        context=context,
        state_configuration=state_configuration,
        variables=variables,
        reveal_secrets=reveal_secrets,
    )
    tested = find_tested_state(definition, state_name)
    result = check_request(request, tested.state)
    if request.context is not None:
        check_context(request.context, tested.state)
    return _Test(request, tested, result, perform, account, region, now_ms).run()


test_state.__test__ = False  # type: ignore[attr-defined]  # a test module that imports it does not test with it


class _Failed(Exception):
    """The state's work failed."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure


class _Test:
    """One call: the state is entered, does its work, and is left."""

    def __init__(
        self,
        request: Request,
        tested: TestedState,
        mocked: Document | None,
        perform: Perform | None,
        account: str,
        region: str,
        now_ms: int,
    ) -> None:
        self._request = request
        self._tested = tested
        self._mocked = mocked
        self._perform = perform
        self._now_ms = now_ms
        self._inspection = Inspection([request.input] if mocked is None else [request.input, mocked])
        seed = hashlib.sha256(f"{tested.program.sha256} {now_ms} ".encode() + request.input.encoded).digest()
        self._execution = new_execution(tested.program, id="test", input=request.input, seed=seed)
        draws = ExecutionDraws(self._execution)
        context = request.context
        if context is None:
            context = made_up_context(request, tested, draws, account=account, region=region, now_ms=now_ms)
        self._context: Json = context
        self._values = Values(request.input.value, lambda: self._context, request.variables, draws, now_ms)

    def run(self) -> TestStateResult:
        """Test the state."""
        node = self._tested.node
        self._inspection.show("input", self._request.input.value)
        try:
            exit, target = self._left(node)
            return self._result("SUCCEEDED", node, exit=exit, target=target)
        except _Failed as failed:
            failure = failed.failure
        except (EvaluationError, PathNotFoundError, TooDeepError) as error:
            failure = _failure_of(error)
        return self._handled(node, failure)

    # -- entering, working, leaving ----------------------------------------------------------------------------

    def _left(self, node: Node) -> tuple[Exit, Address | None]:
        """What the state leaves behind, and where it goes."""
        match node:
            case PassNode():
                return self._exit(node.flow, self._pass_result(node)), node.next
            case TaskNode():
                return self._exit(node.flow, self._task_result(node)), node.next
            case ParallelNode():
                self._arguments(node, node.flow.effective_input(self._values))
                return self._exit(node.flow, self._mocked_result().value), node.next
            case MapNode():
                return self._exit(node.flow, self._map_result(node)), node.next
            case FailNode():
                self._effective_input(node.flow)
                raise _Failed(node.failure(self._values))
            case ChoiceNode():
                return self._chosen(node)
            case WaitNode():
                effective = self._effective_input(node.flow)
                self._check_time(node.until(self._seeing(effective), self._now_ms) - self._now_ms)
                return node.flow.exit(self._values, effective), node.next
            case SucceedNode():
                return node.flow.exit(self._values, self._effective_input(node.flow)), None

    def _effective_input(self, flow: DataFlow) -> Json:
        effective = flow.effective_input(self._values)
        if isinstance(flow, JsonPathFlow):
            self._inspection.show("afterInputPath", effective)
        return effective

    def _arguments(self, node: TaskNode | ParallelNode, effective: Json) -> Json:
        arguments = node.flow.arguments(self._values, effective)
        self._check_size(self._inspection.document(arguments), node.name, "provided parameters")
        return arguments

    def _seeing(self, effective: Json) -> Values:
        return self._values if effective is self._values.input else self._values.with_input(effective)

    def _exit(self, flow: DataFlow, result: Json) -> Exit:
        """Leave a state that has a result, step by step in JSONPath."""
        if not isinstance(flow, JsonPathFlow):
            return flow.exit(self._values, result)
        if flow.result_selector is not None:
            result = flow.result_selector(self._values.with_input(result))
            flow = replace(flow, result_selector=None)
        self._inspection.show("afterResultSelector", result)
        written = result if flow.result_path is None else flow.result_path.write(self._values.input, result)
        self._inspection.show("afterResultPath", written)
        return flow.exit(self._values, result)

    def _pass_result(self, node: PassNode) -> Json:
        if node.result is not None:
            self._inspection.show("result", node.result.value)
            return node.result.value
        if not isinstance(node.flow, JsonPathFlow):
            return node.flow.arguments(self._values, node.flow.effective_input(self._values))
        arguments = node.flow.arguments(self._values, self._effective_input(node.flow))
        self._inspection.show("afterParameters", arguments)
        return arguments

    def _chosen(self, node: ChoiceNode) -> tuple[Exit, Address | None]:
        effective = self._effective_input(node.flow)
        seen = self._seeing(effective)
        for rule in node.rules:
            if rule.condition(seen):
                return rule.flow.exit(self._values, effective), rule.next
        if node.next is None:
            raise EvaluationError(NO_CHOICE_MATCHED, _NO_MATCH)
        return node.flow.exit(self._values, effective), node.next

    def _check_time(self, duration_ms: int, longest_ms: int = LONGEST_MS) -> None:
        if duration_ms > longest_ms:
            raise _Failed(Failure(TIMEOUT))

    # -- work --------------------------------------------------------------------------------------------------

    def _mocked_result(self) -> Document:
        """The mocked result; fails with the mocked error."""
        mock = self._request.mock
        assert mock is not None, "the request was checked"
        if self._mocked is None:
            raise _Failed(Failure(mock.error, mock.cause))
        return self._mocked

    def _task_result(self, node: TaskNode) -> Json:
        effective = self._effective_input(node.flow)
        numbers = self._seeing(effective)
        timeout = None if node.timeout_seconds is None else node.timeout_seconds(numbers)
        heartbeat = None if node.heartbeat_seconds is None else node.heartbeat_seconds(numbers)
        if node.credentials is not None:
            node.credentials(numbers)
        arguments = self._arguments(node, effective)
        jsonpath = isinstance(node.flow, JsonPathFlow)
        self._inspection.show("afterParameters" if jsonpath else "afterArguments", arguments)
        if self._request.mock is not None:
            result = self._mocked_result().value
        else:
            result = self._performed(node, arguments, timeout, heartbeat)
        self._inspection.show("result", result)
        return result

    def _performed(self, node: TaskNode, arguments: Json, timeout: int | None, heartbeat: int | None) -> Json:
        resource = node.resource.text
        if self._perform is None:
            raise UnboundResourceError([resource])
        deadline_ms = None if timeout is None else self._now_ms + timeout * 1000
        document = self._inspection.document(arguments)
        task = VirtualTask(ScheduleTask(1, resource, document, node.name, 0, deadline_ms, heartbeat))
        failure = result = None
        try:
            result = self._perform(task)
            encode_json(result)
        except TaskError as error:
            failure = Failure(error.error, error.cause)
        except ValueError as error:
            failure = Failure(RUNTIME, f"The result of the task is {error}")
        self._check_time(task.slept_ms, LONGEST_MS if timeout is None else min(timeout * 1000 - 1, LONGEST_MS))
        if failure is not None:
            raise _Failed(failure)
        if self._request.level is InspectionLevel.TRACE and node.resource.type == "http":
            show_http_exchange(self._inspection, arguments, result)
        return result

    def _map_result(self, node: MapNode) -> Json:
        configuration = self._request.configuration
        iterations = map_iterations(node, self._values, self._inspection, configuration.map_item_reader_data)
        failures = configuration.map_iteration_failure_count or 0
        check_failure_count(failures, iterations)
        if exceeds_tolerance(node, self._inspection.data, failures, iterations):
            raise _Failed(_EXCEEDED)
        return self._mocked_result().value

    # -- errors ------------------------------------------------------------------------------------------------

    def _handled(self, node: Node, failure: Failure) -> TestStateResult:
        """The failure goes to the state's retriers and catchers, then to those of the states around it."""
        handlers: list[Node] = [node, *self._tested.handlers()]
        for each in handlers:
            if each is not node and isinstance(each, MapNode):
                if self._tolerates(each):
                    break
                failure = _EXCEEDED if each.distributed and each.tolerated_count is not None else failure
            if not isinstance(each, WorkNode):
                continue
            if self._retries(each, failure):
                return self._result("RETRIABLE", each, failure=failure)
            for index, catcher in enumerate(each.catchers):
                if matches(catcher.error_equals, failure.error):
                    return self._caught(each, index, failure)
        return self._result("FAILED", node, failure=failure)

    def _tolerates(self, around: MapNode) -> bool:
        """Whether a distributed Map around the state tolerates that one more iteration fails."""
        if not around.distributed or around.tolerated_count is None:
            return False
        failures = (self._request.configuration.map_iteration_failure_count or 0) + 1
        try:
            return failures <= around.tolerated_count(self._values)
        except (EvaluationError, PathNotFoundError):  # the Map's own input is not known here
            return False

    def _retries(self, node: WorkNode, failure: Failure) -> bool:
        """Whether a retrier takes the failure. One that has no retries left is named in errorDetails, too."""
        count = self._request.configuration.retrier_retry_count or 0
        for index, retrier in enumerate(node.retriers):
            if matches(retrier.error_equals, failure.error):
                self._inspection.error_detail(node.address, "retryIndex", index)
                if count >= retrier.max_attempts:
                    return False
                seconds = _backoff_seconds(retrier, count)
                self._inspection.error_detail(node.address, "retryBackoffIntervalSeconds", seconds)
                return True
        return False

    def _caught(self, node: WorkNode, index: int, failure: Failure) -> TestStateResult:
        catcher = node.catchers[index]
        self._inspection.error_detail(node.address, "catchIndex", index)
        try:
            exit = catcher.flow.exit(self._values, error_output(failure))
            return self._result("CAUGHT_ERROR", node, exit=exit, target=catcher.next, failure=failure)
        except (EvaluationError, PathNotFoundError, TooDeepError) as error:
            return self._result("FAILED", node, failure=_failure_of(error))

    def _check_size(self, document: Document, name: str, what: str) -> None:
        if document.size > MAX_DATA_BYTES:
            raise DataLimitError(name, what)

    def _result(
        self,
        status: str,
        node: Node | WorkNode,
        *,
        exit: Exit | None = None,
        target: Address | None = None,
        failure: Failure | None = None,
    ) -> TestStateResult:
        """The answer. Raises DataLimitError for an output or assignments that are too large."""
        output = None
        variables = self._request.variables
        if exit is not None:
            document = self._inspection.document(exit.output)
            self._check_size(document, node.name, "returned a result")
            output = document.text
            if exit.assigned:
                self._check_size(Document(exit.assigned), node.name, "assigned variables")
                variables = {**variables, **exit.assigned}
        if variables:
            self._inspection.show("variables", variables)
        return TestStateResult(
            status=status,
            output=output,
            error=None if failure is None else failure.error,
            cause=None if failure is None else failure.cause,
            next_state=None if target is None else self._tested.program.nodes[target].name,
            inspection=None if self._request.level is InspectionLevel.INFO else self._inspection.data,
        )


_EXCEEDED = Failure(EXCEED_TOLERATED_FAILURE_THRESHOLD, "The specified tolerated failure threshold was exceeded")


def _failure_of(error: EvaluationError | PathNotFoundError | TooDeepError) -> Failure:
    if isinstance(error, EvaluationError):
        return Failure(error.error, error.cause)
    return Failure(RUNTIME, str(error) if isinstance(error, PathNotFoundError) else f"The data is {error}")


def _backoff_seconds(retrier: RetrierNode, retries: int) -> int:
    """The delay before the next attempt, in whole seconds; with jitter, the longest that can be drawn."""
    most = MAX_DELAY_MS if retrier.max_delay_ms is None else min(retrier.max_delay_ms, MAX_DELAY_MS)
    try:
        return int(min(retrier.interval_ms * retrier.backoff_rate**retries, most)) // 1000
    except OverflowError:
        return most // 1000
