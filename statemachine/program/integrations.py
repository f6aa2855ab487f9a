"""What AWS can call: the Resource of a Task, checked as AWS checks it when a machine is created.

Rules
- A Resource is the ARN of a Lambda function or an activity, or ``arn:…:states:::service:action`` with the suffix of a
  pattern. Anything else is refused (developer guide, "Task state"). An ItemReader and a ResultWriter have one too.
- The optimized integrations are a table: the actions, and the patterns of each (developer guide, "Integrating optimized
  services", and the page of each service). Where the pages disagree the wider answer counts: a valid definition is
  never refused for a gap in a page.
- ``aws-sdk:`` services and actions are those of AWS's API models, listed in ``schemas/service-actions.txt`` by
  ``tools/make_service_actions.py``. The file is searched as text, and only when a definition names one. The SDK
  integrations have no ``.sync``. Of services that AWS has retired the actions are not known: any is accepted.
- ``s3:`` without ``aws-sdk:`` is for an ItemReader and a ResultWriter alone: a Task has no such integration.
- Express machines refuse ``.sync``, ``.waitForTaskToken`` and activities (facts validate-express-*), and a distributed
  Map (developer guide, "Choosing workflow type").
- An extension's resource (``python:``, ``exec:``, ``http://``, ``https://``) is refused only for the target AWS.
- A text with a placeholder ``${…}`` is not looked at: what it will be is not known.
- None of this keeps a definition from being run here, where a resource is whatever a handler is bound to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final, TypeAlias

from statemachine.definition.diagnostics import SCHEMA_VALIDATION_FAILED, Diagnostic, JsonPath
from statemachine.definition.fields import CATCHER, STATES, Shape
from statemachine.definition.placeholders import has_placeholder, value_at
from statemachine.definition.schema import schema_directory
from statemachine.definition.suggestions import Suggestions
from statemachine.definition.validate import blocks
from statemachine.jsonvalue import Json
from statemachine.program.resources import ResourceKind, parse_resource

EXTENSION: Final = "SM_EXTENSION"
EXTENSION_PREFIXES: Final = ("python:", "exec:", "http://", "https://")

_CALL: Final = ""
_SYNC: Final = ".sync"
_SYNC_2: Final = ".sync:2"
_TOKEN: Final = ".waitForTaskToken"  # noqa: S105 - the name of a pattern
_SERVICE = re.compile(
    r"arn:[a-z-]+:states:[^:]*:[^:]*:(?P<service>(?:aws-sdk:)?[^:.]+):(?P<action>[^:.]+)(?P<pattern>\..*)?"
)
_TASK = re.compile(r"arn:[a-z-]+:states:[^:]+:[^:]+:task:.+")
"""The form of the specification's examples."""

