"""``http://…`` and ``https://…``: a POST of the input as JSON; the JSON answer is the result.

Rules
- Needs the extra `http`; its absence is reported before anything runs. One client per event loop, made on first use.
- ``Idempotency-Key`` is the operation id: the same for every delivery of one attempt.
- 2xx: the body is the result, an empty one is null, one that is no JSON fails as Http.InvalidResult. Every other
  status, redirects too, fails as ``States.Http.StatusCode.404`` with the body as cause, as AWS names it (developer
  guide, "Call HTTPS APIs"); no answer at all is ``States.Http.Socket``.
- A task without TimeoutSeconds waits 60 seconds for an answer, as AWS's HTTP task does; with it, until its deadline.
- The answer is bounded: too much of it fails as States.DataLimitExceeded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from statemachine.errors import InvalidJsonError, TaskError
from statemachine.integrations.base import BindingError, TaskContext
from statemachine.integrations.results import MAX_CAUSE_CHARS, MAX_RESULT_BYTES, bounded, too_large
from statemachine.jsonvalue import Json, encode_json, load_json

if TYPE_CHECKING:
    import httpx

INVALID_RESULT: Final = "Http.InvalidResult"
SOCKET: Final = "States.Http.Socket"
STATUS_CODE: Final = "States.Http.StatusCode."
DEFAULT_TIMEOUT_SECONDS: Final = 60.0
CONNECT_TIMEOUT_SECONDS: Final = 10.0
_CAUSE_BYTES: Final = 4 * MAX_CAUSE_CHARS


class HttpClients:
    """The clients of a registry, one for each event loop that uses it. Raises BindingError without httpx."""

    def __init__(self) -> None:
        try:
            import httpx  # noqa: F401 - to know before anything runs
        except ModuleNotFoundError:
            raise BindingError("http tasks need httpx: pip install 'asl-statemachine[http]'") from None
        self._clients: dict[asyncio.AbstractEventLoop, httpx.AsyncClient] = {}

    def get(self) -> httpx.AsyncClient:
        """The running loop's client."""
        import httpx

        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            for other in [each for each in self._clients if each.is_closed()]:
                del self._clients[other]  # its connections went with the loop
            from http.cookiejar import CookieJar, DefaultCookiePolicy

            limits = httpx.Limits(max_connections=None, max_keepalive_connections=100)
            no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))  # tasks share nothing
            client = httpx.AsyncClient(limits=limits, follow_redirects=False, cookies=no_cookies)
            self._clients[loop] = client
        return client

    async def aclose(self) -> None:
        """Close the running loop's client. May be called twice."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()


class HttpHandler:
    """A TaskHandler that posts to one URL. Raises BindingError for what is no URL."""

    blocking = False

    def __init__(
        self,
        url: str,
        clients: HttpClients,
        now_ms: Callable[[], int],
        *,
        max_result_bytes: int = MAX_RESULT_BYTES,
    ) -> None:
        import httpx

        try:
            self._url = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise BindingError(f"'{url}' is no URL: {error}") from None
        if not self._url.host:
            raise BindingError(f"'{url}' names no host")
        self._clients = clients
        self._now_ms = now_ms
        self._max_result_bytes = max_result_bytes

    async def perform(self, arguments: Json, context: TaskContext) -> Json:
        """Post the input once."""
        import httpx

        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Idempotency-Key": context.operation_id,
        }
        seconds = self._seconds(context)
        timeout = httpx.Timeout(seconds, connect=min(seconds, CONNECT_TIMEOUT_SECONDS), pool=None)
        request = self._clients.get().stream(
            "POST", self._url, content=encode_json(arguments), headers=headers, timeout=timeout
        )
        try:
            async with asyncio.timeout(seconds), request as response:
                failed = not response.is_success
                body = await self._read(response, _CAUSE_BYTES if failed else self._max_result_bytes, cut=failed)
        except TimeoutError:
            raise TaskError(SOCKET, f"No answer from {self._url} within {seconds:g} seconds") from None
        except httpx.HTTPError as error:
            detail = str(error) or type(error).__name__
            raise TaskError(SOCKET, f"No answer from {self._url}: {detail}") from error
        if failed:
            text = body.decode("utf-8", "replace")
            raise bounded(TaskError(f"{STATUS_CODE}{response.status_code}", text or response.reason_phrase))
        return self._result(body)

    def _seconds(self, context: TaskContext) -> float:
        if context.deadline_ms is None:
            return DEFAULT_TIMEOUT_SECONDS
        return max(0.001, (context.deadline_ms - self._now_ms()) / 1000)

    async def _read(self, response: httpx.Response, limit: int, *, cut: bool) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > limit:
                if cut:
                    break
                raise too_large(self._url.scheme)
        return bytes(body[:limit])

    def _result(self, body: bytes) -> Json:
        if not body.strip():
            return None
        try:
            return load_json(body)
        except InvalidJsonError as error:
            start = body[:200].decode("utf-8", "replace")
            raise TaskError(
                INVALID_RESULT, f"{self._url} did not answer with JSON: {error}. It begins: {start}"
            ) from None
