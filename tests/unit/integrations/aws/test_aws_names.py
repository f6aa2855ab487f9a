from __future__ import annotations

import pytest

from statemachine.integrations.aws.base import Dialect
from statemachine.integrations.aws.names import class_name, exception_name, member_name, resource_name


@pytest.mark.parametrize(
    ("service_id", "in_errors", "in_resources"),
    [
        ("DynamoDB", "DynamoDb", "dynamodb"),
        ("SFN", "Sfn", "sfn"),
        ("S3", "S3", "s3"),
        ("EC2", "Ec2", "ec2"),
        ("KMS", "Kms", "kms"),
        ("IoT", "Iot", "iot"),
        ("Secrets Manager", "SecretsManager", "secretsmanager"),
        ("CloudWatch Logs", "CloudWatchLogs", "cloudwatchlogs"),
        ("EventBridge", "EventBridge", "eventbridge"),
        ("Config Service", "Config", "config"),
        ("SESv2", "SesV2", "sesv2"),
        ("Elastic Load Balancing v2", "ElasticLoadBalancingV2", "elasticloadbalancingv2"),
    ],
)
def test_a_service_is_named_as_in_the_java_sdk(service_id: str, in_errors: str, in_resources: str) -> None:
    assert class_name(service_id) == in_errors
    assert resource_name(service_id) == in_resources


@pytest.mark.parametrize(
    ("member", "optimized", "sdk"),
    [
        ("jobName", "JobName", "JobName"),
        ("ETag", "ETag", "ETag"),
        ("ACL", "ACL", "Acl"),
        ("SSEKMSKeyId", "SSEKMSKeyId", "SsekmsKeyId"),
        ("ChecksumCRC32", "ChecksumCRC32", "ChecksumCRC32"),
        ("MD5OfMessageBody", "MD5OfMessageBody", "Md5OfMessageBody"),
        ("DBInstanceArn", "DBInstanceArn", "DbInstanceArn"),
        ("VPCs", "VPCs", "VpCs"),
    ],
)
def test_a_member_is_named_in_pascal_case(member: str, optimized: str, sdk: str) -> None:
    assert member_name(member, Dialect.OPTIMIZED) == optimized
    assert member_name(member, Dialect.SDK) == sdk


@pytest.mark.parametrize(
    ("shape", "optimized", "sdk"),
    [
        ("NoSuchKey", "NoSuchKeyException", "NoSuchKeyException"),
        ("ResourceNotFoundException", "ResourceNotFoundException", "ResourceNotFoundException"),
        ("KMSInvalidStateException", "KMSInvalidStateException", "KmsInvalidStateException"),
        ("DBInstanceNotFoundFault", "DBInstanceNotFoundException", "DbInstanceNotFoundException"),
    ],
)
def test_an_error_ends_in_exception(shape: str, optimized: str, sdk: str) -> None:
    assert exception_name(shape, Dialect.OPTIMIZED) == optimized
    assert exception_name(shape, Dialect.SDK) == sdk
