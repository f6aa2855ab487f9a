"""Writes schemas/service-shapes.json: the output shapes of AWS operations that Task states call.

    python -m pip install botocore==1.41.5 && python tools/make_service_shapes.py

botocore publishes the API models of AWS as data; from it come names, types, required members, enumerations and the
ranges of texts and numbers, nothing else. To know one more integration, add it to SERVICES (or an operation to it) and
run this again. The format is described in statemachine/testing/teststate/service_shapes.py, which reads the file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import botocore
import botocore.session

TARGET = Path(__file__).parents[1] / "schemas" / "service-shapes.json"

SCALARS = {
    "string": "string", "character": "string", "timestamp": "string", "blob": "string", "boolean": "boolean",
    "integer": "number", "long": "number", "float": "number", "double": "number", "bigdecimal": "number",
    "biginteger": "number",
}  # fmt: skip

EVERY: tuple[str, ...] = ()
"""All operations of the service."""

SERVICES: dict[str, tuple[str, tuple[str, ...]]] = {
    # name in a Resource: service in botocore, operations
    "athena": ("athena", (
        "GetQueryExecution", "GetQueryResults", "StartQueryExecution", "StopQueryExecution")),
    "batch": ("batch", ("DescribeJobs", "ListJobs", "SubmitJob", "TerminateJob")),
    "bedrock": ("bedrock", ("CreateModelCustomizationJob", "GetModelCustomizationJob")),
    "bedrockruntime": ("bedrock-runtime", ("ApplyGuardrail", "Converse", "InvokeModel")),
    "cloudformation": ("cloudformation", (
        "CreateStack", "DeleteStack", "DescribeStacks", "ListStacks", "UpdateStack")),
    "cloudwatch": ("cloudwatch", ("DescribeAlarms", "GetMetricData", "GetMetricStatistics", "PutMetricData")),
    "cloudwatchlogs": ("logs", (
        "CreateLogGroup", "CreateLogStream", "DescribeLogGroups", "DescribeLogStreams", "FilterLogEvents",
        "GetLogEvents", "GetQueryResults", "PutLogEvents", "StartQuery")),
    "codebuild": ("codebuild", ("BatchGetBuilds", "StartBuild", "StopBuild")),
    "comprehend": ("comprehend", ("DetectDominantLanguage", "DetectEntities", "DetectKeyPhrases", "DetectSentiment")),
    "databrew": ("databrew", ("DescribeJobRun", "StartJobRun")),
    "dynamodb": ("dynamodb", (
        "BatchExecuteStatement", "BatchGetItem", "BatchWriteItem", "CreateTable", "DeleteItem", "DeleteTable",
        "DescribeTable", "ExecuteStatement", "GetItem", "ListTables", "PutItem", "Query", "Scan", "TransactGetItems",
        "TransactWriteItems", "UpdateItem")),
    "ec2": ("ec2", ("StartInstances", "StopInstances", "TerminateInstances")),
    "ecr": ("ecr", ("DescribeImages", "DescribeRepositories", "ListImages")),
    "ecs": ("ecs", (
        "DescribeServices", "DescribeTasks", "ListTasks", "RunTask", "StopTask", "UpdateService")),
    "elasticmapreduce": ("emr", (
        "AddJobFlowSteps", "CancelSteps", "DescribeCluster", "DescribeStep", "ListClusters", "ListSteps",
        "ModifyInstanceFleet", "ModifyInstanceGroups", "RunJobFlow", "SetTerminationProtection", "TerminateJobFlows")),
    "emr-containers": ("emr-containers", (
        "CreateVirtualCluster", "DeleteVirtualCluster", "DescribeJobRun", "DescribeVirtualCluster", "StartJobRun")),
    "emr-serverless": ("emr-serverless", (
        "CancelJobRun", "CreateApplication", "DeleteApplication", "GetApplication", "GetJobRun", "StartApplication",
        "StartJobRun", "StopApplication")),
    "events": ("events", EVERY),
    "firehose": ("firehose", ("PutRecord", "PutRecordBatch")),
    "glue": ("glue", (
        "BatchStopJobRun", "GetCrawler", "GetJob", "GetJobRun", "GetJobRuns", "StartCrawler", "StartJobRun")),
    "iam": ("iam", ("CreateUser", "GetRole", "GetUser", "ListRoles", "ListUsers")),
    "kinesis": ("kinesis", ("DescribeStreamSummary", "GetRecords", "ListStreams", "PutRecord", "PutRecords")),
    "kms": ("kms", EVERY),
    "lambda": ("lambda", (
        "CreateFunction", "DeleteFunction", "GetFunction", "GetFunctionConfiguration", "Invoke", "ListFunctions",
        "PublishVersion", "UpdateAlias", "UpdateFunctionCode", "UpdateFunctionConfiguration")),
    "mediaconvert": ("mediaconvert", ("CancelJob", "CreateJob", "GetJob")),
    "rdsdata": ("rds-data", (
        "BatchExecuteStatement", "BeginTransaction", "CommitTransaction", "ExecuteStatement", "RollbackTransaction")),
    "redshiftdata": ("redshift-data", (
        "BatchExecuteStatement", "CancelStatement", "DescribeStatement", "ExecuteStatement", "GetStatementResult")),
    "rekognition": ("rekognition", ("DetectLabels", "DetectModerationLabels", "DetectText")),
    "s3": ("s3", (
        "AbortMultipartUpload", "CompleteMultipartUpload", "CopyObject", "CreateBucket", "CreateMultipartUpload",
        "DeleteBucket", "DeleteObject", "DeleteObjects", "GetBucketLocation", "GetBucketTagging", "GetObject",
        "GetObjectAttributes", "GetObjectTagging", "HeadBucket", "HeadObject", "ListBuckets", "ListObjects",
        "ListObjectsV2", "ListObjectVersions", "PutObject", "PutObjectTagging", "UploadPart")),
    "sagemaker": ("sagemaker", (
        "CreateEndpoint", "CreateEndpointConfig", "CreateHyperParameterTuningJob", "CreateLabelingJob", "CreateModel",
        "CreateProcessingJob", "CreateTrainingJob", "CreateTransformJob", "DescribeEndpoint",
        "DescribeHyperParameterTuningJob", "DescribeProcessingJob", "DescribeTrainingJob", "DescribeTransformJob",
        "UpdateEndpoint")),
    "secretsmanager": ("secretsmanager", (
        "CreateSecret", "DescribeSecret", "GetRandomPassword", "GetSecretValue", "ListSecrets", "PutSecretValue",
        "RotateSecret", "UpdateSecret")),
    "ses": ("ses", ("SendEmail", "SendTemplatedEmail")),
    "sesv2": ("sesv2", ("SendBulkEmail", "SendEmail")),
    "sns": ("sns", EVERY),
    "sqs": ("sqs", EVERY),
    "ssm": ("ssm", (
        "DeleteParameter", "DescribeInstanceInformation", "GetCommandInvocation", "GetParameter", "GetParameters",
        "GetParametersByPath", "PutParameter", "SendCommand", "StartAutomationExecution")),
    "states": ("stepfunctions", EVERY),
    "sts": ("sts", EVERY),
    "textract": ("textract", ("AnalyzeDocument", "DetectDocumentText", "GetDocumentTextDetection",
                              "StartDocumentTextDetection")),
    "transcribe": ("transcribe", ("GetTranscriptionJob", "StartTranscriptionJob")),
    "translate": ("translate", ("TranslateText",)),
}  # fmt: skip

ALIASES = {"emr": "elasticmapreduce", "eventbridge": "events", "sfn": "states"}
"""Names of ``aws-sdk:`` integrations for services that have an optimised integration of another name."""

RENAMED = {
    "elasticmapreduce": {
        "addStep": "AddJobFlowSteps", "cancelStep": "CancelSteps", "createCluster": "RunJobFlow",
        "modifyInstanceFleetByName": "ModifyInstanceFleet", "modifyInstanceGroupByName": "ModifyInstanceGroups",
        "setClusterTerminationProtection": "SetTerminationProtection", "terminateCluster": "TerminateJobFlows",
    },
    "bedrock": {"invokeModel": None},
}  # fmt: skip
"""Actions of optimised integrations that are not named like the operation, or whose result is not the operation's."""