_Integrations: TypeAlias = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Service -> action -> the suffixes of its patterns."""

_ONLY_CALL: Final = (_CALL,)
_JOB: Final = (_CALL, _SYNC)
_CALLBACK: Final = (_CALL, _TOKEN)


def _actions(patterns: tuple[str, ...], *names: str) -> dict[str, tuple[str, ...]]:
    return dict.fromkeys(names, patterns)


OPTIMIZED: Final[_Integrations] = MappingProxyType(
    {
        "apigateway": _actions(_CALLBACK, "invoke"),
        "athena": _actions(_JOB, "startQueryExecution")
        | _actions(_ONLY_CALL, "stopQueryExecution", "getQueryExecution", "getQueryResults"),
        "batch": _actions(_JOB, "submitJob"),
        "bedrock": _actions((_CALL, _SYNC, _TOKEN), "createModelCustomizationJob") | _actions(_CALLBACK, "invokeModel"),
        "codebuild": _actions(_JOB, "startBuild", "startBuildBatch", "retryBuild", "retryBuildBatch")
        | _actions(
            _ONLY_CALL, "stopBuild", "stopBuildBatch", "batchDeleteBuilds", "batchGetReports", "deleteBuildBatch"
        ),
        "databrew": _actions(_JOB, "startJobRun"),
        "dynamodb": _actions(_ONLY_CALL, "getItem", "putItem", "updateItem", "deleteItem"),
        "ecs": _actions((_CALL, _SYNC, _TOKEN), "runTask"),
        "eks": _actions(
            _JOB,
            "createCluster", "deleteCluster", "createNodegroup", "deleteNodegroup", "createFargateProfile",
            "deleteFargateProfile",
        )
        | _actions((_CALL, _SYNC, _TOKEN), "runJob")
        | _actions(_CALLBACK, "call"),
        "elasticmapreduce": _actions(_JOB, "createCluster", "terminateCluster", "addStep")
        | _actions(
            _ONLY_CALL,
            "cancelStep", "setClusterTerminationProtection", "modifyInstanceFleetByName", "modifyInstanceGroupByName",
        ),
        "emr-containers": _actions(_JOB, "createVirtualCluster", "deleteVirtualCluster", "startJobRun"),
        "emr-serverless": _actions(
            _JOB,
            "createApplication", "startApplication", "stopApplication", "deleteApplication", "startJobRun",
            "cancelJobRun",
        ),
        "events": _actions(_CALLBACK, "putEvents"),
        "glue": _actions(_JOB, "startJobRun"),
        "http": _actions(_ONLY_CALL, "invoke"),
        "lambda": _actions(_CALLBACK, "invoke"),
        "mediaconvert": _actions(_JOB, "createJob"),
        "sagemaker": _actions(
            _JOB,
            "createHyperParameterTuningJob", "createLabelingJob", "createProcessingJob", "createTrainingJob",
            "createTransformJob",
        )
        | _actions(_ONLY_CALL, "createEndpoint", "createEndpointConfig", "createModel", "updateEndpoint"),
        "sns": _actions(_CALLBACK, "publish"),
        "sqs": _actions(_CALLBACK, "sendMessage"),
        "states": _actions((_CALL, _SYNC, _SYNC_2, _TOKEN), "startExecution"),
    }
)  # fmt: skip
"""What a Task calls."""

_OF_DATA_SETS: Final[_Integrations] = MappingProxyType(
    {**OPTIMIZED, "s3": _actions(_ONLY_CALL, "getObject", "listObjectsV2", "putObject")}
)
"""What an ItemReader and a ResultWriter call."""

RETIRED: Final = frozenset(
    {
        "alexaforbusiness", "backupstorage", "cloudwatchevents", "codestar", "elasticinference", "elastictranscoder",
        "evidently", "gamesparks", "honeycode", "iot1clickdevices", "iot1clickprojects", "iotanalytics", "iotevents",
        "ioteventsdata", "iotroborunner", "lookoutmetrics", "lookoutvision", "macie", "migrationhubhome", "mobile",
        "nimble", "opsworks", "opsworkscm", "panorama", "privatenetworks", "qldb", "qldbsession", "robomaker",
        "simspaceweaver", "sms", "worklink",
    }
)  # fmt: skip
"""Services of the AWS SDK that are gone from the API models."""


def check_resources(value: Json, *, express: bool = False, target_aws: bool = False) -> list[Diagnostic]:
    """What AWS says about the Resources of a definition, and for the target AWS about the extensions it uses."""
    found: list[Diagnostic] = []
    suggestions = Suggestions()
    for state, path in _states(value):
        for holder, at in _callers(state, path):
            if isinstance(holder, dict) and isinstance(holder.get("Resource"), str) and holder["Resource"]:
                place, known = (*at, "Resource"), OPTIMIZED if at == path else _OF_DATA_SETS
                found += _resource(
                    holder["Resource"], place, known, suggestions, express=express, target_aws=target_aws
                )
        if express:
            found += _express_map(state, path)
        if target_aws:
            found += _extension_fields(state, path)
    return found


def _states(value: Json) -> Iterator[tuple[dict[str, Json], JsonPath]]:
    for block, path in blocks(value):
        for name, state in block["States"].items():
            if isinstance(state, dict):
                yield state, (*path, "States", name)


def _callers(state: dict[str, Json], path: JsonPath) -> tuple[tuple[Json, JsonPath], ...]:
    """What of a state has a Resource, with its place."""
    match state.get("Type"):
        case "Task":
            return ((state, path),)
        case "Map":
            return tuple((state.get(name), (*path, name)) for name in ("ItemReader", "ResultWriter"))
        case _:
            return ()


def _resource(
    text: str,
    path: JsonPath,
    integrations: _Integrations,
    suggestions: Suggestions,
    *,
    express: bool,
    target_aws: bool,
) -> Iterator[Diagnostic]:
    if has_placeholder(text):
        return
    if text.startswith(EXTENSION_PREFIXES):
        if target_aws:
            scheme = text.partition(":")[0]
            yield _refusal(f"The resource '{scheme}:…' is an extension that AWS does not have", path, code=EXTENSION)
        return
    if not text.startswith("arn:"):
        yield _refusal("Value is not a valid resource ARN", path, "a Task calls an ARN, such as that of a function")
        return
    resource = parse_resource(text)
    refused = _express(text, resource.kind) if express else None
    if refused is not None:
        yield _refusal(refused, path)
    elif resource.kind is ResourceKind.SERVICE and not _TASK.fullmatch(text):
        is_known, suggestion = _is_known(text, integrations, suggestions)
        if not is_known:
            message = (
                f"The resource provided {text} is not recognized. The value is not a valid resource ARN, or the "
                "resource is not available in this region."
            )
            yield _refusal(message, path, suggestion)


def _refusal(
    message: str, path: JsonPath, suggestion: str | None = None, code: str = SCHEMA_VALIDATION_FAILED
) -> Diagnostic:
    return Diagnostic(code, message, path, suggestion=suggestion, runs=True)


def _express(text: str, kind: ResourceKind) -> str | None:
    """AWS's words for what an Express machine may not do; one of them ends with a blank (recorded)."""
    if kind is ResourceKind.ACTIVITY:
        return "Express state machine does not support Activity ARN"
    if text.endswith(_TOKEN):
        return "Express state machine does not support '.waitForTaskToken' service integration "
    if text.endswith((_SYNC, _SYNC_2)):
        return "Express state machine does not support '.sync' service integration"
    return None


