from __future__ import annotations

import asyncio
import gzip
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from statemachine.errors import DATA_LIMIT_EXCEEDED, TaskError
from statemachine.integrations.base import BindingError, TaskContext
from statemachine.integrations.http import HttpClients, HttpHandler
from statemachine.integrations.registry import TaskRegistry
from statemachine.integrations.results import MAX_CAUSE_CHARS
from statemachine.jsonvalue import Json

NOW_MS = 1_700_000_000_000


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.release = threading.Event()
        self.asked = threading.Event()

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that a test breaks off is no news."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        self.server.asked.set()
        if self.path == "/hang":
            self.server.release.wait(60)
            self.close_connection = True
            return
        if self.path == "/drop":
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        status, headers, answer = self.server.answers.get(self.path, (200, {}, body))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "*")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.release.set()
        server.shutdown()
        thread.join()


def post(url: str, arguments: Json, context: TaskContext, **options: int) -> Json:
    async def perform() -> Json:
        clients = HttpClients()
        try:
            return await HttpHandler(url, clients, lambda: NOW_MS, **options).perform(arguments, context)
        finally:
            await clients.aclose()
            await clients.aclose()

    return asyncio.run(perform())


def failure(url: str, context: TaskContext, **options: int) -> TaskError:
    with pytest.raises(TaskError) as raised:
        post(url, {"n": 1}, context, **options)
    return raised.value


@pytest.mark.parametrize("value", [None, {"a": [1, "ü"]}, "text", 10**30])
def test_json_is_posted_and_answered(value: Json, server: Server, context: TaskContext) -> None:
    assert post(f"{server.url}/echo?x=1", value, context) == value
    path, headers, body = server.requests[0]
    assert path == "/echo?x=1"
    assert json.loads(body) == value
    assert headers["content-type"] == "application/json"
    assert headers["idempotency-key"] == "order-7/3"


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        ((204, {}, b""), None),
        ((200, {}, b""), None),
        ((200, {}, b" \n"), None),
        ((201, {"Content-Type": "text/plain"}, b'{"id": 1}'), {"id": 1}),
        ((200, {"Content-Encoding": "gzip"}, gzip.compress(b"[1]")), [1]),
    ],
)
def test_success_is_a_result(
    answer: tuple[int, dict[str, str], bytes], result: Json, server: Server, context: TaskContext
) -> None:
    server.answers["/x"] = answer
    assert post(f"{server.url}/x", {}, context) == result


@pytest.mark.parametrize(
    ("answer", "error", "cause"),
    [
        ((404, {}, b'{"message": "no order"}'), "States.Http.StatusCode.404", '{"message": "no order"}'),
        ((500, {}, b""), "States.Http.StatusCode.500", "Internal Server Error"),
        ((302, {"Location": "/echo"}, b"moved"), "States.Http.StatusCode.302", "moved"),
        ((503, {}, b"\xff busy"), "States.Http.StatusCode.503", "\ufffd busy"),
    ],
)
def test_another_status_is_an_error(
    answer: tuple[int, dict[str, str], bytes], error: str, cause: str, server: Server, context: TaskContext
) -> None:
    server.answers["/x"] = answer
    raised = failure(f"{server.url}/x", context)
    assert (raised.error, raised.cause) == (error, cause)
    assert len(server.requests) == 1


def test_what_is_no_json_is_an_error(server: Server, context: TaskContext) -> None:
    server.answers["/x"] = (200, {}, b"<html>hello")
    raised = failure(f"{server.url}/x", context)
    assert raised.error == "Http.InvalidResult"
    assert "It begins: <html>hello" in (raised.cause or "")


def test_answers_are_bounded(server: Server, context: TaskContext) -> None:
    server.answers["/big"] = (200, {}, b'"' + b"x" * 100_000 + b'"')
    assert failure(f"{server.url}/big", context, max_result_bytes=50_000).error == DATA_LIMIT_EXCEEDED
    server.answers["/fail"] = (400, {}, b"y" * 1_000_000)
    raised = failure(f"{server.url}/fail", context)
    assert (raised.error, len(raised.cause or "")) == ("States.Http.StatusCode.400", MAX_CAUSE_CHARS)


def test_no_answer_is_a_socket_error(
    server: Server, context: TaskContext, new_context: Callable[..., TaskContext]
) -> None:
    raised = failure(f"{server.url}/hang", new_context(deadline_ms=NOW_MS + 50))
    assert raised.error == "States.Http.Socket"
    assert "within 0.05 seconds" in (raised.cause or "")
    assert failure(f"{server.url}/drop", context).error == "States.Http.Socket"
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert failure(f"http://127.0.0.1:{unused.getsockname()[1]}/", context).error == "States.Http.Socket"


def test_cancellation_ends_the_request(server: Server, context: TaskContext) -> None:
    async def scenario() -> None:
        clients = HttpClients()
        work = asyncio.ensure_future(HttpHandler(f"{server.url}/hang", clients, lambda: NOW_MS).perform({}, context))
        assert await asyncio.to_thread(server.asked.wait, 60)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        await clients.aclose()

    asyncio.run(scenario())


def test_tasks_share_no_cookies(server: Server, context: TaskContext) -> None:
    server.answers["/x"] = (200, {"Set-Cookie": "session=1"}, b"1")

    async def twice() -> None:
        registry = TaskRegistry()
        handler = registry.handler_for(f"{server.url}/x")
        for _ in range(2):
            assert await handler.perform({}, context) == 1
        await registry.aclose()

    asyncio.run(twice())
    assert ["cookie" in headers for _, headers, _ in server.requests] == [False, False]


def test_a_registry_works_in_one_event_loop_after_another(server: Server, context: TaskContext) -> None:
    registry = TaskRegistry({"Charge": f"{server.url}/charge"})
    registry.prepare(["Charge"])

    async def once() -> Json:
        try:
            return await registry.handler_for("Charge").perform({"n": 1}, context)
        finally:
            await registry.aclose()

    assert asyncio.run(once()) == asyncio.run(once()) == {"n": 1}


@pytest.mark.parametrize("url", ["http://", "https:///path", "http://[::1", "http://a:port/"])
def test_what_is_no_url_is_refused_before_anything_runs(url: str) -> None:
    with pytest.raises(BindingError, match=r"no (URL|host)|is no handler"):
        TaskRegistry().prepare([url])


def test_without_httpx_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(BindingError, match=r"pip install 'asl-statemachine\[http\]'"):
        TaskRegistry().prepare(["https://localhost/charge"])
