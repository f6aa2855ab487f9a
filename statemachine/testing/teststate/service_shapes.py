"""What AWS's API models say about the results of operations: `schemas/service-shapes.json`, and checking against it.

The file is made by ``tools/make_service_shapes.py`` from botocore's models and is read when first needed:

    {"source": …, "aliases": {"sfn": "states", …},
     "services": {"kms": {
        "operations": {"Encrypt": "EncryptResponse", …},   output shape by operation
        "shapes": {"EncryptResponse": {"members": {"CiphertextBlob": "string 1..6144", "Keys": "[#Key"},
                                       "required": ["KeyId"]},
                   "KeySpec": {"enum": ["RSA_2048", …]}},
        "actions": {"addStep": "AddJobFlowSteps"},         actions not named like their operation (null: unchecked)
        "polled": {"startJobRun": "GetJobRun"}}}}          what ``.sync`` gets its result from

A member is ``string``, ``number`` or ``boolean``, perhaps with a range (of a length or a value), ``any``, ``#Name`` of
a structure or enumeration, ``[`` and a member for an array, ``{`` and a member for an object of such values.

Rules (facts teststate-strict-*)
- Times and binary data are strings. Members that the model does not know are accepted.
- Results carry Step Functions' names: PascalCase. Its own integrations keep runs of capitals (``MD5OfMessageBody``),
  those of the AWS SDK lower them (``SsekmsKeyId``); either is known here.
- Required members are checked before the members that are there; the first fault is reported.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from statemachine.definition.schema import schema_directory
from statemachine.jsonvalue import Json

_RUN: Final = re.compile(r"(?<=[A-Z])[A-Z]+(?=[A-Z][a-z])|(?<=[A-Z])[A-Z]+(?=[^a-zA-Z]|$)")
"""The capitals inside a run of capitals: all but its first, and but the one that starts the next word."""
_ARTICLES: Final = {"string": "a string", "number": "a number", "boolean": "a boolean"}


class ShapeError(Exception):
    """A result is not what the API returns; the message is AWS's."""


@dataclass(frozen=True, slots=True)
class OutputShape:
    """The output of an operation: a structure's name, and the shapes it is made of."""

    name: str
    shapes: dict[str, Any]

    def check(self, value: dict[str, Json], *, required: bool, free: frozenset[str] = frozenset()) -> None:
        """Check a result; with `required`, required members have to be there. `free` members of the result itself are
        not looked at. Raises ShapeError."""
        _Check(self.shapes, required).structure(value, self.shapes[self.name], free)


@lru_cache(maxsize=1)
def _document() -> dict[str, Any]:
    path = schema_directory() / "service-shapes.json"
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def output_shape(service: str, action: str, *, polled: bool = False) -> OutputShape | None:
    """The output of an action (``putItem``) of a service as a Resource names it, or, with `polled`, of what ``.sync``
    asks for its end. None if there is no such shape here, or nothing is returned."""
    document = _document()
    found = document["services"].get(document["aliases"].get(service, service))
    if found is None or not action:
        return None
    actions = found.get("polled", {}) if polled else found.get("actions", {})
    operation = actions.get(action, action[0].upper() + action[1:])
    name = found["operations"].get(operation)
    return None if name is None else OutputShape(name, found["shapes"])


class _Check:
    """Checks one value, part by part; depth is bounded by what the value was read with."""

    def __init__(self, shapes: dict[str, Any], required: bool) -> None:
        self._shapes = shapes
        self._required = required

    def structure(self, value: dict[str, Json], shape: dict[str, Any], free: frozenset[str] = frozenset()) -> None:
        if self._required:
            for name in shape.get("required", ()):
                if not any(known in value for known in _names(name)):
                    raise ShapeError(f"Required field '{_names(name)[0]}' is missing")
        members = {known: member for name, member in shape["members"].items() for known in _names(name)}
        for name, each in value.items():
            if name in members and name not in free:
                self._member(each, members[name], name)

    def _member(self, value: Json, member: str, field: str) -> None:
        match member[0]:
            case "#":
                self._named(value, self._shapes[member[1:]], field)
            case "[":
                if not isinstance(value, list):
                    raise ShapeError(f"Field '{field}' must be an array")
                for each in value:
                    self._member(each, member[1:], field)
            case "{":
                for each in _object(value, field).values():
                    self._member(each, member[1:], field)
            case _:
                kind, _, limits = member.partition(" ")
                if kind != "any":
                    _check_scalar(value, kind, limits, field)

    def _named(self, value: Json, shape: dict[str, Any], field: str) -> None:
        if "enum" not in shape:
            self.structure(_object(value, field), shape)
            return
        _check_scalar(value, "string", "", field)
        if value not in shape["enum"]:
            raise ShapeError(f"Field '{field}' is not an expected value")


def _object(value: Json, field: str) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise ShapeError(f"Field '{field}' must be an object")
    return value


def _check_scalar(value: Json, kind: str, limits: str, field: str) -> None:
    fits = {
        "string": isinstance(value, str),
        "number": isinstance(value, int | float) and not isinstance(value, bool),
        "boolean": isinstance(value, bool),
    }[kind]
    if not fits:
        raise ShapeError(f"Field '{field}' must be {_ARTICLES[kind]}")
    least, _, most = limits.partition("..")
    size = len(value) if kind == "string" else value
    if least and size < float(least):
        wording = "is smaller than the minimum length" if kind == "string" else "is less than the minimum value"
        raise ShapeError(f"Field '{field}' {wording}")
    if most and size > float(most):
        wording = "exceeds the maximum length" if kind == "string" else "exceeds the maximum value"
        raise ShapeError(f"Field '{field}' {wording}")


@lru_cache(maxsize=8192)
def _names(name: str) -> tuple[str, ...]:
    """How a member may be named in a result: in PascalCase, with and without runs of capitals."""
    pascal = name[0].upper() + name[1:]
    lowered = _RUN.sub(lambda run: run[0].lower(), pascal)
    return (pascal,) if lowered == pascal else (pascal, lowered)
