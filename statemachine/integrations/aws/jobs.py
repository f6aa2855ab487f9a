"""Jobs: what ``.sync`` asks until a job has ended, how it tells the end, and how a job is stopped.

Rules (developer guide, "Run a Job (.sync)" and the page of each integration; fact sync-child-failure-is-taskfailed)
- The result is the job as the service describes it; a job that failed fails its task as States.TaskFailed, with that
  description as the cause.
- A task that is given up (timeout, stop) stops its job.
- A job that is known by what the task names is not begun again after a crash. Others are, with the same idempotency
  token if the action has one.
- Adding a job is adding a row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from statemachine.errors import InvalidJsonError
from statemachine.jsonvalue import Json, load_json

Data = Mapping[str, Any]
Ids = Callable[[Data, Data], dict[str, Any]]
"""Of the task's parameters and of the response that began the job: the parameters of another action."""


@dataclass(frozen=True, slots=True)
class Job:
    """A row: what happens after the action that begins a job."""

    describe: str
    ids: Ids
    ended: Callable[[Data], bool | None]
    """Of the description: None while the job goes on, then whether it succeeded."""
    shown: Callable[[Data], Json]
    """The description in the response; None if it is not there yet."""
    stop: str | None = None
    stop_ids: Ids | None = None
    """None: the same as `ids`."""
    token: str | None = None
    """A parameter of the action that makes it idempotent, though the model does not mark it."""
    gone_ends: bool = False
    """What is deleted is not found any more: its last description is the result."""


def _names(*names: str, **renamed: str) -> Ids:
    """Members of the parameters or of the response, under their own or another name."""
    wanted = dict.fromkeys(names) | renamed

    def ids(given: Data, response: Data) -> dict[str, Any]:
        both = {**given, **response}
        return {name: both.get(source or name) for name, source in wanted.items()}

    return ids


def _listed(name: str, source: str, *others: str) -> Ids:
    """The same, with one id as a list."""

    def ids(given: Data, response: Data) -> dict[str, Any]:
        both = {**given, **response}
        return {name: [both.get(source)]} | {each: both[each] for each in others if each in both}

    return ids


def _at(*path: str) -> Callable[[Data], Any]:
    """The value at a path; the first element of a list; None if it is not there."""

    def find(value: Any) -> Any:
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
            if isinstance(value, list):
                value = value[0] if value else None
        return value

    return find


def _by(path: tuple[str, ...], succeeded: str, failed: str) -> Callable[[Data], bool | None]:
    """Told by a status at a path; statuses are listed with blanks between them."""
    find, good, bad = _at(*path), succeeded.split(), failed.split()

    def ended(shown: Data) -> bool | None:
        status = find(shown)
        return True if status in good else False if status in bad else None

    return ended


def _whole(response: Data) -> Json:
    return dict(response)


def _ecs_ended(task: Data) -> bool | None:
    """A task has succeeded if all its containers ended with 0 (developer guide, "Run Amazon ECS tasks")."""
    if task.get("LastStatus") != "STOPPED":
        return None
    containers = task.get("Containers") or []
    return bool(containers) and all(each.get("ExitCode") == 0 for each in containers)


def _ecs_started(given: Data, response: Data) -> dict[str, Any]:
    arn = _at("Tasks", "TaskArn")(response)
    return ({"Cluster": given["Cluster"]} if given.get("Cluster") is not None else {}) | {"Tasks": [arn]}


def _ecs_stopped(given: Data, response: Data) -> dict[str, Any]:
    ids = _ecs_started(given, response)
    return {**{name: each for name, each in ids.items() if name != "Tasks"}, "Task": ids["Tasks"][0]}


def _glue_stopped(given: Data, response: Data) -> dict[str, Any]:
    return {"JobName": given.get("JobName"), "JobRunIds": [response.get("JobRunId")]}


def _build(kind: str) -> Job:
    """A build, or a batch of builds: `kind` is the member that holds it."""
    find, find_all = _at(kind, "Id"), _at(f"{kind}s" if kind == "Build" else f"{kind}es")

    def shown(response: Data) -> Json:
        build = find_all(response)
        return None if build is None else {kind: build}

    return Job(
        f"batchGet{kind}s" if kind == "Build" else f"batchGet{kind}es",
        lambda _, response: {"Ids": [find(response)]},
        _by((kind, f"{kind}Status"), "SUCCEEDED", "FAILED FAULT TIMED_OUT STOPPED"),
        shown,
        f"stop{kind}",
        lambda _, response: {"Id": find(response)},
        token="IdempotencyToken",  # noqa: S106 - the name of a parameter
    )


