"""AwsCaller: the one interface through which AWS services are called, and what a call is made of.

Rules
- Services and actions are named as ``aws-sdk:`` resources name them: ``dynamodb``, ``sfn``; ``putItem``.
- Parameters and output are JSON data with the names that Step Functions uses. How they become an API call is the
  caller's matter, so that another caller can stand in without knowing the API's models.
- A call fails with one of the errors below and with no other; none of them holds credentials.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from statemachine.jsonvalue import Json


class Dialect(Enum):
    """How Step Functions writes an API's data: its own integrations are of another SDK than the ``aws-sdk:`` ones."""

    OPTIMIZED = "optimized"
    """Capitals as the API has them (``MD5OfMessageBody``), times in milliseconds since 1970, binary data as Base64."""
    SDK = "aws-sdk"
    """A leading run of capitals is lowered (``SsekmsKeyId``), times are ISO 8601, binary data is sent as JSON text."""


@dataclass(frozen=True, slots=True)
class AwsOperation:
    """An operation that can be called."""

    service_id: str
    """The service's name in its API model: ``DynamoDB``, ``Secrets Manager``."""


@dataclass(frozen=True, slots=True)
class AwsRequest:
    """One call of an operation."""

    service: str
    action: str
    parameters: Mapping[str, Json]
    dialect: Dialect = Dialect.SDK
    json_members: frozenset[str] = frozenset()
    """Members of text or binary type whose value is any JSON data; they are written, and read, as JSON text."""
    region: str | None = None
    """None: the region of the environment."""
    role_arn: str | None = None
    """The role to be assumed for the call."""
    client_token: str | None = None
    """What a member that the model marks as idempotency token gets if the parameters do not name it."""


@dataclass(frozen=True, slots=True)
class AwsResponse:
    """The response of an operation; structures have their members sorted, as AWS shows them."""

    output: dict[str, Json]
    status: int = 200
    request_id: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""


class AwsCallError(Exception):
    """A call failed."""


class ServiceError(AwsCallError):
    """The service answered with an error."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 400,
        request_id: str = "",
        extended_request_id: str | None = None,
        exception: str | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.request_id = request_id
        self.extended_request_id = extended_request_id
        self.exception = exception
        """The error's shape in the service's model; None if the model does not have it."""


class ClientError(AwsCallError):
    """No answer came: there are no credentials, or the service was not reached."""


class ParameterError(AwsCallError):
    """The parameters do not fit the operation; nothing was sent. `faults` are in AWS's words."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(", ".join(faults))
        self.faults = tuple(faults)


class RoleError(AwsCallError):
    """The role of the request cannot be assumed; nothing was sent. The text is AWS's."""


class AwsCaller(Protocol):
    """Calls AWS services. Called from several threads at a time."""

    def find(self, service: str, action: str) -> AwsOperation:
        """The operation, without calling it. Raises BindingError if it cannot be called, and says why."""

    def call(self, request: AwsRequest) -> AwsResponse:
        """Call an operation once. Raises an AwsCallError. Blocks."""