POLLED = {
    "athena": {"startQueryExecution": "GetQueryExecution"},
    "batch": {"submitJob": "DescribeJobs"},
    "bedrock": {"createModelCustomizationJob": "GetModelCustomizationJob"},
    "codebuild": {"startBuild": "BatchGetBuilds"},
    "databrew": {"startJobRun": "DescribeJobRun"},
    "ecs": {"runTask": "DescribeTasks"},
    "elasticmapreduce": {
        "addStep": "DescribeStep", "createCluster": "DescribeCluster", "terminateCluster": "DescribeCluster"},
    "emr-containers": {
        "createVirtualCluster": "DescribeVirtualCluster", "deleteVirtualCluster": "DescribeVirtualCluster",
        "startJobRun": "DescribeJobRun"},
    "emr-serverless": {
        "createApplication": "GetApplication", "deleteApplication": "GetApplication",
        "startApplication": "GetApplication", "startJobRun": "GetJobRun", "stopApplication": "GetApplication"},
    "glue": {"startJobRun": "GetJobRun"},
    "mediaconvert": {"createJob": "GetJob"},
    "sagemaker": {
        "createHyperParameterTuningJob": "DescribeHyperParameterTuningJob",
        "createProcessingJob": "DescribeProcessingJob", "createTrainingJob": "DescribeTrainingJob",
        "createTransformJob": "DescribeTransformJob"},
    "states": {"startExecution": "DescribeExecution"},
}  # fmt: skip
"""What ``.sync`` asks until the job is done: its response is the task's result."""


