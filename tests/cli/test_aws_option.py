"""``--aws``: boto3 as it is, with an endpoint on this machine in the place of AWS."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cli_runs import Command

GET = """\
StartAt: Get
States:
  Get:
    Type: Task
    Resource: arn:aws:states:::dynamodb:getItem
    Parameters: {TableName: T, Key: {id: {S: "1"}}}
    ResultSelector: {item.$: $.Item}
    End: true
"""


class _Table(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"Item": {"id": {"S": "1"}}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[None]:
    """AWS, as far as these tests call it."""
    (folder / "get.asl.yaml").write_text(GET)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Table)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(folder / "none"))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    yield
    server.shutdown()
    serving.join()
    server.server_close()


@pytest.mark.usefixtures("aws")
def test_aws_performs_what_nothing_else_is_bound_to(command: Command) -> None:
    ran = command("run", "get.asl.yaml", "--aws")
    assert (ran.status, ran.json) == (0, {"item": {"id": {"S": "1"}}})


@pytest.mark.usefixtures("aws")
def test_a_tasks_file_says_it_too_and_comes_first(command: Command) -> None:
    Path("aws.yaml").write_text("arn:aws:states:::dynamodb:*: aws\n")
    assert command("run", "get.asl.yaml", "--tasks", "aws.yaml").json == {"item": {"id": {"S": "1"}}}
    Path("own.py").write_text("def get(value):\n    return {'Item': 'mine'}\n")
    Path("own.yaml").write_text("arn:aws:states:::dynamodb:getItem: python:own:get\n")
    assert command("run", "get.asl.yaml", "--tasks", "own.yaml", "--aws").json == {"item": "mine"}


@pytest.mark.usefixtures("aws")
def test_without_the_option_nothing_is_called(command: Command) -> None:
    ran = command("run", "get.asl.yaml")
    assert ran.status == 2
    assert "no handler is bound to:\n  arn:aws:states:::dynamodb:getItem\n" in ran.err
    assert "--aws" in ran.err


@pytest.mark.usefixtures("aws")
def test_a_missing_region_is_told_before_anything_runs(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.delenv("AWS_REGION", raising=False)
    ran = command("run", "get.asl.yaml", "--aws")
    assert ran.status == 2
    assert "arn:aws:states:::dynamodb:getItem: there is no client for dynamodb" in ran.err
    assert command("list", "--json").json["executions"] == []


@pytest.mark.usefixtures("aws")
def test_resume_remembers_the_option(command: Command) -> None:
    from statemachine.cli.binding import Bindings, Given, bindings_source

    stored = bindings_source(Given(aws=True), Path.cwd())
    assert Bindings.of(stored).aws
    assert not Bindings.of(bindings_source(Given(), Path.cwd())).aws
    assert Bindings.of(stored).registry().missing(["arn:aws:states:::dynamodb:getItem"]) == ()
