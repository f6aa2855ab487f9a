"""Every row of the table of jobs, held against the models of AWS's API; and how the ends are told."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.integrations.aws.base import Dialect
from statemachine.integrations.aws.boto import BotoCaller
from statemachine.integrations.aws.jobs import JOBS, read_texts
from statemachine.integrations.aws.names import member_name
from statemachine.integrations.aws.services import OPTIMIZED
from statemachine.program.integrations import OPTIMIZED as KNOWN

ROWS = sorted(JOBS)
NOT_PERFORMED = {("eks", "runJob")}
"""It is a call of Kubernetes, not of an AWS service."""


def test_there_is_a_row_for_every_sync_that_aws_has() -> None:
    wanted = {
        (service, action)
        for service, actions in KNOWN.items()
        for action, patterns in actions.items()
        if ".sync" in patterns
    }
    assert set(JOBS) == wanted - NOT_PERFORMED


IDS = (
    "ApplicationId", "ClusterId", "ClusterName", "ExecutionArn", "FargateProfileName", "HyperParameterTuningJobName",
    "Id", "JobArn", "JobId", "JobName", "JobRunId", "LabelingJobName", "Name", "NodegroupName", "ProcessingJobName",
    "QueryExecutionId", "RunId", "StepId", "TrainingJobName", "TransformJobName", "VirtualClusterId",
)  # fmt: skip
EVERYTHING: dict[str, Any] = dict.fromkeys(IDS, "id") | {
    "Tasks": [{"TaskArn": "id"}], "Build": {"Id": "id"}, "BuildBatch": {"Id": "id"}, "Job": {"Id": "id"},
}  # fmt: skip
"""Parameters and a response in which every id is there."""


@pytest.mark.parametrize("row", ROWS, ids=":".join)
def test_the_actions_of_a_row_take_its_ids(row: tuple[str, str], caller: BotoCaller) -> None:
    job = JOBS[row]
    service = OPTIMIZED[row[0]].service
    asked: list[tuple[str | None, dict[str, Any]]] = [(job.describe, job.ids(EVERYTHING, EVERYTHING))]
    asked.append((job.stop, (job.stop_ids or job.ids)(EVERYTHING, EVERYTHING)))
    for action, ids in asked:
        if action is not None:
            shape = caller._operation(service, action)[1].input_shape
            known = {member_name(name, Dialect.OPTIMIZED): member for name, member in shape.members.items()}
            required = {member_name(name, Dialect.OPTIMIZED) for name in shape.required_members}
            assert None not in ids.values()
            assert ids.keys() <= known.keys()
            assert required <= ids.keys()
            assert {name for name, value in ids.items() if isinstance(value, list)} == {
                name for name in ids if known[name].type_name == "list"
            }


@pytest.mark.parametrize("row", [row for row in ROWS if JOBS[row].token], ids=":".join)
def test_a_token_is_a_parameter_of_the_action(row: tuple[str, str], caller: BotoCaller) -> None:
    members = caller._operation(OPTIMIZED[row[0]].service, row[1])[1].input_shape.members
    assert JOBS[row].token in {member_name(name, Dialect.OPTIMIZED) for name in members}


def job(status: str, **more: Any) -> dict[str, Any]:
    return {"JobId": "1", "Status": status, **more}


def task(*exit_codes: int | None, status: str = "STOPPED") -> dict[str, Any]:
    containers = [{} if code is None else {"ExitCode": code} for code in exit_codes]
    return {"LastStatus": status, "Containers": containers}


@pytest.mark.parametrize(
    ("service", "action", "response", "ended"),
    [
        ("batch", "submitJob", {"Jobs": []}, "not there"),
        ("batch", "submitJob", {"Jobs": [job("RUNNING")]}, None),
        ("batch", "submitJob", {"Jobs": [job("SUCCEEDED")]}, True),
        ("batch", "submitJob", {"Jobs": [job("FAILED")]}, False),
        ("ecs", "runTask", {"Tasks": [task(status="RUNNING")]}, None),
        ("ecs", "runTask", {"Tasks": [task(0, 0)]}, True),
        ("ecs", "runTask", {"Tasks": [task(0, 3)]}, False),
        ("ecs", "runTask", {"Tasks": [task(None)]}, False),
        ("ecs", "runTask", {"Tasks": [task()]}, False),
        ("glue", "startJobRun", {"JobRun": {"JobRunState": "STOPPING"}}, None),
        ("glue", "startJobRun", {"JobRun": {"JobRunState": "TIMEOUT"}}, False),
        ("athena", "startQueryExecution", {"QueryExecution": {"Status": {"State": "SUCCEEDED"}}}, True),
        ("codebuild", "startBuild", {"Builds": [{"BuildStatus": "IN_PROGRESS"}]}, None),
        ("codebuild", "startBuild", {"Builds": [{"BuildStatus": "FAULT"}]}, False),
        ("sagemaker", "createTrainingJob", {"TrainingJobStatus": "Completed"}, True),
        ("elasticmapreduce", "addStep", {"Step": {"Status": {"State": "PENDING"}}}, None),
        ("elasticmapreduce", "createCluster", {"Cluster": {"Id": "c", "Status": {"State": "WAITING"}}}, True),
        ("states", "startExecution", {"Status": "TIMED_OUT"}, False),
    ],
)  # fmt: skip
def test_the_end_of_a_job(service: str, action: str, response: dict[str, Any], ended: bool | str | None) -> None:
    row = JOBS[service, action]
    shown = row.shown(response)
    assert (row.ended(shown) if shown is not None else "not there") is ended or (shown is None and ended == "not there")


@pytest.mark.parametrize(
    ("service", "action", "response", "shown"),
    [
        ("batch", "submitJob", {"Jobs": [job("SUCCEEDED")]}, job("SUCCEEDED")),
        ("codebuild", "startBuildBatch", {"BuildBatches": [{"Id": "b"}]}, {"BuildBatch": {"Id": "b"}}),
        ("glue", "startJobRun", {"JobRun": {"Id": "j"}}, {"Id": "j"}),
        ("elasticmapreduce", "createCluster", {"Cluster": {"Id": "c"}}, {"Cluster": {"Id": "c"}, "ClusterId": "c"}),
        ("states", "startExecution", {"Status": "SUCCEEDED", "RedriveCount": 0}, {"Status": "SUCCEEDED"}),
    ],
)
def test_what_a_job_shows(service: str, action: str, response: dict[str, Any], shown: dict[str, Any]) -> None:
    assert JOBS[service, action].shown(response) == shown


def test_texts_of_an_execution_are_read() -> None:
    assert read_texts({"Input": '{"a":1}', "Output": "no json", "Name": "{}"}) == {
        "Input": {"a": 1}, "Output": "no json", "Name": "{}",
    }  # fmt: skip