def _eks(kind: str, key: str, *, deleted: bool = False) -> Job:
    """A part of EKS that is created or deleted; its status is told until it is gone."""
    names = {key: key} if kind == "Cluster" else {"ClusterName": "ClusterName", key: key}
    good, bad = ("DELETED", "DELETE_FAILED") if deleted else ("ACTIVE", "FAILED CREATE_FAILED DELETING")
    return Job(f"describe{kind}", _names(**names), _by((kind, "Status"), good, bad), _whole, gone_ends=deleted)


def _cluster_shown(response: Data) -> Json:
    cluster = response.get("Cluster")
    return None if cluster is None else {"Cluster": cluster, "ClusterId": cluster.get("Id")}


_EXECUTION: Final = (
    "Cause", "Error", "ExecutionArn", "Input", "InputDetails", "Name", "Output", "OutputDetails", "StartDate",
    "StateMachineArn", "Status", "StopDate",
)  # fmt: skip
"""What the result of startExecution.sync shows (recorded)."""


def _execution_shown(response: Data) -> Json:
    return {name: response[name] for name in _EXECUTION if response.get(name) is not None}


def read_texts(shown: Json) -> Json:
    """Input and Output of an execution as JSON data (fact sync2-output-is-json)."""
    found = dict(shown)
    for name in ("Input", "Output"):
        if isinstance(found.get(name), str):
            try:
                found[name] = load_json(found[name])
            except InvalidJsonError:
                continue
    return found


def _sagemaker(kind: str) -> Job:
    ended = _by((f"{kind}JobStatus",), "Completed", "Failed Stopped")
    return Job(f"describe{kind}Job", _names(f"{kind}JobName"), ended, _whole, f"stop{kind}Job")


_RUN: Final = ("JobRun", "State")
_APPLICATION: Final = ("Application", "State")
_FAILED_CLUSTER: Final = "TERMINATED_WITH_ERRORS"

