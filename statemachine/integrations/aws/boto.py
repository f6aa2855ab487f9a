"""BotoCaller: calls AWS services with boto3, from the models that botocore brings along.

Rules
- boto3 is loaded when the first service is bound. Credentials, region and endpoints (``AWS_ENDPOINT_URL``,
  ``AWS_ENDPOINT_URL_SQS``) are found as boto3 finds them, and ``AWS_REGION`` counts as well.
- Parameters are checked by the service, not by boto3: its errors are the ones that AWS shows.
- One client for each service, region and role, at most `MAX_CLIENTS`. A role's clients are made anew before its
  credentials expire.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from statemachine.errors import TaskError
from statemachine.integrations.aws.base import (
    AwsCallError,
    AwsOperation,
    AwsRequest,
    AwsResponse,
    ClientError,
    ParameterError,
    RoleError,
    ServiceError,
)
from statemachine.integrations.aws.names import action_name, resource_name
from statemachine.integrations.aws.shapes import output_of, parameters_of
from statemachine.integrations.base import BindingError
from statemachine.timestamps import parse_timestamp_ms

MAX_CLIENTS: Final = 256
MAX_ROLES: Final = 256
ROLE_MARGIN_SECONDS: Final = 300.0
"""So long before they expire, a role's credentials are replaced."""
CONNECT_TIMEOUT_SECONDS: Final = 10
CONNECTIONS: Final = 64
"""Of each client: as many as tasks run at a time by default."""
SESSION_NAME: Final = "statemachine"

_UNLISTED: Final = {"directoryservicedata": "ds-data", "lexmodelsv2": "lexv2-models", "lexruntimev2": "lexv2-runtime"}
"""Services whose model botocore calls otherwise than its own list of aliases and their ids say."""
_USER: Final = re.compile(r"User: (\S+) ")


@dataclass(frozen=True, slots=True)
class _Credentials:
    key: str
    secret: str
    token: str
    expire_seconds: float
    """Since 1970."""


