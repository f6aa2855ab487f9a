"""Tasks that AWS services perform: ``arn:aws:states:::SERVICE:ACTION`` and ``arn:aws:states:::aws-sdk:SERVICE:ACTION``.

- base.py: `AwsCaller`, the one interface through which every service is called, and what a call is made of.
- names.py: the names that AWS's Java SDKs, and so Step Functions, give to services, members and errors.
- services.py: the optimized integrations, and which action a Resource names.
- jobs.py: what ``.sync`` asks until a job has ended, and how a job is stopped.
- tasks.py: `AwsTask`, the handler.
- shapes.py and boto.py: `BotoCaller`, which calls with boto3 and knows every operation from botocore's models.
"""

from statemachine.integrations.aws.base import (
    AwsCaller,
    AwsOperation,
    AwsRequest,
    AwsResponse,
    ClientError,
    Dialect,
    ParameterError,
    RoleError,
    ServiceError,
)

__all__ = [
    "AwsCaller",
    "AwsOperation",
    "AwsRequest",
    "AwsResponse",
    "ClientError",
    "Dialect",
    "ParameterError",
    "RoleError",
    "ServiceError",
]
