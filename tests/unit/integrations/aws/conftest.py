"""AWS without a network: boto3 itself, with what it would send and receive in the test's hands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import botocore.session
import pytest
from aws_wire import Wire
from botocore.loaders import Loader

from statemachine.integrations.aws.boto import BotoCaller


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, f"{tmp_path}/none")
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture(scope="session")
def models() -> Loader:
    """The API models, each read once."""
    return Loader()


@pytest.fixture
def new_caller(wire: Wire, models: Loader) -> Callable[..., BotoCaller]:
    def make(**options: Any) -> BotoCaller:
        core = botocore.session.Session()
        core.register_component("data_loader", models)
        core.register("before-send", wire.receive)
        session = boto3.Session("key", "secret", region_name="eu-west-1", botocore_session=core)
        caller = BotoCaller(session, **options)
        caller._core = core
        return caller

    return make


@pytest.fixture
def caller(new_caller: Callable[..., BotoCaller]) -> BotoCaller:
    return new_caller()