PRUNED = frozenset({
    "CodeGenConfigurationNode",  # glue: a visual job's graph
    "HyperParameterTrainingJobDefinition", "HyperParameterTuningJobConfig",  # sagemaker
    "ProductionVariantSummary", "PendingDeploymentSummary", "ExplainerConfig",  # sagemaker
    "JobSettings",  # mediaconvert
})  # fmt: skip
"""Large shapes that echo what the caller sent: anything is accepted in their place."""


class Shapes:
    """Collects the structures and enumerations that a service's outputs use; everything else is written in place."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}

    def refer(self, shape: Any) -> str:
        """How a member names its shape."""
        kind = shape.type_name
        if shape.name in PRUNED or getattr(shape, "is_document_type", False):
            return "any"
        if kind == "list":
            return f"[{self.refer(shape.member)}"
        if kind == "map":
            return f"{{{self.refer(shape.value)}"
        if kind in SCALARS:
            return self._scalar(shape, SCALARS[kind])
        assert kind == "structure", kind
        if shape.name not in self.found:
            self.found[shape.name] = entry = {"members": {}}  # found before its members: shapes contain themselves
            entry["members"] |= {name: self.refer(each) for name, each in shape.members.items()}
            if shape.required_members:
                entry["required"] = list(shape.required_members)
        return f"#{shape.name}"

    def _scalar(self, shape: Any, kind: str) -> str:
        enum = shape.metadata.get("enum")
        if enum:
            self.found[shape.name] = {"enum": list(enum)}
            return f"#{shape.name}"
        least, most = shape.metadata.get("min", ""), shape.metadata.get("max", "")
        if kind == "string" and least == 0:
            least = ""
        return kind if kind == "boolean" or least == most == "" else f"{kind} {least}..{most}"


def service(name: str, source: str, operations: tuple[str, ...]) -> dict[str, Any]:
    model = botocore.session.get_session().get_service_model(source)
    shapes, outputs = Shapes(), {}
    for operation in operations or model.operation_names:
        output = model.operation_model(operation).output_shape
        if output is not None:
            outputs[operation] = shapes.refer(output).removeprefix("#")
    entry: dict[str, Any] = {"operations": outputs, "shapes": shapes.found}
    if name in RENAMED:
        entry["actions"] = RENAMED[name]
    if name in POLLED:
        entry["polled"] = POLLED[name]
    return entry


def main() -> None:
    document = {
        "source": f"botocore {botocore.__version__}, by tools/make_service_shapes.py",
        "aliases": ALIASES,
        "services": {name: service(name, *each) for name, each in sorted(SERVICES.items())},
    }
    for name, each in document["services"].items():
        size = len(json.dumps(each, separators=(",", ":")))
        print(f"{name:20} {len(each['operations']):3} {size:7}", file=sys.stderr)
    lines = [
        '{"source": ' + json.dumps(document["source"]) + ",",
        '"aliases": ' + json.dumps(ALIASES, separators=(",", ":")) + ",",
        '"services": {',
        ",\n".join(
            f"{json.dumps(name)}: " + json.dumps(each, separators=(",", ":"))
            for name, each in document["services"].items()
        ),
        "}}",
    ]
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