class BotoCaller:
    """An AwsCaller. `session` is a boto3 Session; None: one of the environment's. Raises BindingError without boto3."""

    def __init__(self, session: Any = None, *, now: Callable[[], float] = time.time) -> None:
        try:
            import boto3
            import botocore.session
        except ImportError:
            raise BindingError("AWS services need boto3: pip install 'asl-statemachine[aws]'") from None
        self._core = botocore.session.Session()
        self._session = session or boto3.Session(botocore_session=self._core)
        self._now = now
        self._lock = threading.RLock()
        self._models: dict[str, Any] = {}
        self._operations: dict[tuple[str, str], tuple[str, Any]] = {}
        self._clients: OrderedDict[tuple[str, str | None, str | None], tuple[Any, float]] = OrderedDict()
        self._roles: OrderedDict[tuple[str, str | None], _Credentials] = OrderedDict()

    def find(self, service: str, action: str) -> AwsOperation:
        """The operation of an action; its client is made as well, so that a missing region is found here."""
        from botocore.exceptions import BotoCoreError

        name, model = self._operation(service, action)
        try:
            self._client(name, None, None)
        except BotoCoreError as error:
            raise BindingError(f"there is no client for {service}: {error}") from None
        return AwsOperation(model.service_model.service_id)

    def call(self, request: AwsRequest) -> AwsResponse:
        """Call an operation once."""
        from botocore import xform_name

        name, model = self._operation(request.service, request.action)
        try:
            parameters = parameters_of(request, model.input_shape)
            client = self._client(name, request.region, request.role_arn)
            answer = getattr(client, xform_name(model.name))(**parameters)
            output = output_of(answer, model.output_shape, request)
        except (AwsCallError, TaskError):
            raise
        except RecursionError:
            raise ParameterError(["The value is nested too deeply"]) from None
        except Exception as error:  # botocore and what is below it raise many kinds
            raise _failure(error, model.service_model) from error
        metadata = answer.get("ResponseMetadata", {})
        return AwsResponse(
            output,
            metadata.get("HTTPStatusCode", 200),
            metadata.get("RequestId", ""),
            metadata.get("HTTPHeaders", {}),
        )

    # -- models ------------------------------------------------------------------------------------------------

    def _operation(self, service: str, action: str) -> tuple[str, Any]:
        """What botocore calls the service, and the operation's model. Raises BindingError."""
        with self._lock:
            found = self._operations.get((service, action))
            if found is None:
                found = self._operations[service, action] = self._find(service, action)
            return found

    def _find(self, service: str, action: str) -> tuple[str, Any]:
        from difflib import get_close_matches

        name = self._service(service)
        model = self._models[name]
        known = {action_name(each): each for each in model.operation_names}
        if action not in known:
            close = get_close_matches(action, known, 1)
            hint = f" (did you mean '{close[0]}'?)" if close else ""
            raise BindingError(f"the service {service} has no action {action}{hint}")
        operation = model.operation_model(known[action])
        if operation.has_event_stream_input or operation.has_event_stream_output:
            raise BindingError(f"{action} of {service} streams events; a task needs one response")
        return name, operation

    def _service(self, service: str) -> str:
        """What botocore calls a service. Its model says whether it is the one that is meant."""
        from difflib import get_close_matches

        from botocore.utils import EVENT_ALIASES

        known = {each: resource_name(each) for each in self._core.get_available_services()}
        named = {normal: name for name, normal in known.items()}
        aliases = {name: alias.replace("-", " ").title() for name, alias in EVENT_ALIASES.items() if name in known}
        named |= {resource_name(alias): name for name, alias in aliases.items()}
        named |= {alias: name for alias, name in _UNLISTED.items() if name in known}
        name: str | None = named.get(service)
        if name is not None:
            model = self._models.setdefault(name, self._core.get_service_model(name))
            if resource_name(model.service_id) == service:
                return name
            raise BindingError(f"there is no service {service} (did you mean '{resource_name(model.service_id)}'?)")
        close = get_close_matches(service, sorted(named), 1)
        hint = f" (did you mean '{close[0]}'?)" if close else ""
        raise BindingError(f"there is no service {service}{hint}")

    # -- clients -----------------------------------------------------------------------------------------------

    def _client(self, name: str, region: str | None, role_arn: str | None) -> Any:
        key = (name, region, role_arn)
        with self._lock:
            client, expire = self._clients.get(key, (None, 0.0))
            if client is not None and self._now() < expire:
                self._clients.move_to_end(key)
                return client
        credentials = None if role_arn is None else self._assumed(role_arn, region)
        with self._lock:  # a session makes one client at a time
            client = self._make(name, region, credentials)
            expire = float("inf") if credentials is None else credentials.expire_seconds - ROLE_MARGIN_SECONDS
            self._clients[key] = (client, expire)
            if len(self._clients) > MAX_CLIENTS:
                self._clients.popitem(last=False)
        return client

    def _make(self, name: str, region: str | None, credentials: _Credentials | None) -> Any:
        from botocore.config import Config

        secrets: dict[str, str] = {}
        if credentials is not None:
            secrets = {
                "aws_access_key_id": credentials.key,
                "aws_secret_access_key": credentials.secret,
                "aws_session_token": credentials.token,
            }
        config = Config(
            parameter_validation=False, connect_timeout=CONNECT_TIMEOUT_SECONDS, max_pool_connections=CONNECTIONS
        )
        chosen = region or self._session.region_name or os.environ.get("AWS_REGION")
        return self._session.client(name, region_name=chosen, config=config, **secrets)

    def _assumed(self, role_arn: str, region: str | None) -> _Credentials:
        """Credentials of a role. Raises RoleError."""
        key = (role_arn, region)
        with self._lock:
            found = self._roles.get(key)
        if found is not None and self._now() < found.expire_seconds - ROLE_MARGIN_SECONDS:
            return found
        parameters = {"RoleArn": role_arn, "RoleSessionName": SESSION_NAME}
        try:
            answer = self.call(AwsRequest("sts", "assumeRole", parameters, region=region)).output["Credentials"]
        except AwsCallError as error:
            raise RoleError(_not_assumed(role_arn, error)) from error
        found = _Credentials(
            answer["AccessKeyId"],
            answer["SecretAccessKey"],
            answer["SessionToken"],
            (parse_timestamp_ms(answer["Expiration"]) or 0) / 1000,
        )
        with self._lock:
            self._roles[key] = found
            if len(self._roles) > MAX_ROLES:
                self._roles.popitem(last=False)
        return found


def _not_assumed(role_arn: str, error: AwsCallError) -> str:
    """Fact credentials-not-assumable. Why is told where STS does not simply refuse."""
    user = _USER.search(str(error))
    who = user[1] if user else "of this process"
    text = f"The role {who} is not authorized to assume the task state's role, {role_arn}."
    refused = isinstance(error, ServiceError) and error.code == "AccessDenied"
    return text if refused else f"{text} {error}."


def _failure(error: Exception, model: Any) -> AwsCallError:
    from botocore.exceptions import ClientError as BotoError
    from botocore.exceptions import ConnectionError as Unreachable
    from botocore.exceptions import HTTPClientError

    if isinstance(error, BotoError):
        answer: Any = error.response
        told, metadata = answer.get("Error", {}), answer.get("ResponseMetadata", {})
        code = str(told.get("Code", "Unknown"))
        shape = model.shape_for_error_code(code) or model.shape_for_error_code(told.get("QueryErrorCode"))
        return ServiceError(
            code,
            str(told.get("Message") or told.get("message") or code),
            status=metadata.get("HTTPStatusCode", 400),
            request_id=metadata.get("RequestId", ""),
            extended_request_id=metadata.get("HostId") or None,
            exception=None if shape is None else shape.name,
        )
    text = str(error) or type(error).__name__
    unreached = isinstance(error, HTTPClientError | Unreachable)
    return ClientError(f"Unable to execute HTTP request: {text}" if unreached else text)