JOBS: Final[Mapping[tuple[str, str], Job]] = {
    ("athena", "startQueryExecution"): Job(
        "getQueryExecution",
        _names("QueryExecutionId"),
        _by(("QueryExecution", "Status", "State"), "SUCCEEDED", "FAILED CANCELLED"),
        _whole,
        "stopQueryExecution",
    ),
    ("batch", "submitJob"): Job(
        "describeJobs",
        _listed("Jobs", "JobId"),
        _by(("Status",), "SUCCEEDED", "FAILED"),
        _at("Jobs"),
        "terminateJob",
        lambda _, response: {
            "JobId": response.get("JobId"),
            "Reason": "The task that was managing this job was aborted",
        },
    ),
    ("bedrock", "createModelCustomizationJob"): Job(
        "getModelCustomizationJob",
        _names(JobIdentifier="JobArn"),
        _by(("Status",), "Completed", "Failed Stopped"),
        _whole,
        "stopModelCustomizationJob",
    ),
    ("codebuild", "retryBuild"): _build("Build"),
    ("codebuild", "retryBuildBatch"): _build("BuildBatch"),
    ("codebuild", "startBuild"): _build("Build"),
    ("codebuild", "startBuildBatch"): _build("BuildBatch"),
    ("databrew", "startJobRun"): Job(
        "describeJobRun",
        _names("Name", "RunId"),
        _by(("State",), "SUCCEEDED", "FAILED STOPPED TIMEOUT"),
        _whole,
        "stopJobRun",
    ),
    ("ecs", "runTask"): Job("describeTasks", _ecs_started, _ecs_ended, _at("Tasks"), "stopTask", _ecs_stopped),
    ("eks", "createCluster"): _eks("Cluster", "Name"),
    ("eks", "createFargateProfile"): _eks("FargateProfile", "FargateProfileName"),
    ("eks", "createNodegroup"): _eks("Nodegroup", "NodegroupName"),
    ("eks", "deleteCluster"): _eks("Cluster", "Name", deleted=True),
    ("eks", "deleteFargateProfile"): _eks("FargateProfile", "FargateProfileName", deleted=True),
    ("eks", "deleteNodegroup"): _eks("Nodegroup", "NodegroupName", deleted=True),
    ("elasticmapreduce", "addStep"): Job(
        "describeStep",
        _names("ClusterId", "StepId"),
        _by(("Step", "Status", "State"), "COMPLETED", "CANCELLED FAILED INTERRUPTED"),
        _whole,
        "cancelSteps",
        _listed("StepIds", "StepId", "ClusterId"),
    ),
    ("elasticmapreduce", "createCluster"): Job(
        "describeCluster",
        _names("ClusterId"),
        _by(("Cluster", "Status", "State"), "WAITING RUNNING TERMINATED", f"TERMINATING {_FAILED_CLUSTER}"),
        _cluster_shown,
        "terminateJobFlows",
        _listed("JobFlowIds", "ClusterId"),
    ),
    ("elasticmapreduce", "terminateCluster"): Job(
        "describeCluster",
        _names("ClusterId"),
        _by(("Cluster", "Status", "State"), f"TERMINATED {_FAILED_CLUSTER}", ""),
        _whole,
    ),
    ("emr-containers", "createVirtualCluster"): Job(
        "describeVirtualCluster",
        _names(Id="Id"),
        _by(("VirtualCluster", "State"), "RUNNING", "TERMINATED ARRESTED"),
        _whole,
        "deleteVirtualCluster",
    ),
    ("emr-containers", "deleteVirtualCluster"): Job(
        "describeVirtualCluster",
        _names(Id="Id"),
        _by(("VirtualCluster", "State"), "TERMINATED", "ARRESTED"),
        _whole,
    ),
    ("emr-containers", "startJobRun"): Job(
        "describeJobRun",
        _names("VirtualClusterId", "Id"),
        _by(_RUN, "COMPLETED", "FAILED CANCELLED"),
        _whole,
        "cancelJobRun",
    ),
    ("emr-serverless", "cancelJobRun"): Job(
        "getJobRun", _names("ApplicationId", "JobRunId"), _by(_RUN, "CANCELLED SUCCESS FAILED", ""), _whole
    ),
    ("emr-serverless", "createApplication"): Job(
        "getApplication",
        _names("ApplicationId"),
        _by(_APPLICATION, "CREATED STARTED STOPPED", "TERMINATED"),
        _whole,
        "deleteApplication",
    ),
    ("emr-serverless", "deleteApplication"): Job(
        "getApplication", _names("ApplicationId"), _by(_APPLICATION, "TERMINATED", ""), _whole
    ),
    ("emr-serverless", "startApplication"): Job(
        "getApplication",
        _names("ApplicationId"),
        _by(_APPLICATION, "STARTED", "STOPPED TERMINATED"),
        _whole,
        "stopApplication",
    ),
    ("emr-serverless", "startJobRun"): Job(
        "getJobRun",
        _names("ApplicationId", "JobRunId"),
        _by(_RUN, "SUCCESS", "FAILED CANCELLED"),
        _whole,
        "cancelJobRun",
    ),
    ("emr-serverless", "stopApplication"): Job(
        "getApplication", _names("ApplicationId"), _by(_APPLICATION, "STOPPED CREATED", "TERMINATED"), _whole
    ),
    ("glue", "startJobRun"): Job(
        "getJobRun",
        _names("JobName", RunId="JobRunId"),
        _by(("JobRunState",), "SUCCEEDED", "FAILED STOPPED TIMEOUT ERROR EXPIRED"),
        _at("JobRun"),
        "batchStopJobRun",
        _glue_stopped,
    ),
    ("mediaconvert", "createJob"): Job(
        "getJob",
        lambda _, response: {"Id": _at("Job", "Id")(response)},
        _by(("Job", "Status"), "COMPLETE", "CANCELED ERROR"),
        _whole,
        "cancelJob",
    ),
    ("sagemaker", "createHyperParameterTuningJob"): _sagemaker("HyperParameterTuning"),
    ("sagemaker", "createLabelingJob"): _sagemaker("Labeling"),
    ("sagemaker", "createProcessingJob"): _sagemaker("Processing"),
    ("sagemaker", "createTrainingJob"): _sagemaker("Training"),
    ("sagemaker", "createTransformJob"): _sagemaker("Transform"),
    ("states", "startExecution"): Job(
        "describeExecution",
        _names("ExecutionArn"),
        _by(("Status",), "SUCCEEDED", "FAILED TIMED_OUT ABORTED"),
        _execution_shown,
        "stopExecution",
        token="Name",  # noqa: S106 - the name of a parameter
    ),
}
"""By the service and the action as a Resource names them."""