def _express_map(state: dict[str, Json], path: JsonPath) -> Iterator[Diagnostic]:
    if state.get("Type") != "Map":
        return
    for name in ("ItemProcessor", "Iterator"):
        place = (*path, name, "ProcessorConfig", "Mode")
        if value_at(state, place[len(path) :]) == "DISTRIBUTED":
            message = "Express state machine does not support a Map with the Mode 'DISTRIBUTED'"
            yield _refusal(message, place, "use the Mode INLINE, or start a Standard state machine from a Task")


def _is_known(text: str, integrations: _Integrations, suggestions: Suggestions) -> tuple[bool, str | None]:
    """Whether there is such an integration, and if not, what was probably meant."""
    match = _SERVICE.fullmatch(text)
    if match is None:
        return False, None
    service, action, pattern = match["service"], match["action"], match["pattern"] or _CALL
    if service.startswith("aws-sdk:"):
        return _is_known_sdk(service.removeprefix("aws-sdk:"), action, pattern, suggestions)
    actions = integrations.get(service)
    if actions is None:
        meant = suggestions.sentence(service, integrations)
        return False, meant or f"use `aws-sdk:{service}:{action}` if it is an action of the SDK"
    patterns = actions.get(action)
    if patterns is None:
        meant = suggestions.sentence(action, actions)
        return False, meant or f"`{service}` has {', '.join(actions)}; all others are in `aws-sdk:`"
    if pattern not in patterns:
        shown = ", ".join(f"`{each}`" for each in patterns if each) or "no suffix"
        return False, f"`{service}:{action}` has {shown}"
    return True, None


def _is_known_sdk(service: str, action: str, pattern: str, suggestions: Suggestions) -> tuple[bool, str | None]:
    if pattern not in _CALLBACK:
        return False, "integrations of the SDK have no `.sync`"
    if service in RETIRED:
        return True, None
    actions = sdk_actions(service)
    if actions is None:
        return False, suggestions.sentence(service, sdk_services())
    if f" {action.lower()} " in actions.lower():
        return True, None
    return False, suggestions.sentence(action, actions.split())


def sdk_actions(service: str) -> str | None:
    """The actions of a service of the SDK, with a blank before and after each; None if there is no such service."""
    text = _listed()
    start = text.find(f"\n{service} ")
    if start < 0:
        return None
    return text[start + len(service) + 1 : text.index("\n", start + 1)]


@cache
def sdk_services() -> tuple[str, ...]:
    """The services of the SDK."""
    return tuple(line.partition(" ")[0] for line in _listed().splitlines()[1:])


@cache
def _listed() -> str:
    return (schema_directory() / "service-actions.txt").read_text(encoding="utf-8")


def _extension_fields(state: dict[str, Json], path: JsonPath) -> Iterator[Diagnostic]:
    type_name = state.get("Type")
    shape = STATES.get(type_name) if isinstance(type_name, str) else None
    if shape is not None:
        yield from _extensions_of(shape, state, path)
    catchers = state.get("Catch")
    for index, catcher in enumerate(catchers if isinstance(catchers, list) else ()):
        if isinstance(catcher, dict):
            yield from _extensions_of(CATCHER, catcher, (*path, "Catch", index))


def _extensions_of(shape: Shape, value: dict[str, Json], path: JsonPath) -> Iterator[Diagnostic]:
    for name in value:
        field = shape.fields.get(name)
        if field is not None and field.extension:
            message = f"The field '{name}' is an extension that AWS does not have"
            yield Diagnostic(EXTENSION, message, path, place=(*path, name), runs=True)
