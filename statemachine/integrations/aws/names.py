"""The names that AWS's SDKs for Java, and so Step Functions, give to services, members and errors.

Rules (aws-sdk-java-v2, codegen: NamingConversionUtils, DefaultNamingStrategy; recorded histories of AWS)
- A member is its name in the model with a capital first letter. In the ``aws-sdk:`` integrations a run of capitals at
  its beginning is lowered but for the first letter and the one that starts the next word: ``SSEKMSKeyId`` is
  ``SsekmsKeyId``, while ``ChecksumCRC32`` and ``ETag`` stay as they are.
- An error ends in ``Exception``: ``NoSuchKey`` is ``NoSuchKeyException``, ``ClusterNotFoundFault``
  ``ClusterNotFoundException``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from statemachine.integrations.aws.base import Dialect

_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z][a-zA-Z0-9])")
_ACRONYM: Final = re.compile(r"([A-Z]+)([A-Z][a-z])")
_AFTER_NUMBER: Final = re.compile(r"([0-9])([a-zA-Z])")
_VERSION: Final = re.compile(r"([^a-z]{2,})v([0-9]+)")
_VENDOR: Final = re.compile(r"^(?:AWS|Amazon)\s*|\s*Service$")


def _words(name: str) -> list[str]:
    text = re.sub(r"[^A-Za-z0-9]+", " ", name)
    text = _VERSION.sub(r"\1 v\2 ", text)
    text = " ".join(_CAMEL.split(text))
    text = _ACRONYM.sub(r"\1 \2", text)
    return _AFTER_NUMBER.sub(r"\1 \2", text).split()


def _pascal(name: str) -> str:
    return "".join(word[0].upper() + word[1:].lower() for word in _words(name))


def class_name(service_id: str) -> str:
    """The name of a service in errors of ``aws-sdk:`` integrations: ``DynamoDb``, ``SecretsManager``, ``S3``."""
    return _pascal(_VENDOR.sub("", service_id))


def resource_name(service_id: str) -> str:
    """How an ``aws-sdk:`` resource names a service: ``Secrets Manager`` is ``secretsmanager``."""
    return re.sub(r"[^a-z0-9]", "", _VENDOR.sub("", service_id).lower())


def action_name(operation: str) -> str:
    """How a resource names an operation: ``PutItem`` is ``putItem``."""
    return operation[0].lower() + operation[1:]


@lru_cache(maxsize=8192)
def member_name(name: str, dialect: Dialect) -> str:
    """How Step Functions names a member of a structure."""
    if dialect is Dialect.OPTIMIZED:
        return name[0].upper() + name[1:]
    end = 1
    while end < len(name) and name[end].isupper() and not name[end + 1 : end + 2].islower():
        end += 1
    return name[0].upper() + name[1:end].lower() + name[end:]


def exception_name(shape: str, dialect: Dialect) -> str:
    """The error name of an exception in a service's model, without the service."""
    stem = shape.removesuffix("Fault").removesuffix("Exception")
    return f"{_pascal(stem) if dialect is Dialect.SDK else stem}Exception"
