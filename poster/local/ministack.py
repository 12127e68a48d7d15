"""MiniStack's process, behind a guard: ``python -m poster.local.ministack``.

It listens with what ``poster.local.guard`` lets through, and nothing else reaches it. The token is
in its environment, as AWS_SESSION_TOKEN; it hands that to the functions that it runs, so their own
calls pass too. One path more than AWS has is the fleet's: see ``poster.local.concurrency``; and one
header, with the request id that the fleet answers with and the function's log is to have.
"""

from __future__ import annotations

import asyncio
import http.server
import json
import os
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import ministack.app
import ministack.services.sts
from ministack.services import cloudwatch_logs, lambda_svc

from poster.local.concurrency import hold_versions_to_the_functions_limit, initialise
from poster.local.environments import keep_to_the_room
from poster.local.guard import FORBIDDEN, refusal, refusal_without_token
from poster.local.lambda_api import INITIALISE_PATH, REQUEST_ID_HEADER
from poster.local.room import end_without_room

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_App = Callable[[_Message, _Receive, _Send], Awaitable[None]]


def guarded(app: _App, token: str) -> _App:
    """Return the ASGI application that hands on to ``app`` what is not refused."""

    async def guard(scope: _Message, receive: _Receive, send: _Send) -> None:
        why = None if scope["type"] == "lifespan" else _refusal(scope, token)
        if why is None:
            await app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            # As AWS says it in its JSON protocols; clients that expect XML show the whole body.
            said = {"__type": "AccessDeniedException", "message": why}
            await _answer(send, FORBIDDEN, said)

    return guard


def initialising(app: _App) -> _App:
    """Return the application with the path that initialises environments."""

    async def either(scope: _Message, receive: _Receive, send: _Send) -> None:
        if scope.get("path") == INITIALISE_PATH:
            query = parse_qs(scope["query_string"].decode())
            (function,), (version,), (count,) = (
                query[name] for name in ("function", "version", "environments")
            )
            why_not = await asyncio.to_thread(initialise, function, version, int(count))
            await _answer(send, 200, {"why_not": why_not})
        else:
            await app(scope, receive, send)

    return either


def logging_as_answered(app: _App) -> _App:
    """Return the application whose functions log the request id that the fleet answers with."""
    answered: ContextVar[str] = ContextVar("answered", default="")
    execute = lambda_svc._execute_function_dispatch

    def executed(func: Any, config: Any, event: Any, request_id: str, started: float) -> Any:
        return execute(func, config, event, answered.get() or request_id, started)

    async def noting(scope: _Message, receive: _Receive, send: _Send) -> None:
        request_id = dict(scope.get("headers", ())).get(REQUEST_ID_HEADER.encode(), b"")
        answered.set(request_id.decode("latin-1"))
        await app(scope, receive, send)

    lambda_svc._execute_function_dispatch = executed
    return noting


def know_either_of_several_terms() -> None:
    """Let CloudWatch Logs filter by ``?a ?b``, a or b: `poster collect --by-logs` asks so."""
    matcher_of = cloudwatch_logs._compile_filter_pattern

    def either(pattern: str) -> Callable[[str], bool]:
        matchers = [matcher_of(term) for term in pattern.removeprefix("?").split(" ?")]
        return lambda message: any(matches(message) for matches in matchers)

    cloudwatch_logs._compile_filter_pattern = either


def _refusal(scope: _Message, token: str) -> str | None:
    headers = [
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
    ]
    query = scope["query_string"].decode("latin-1")
    return refusal_without_token(headers, scope["path"], query, token)


async def _answer(send: _Send, status: int, body: dict[str, Any]) -> None:
    said = json.dumps(body).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(said))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": said})


def guard_runtime_apis() -> None:
    """Let the Lambda runtime APIs, which MiniStack serves custom runtimes on, refuse pages too."""
    parse = http.server.BaseHTTPRequestHandler.parse_request

    def parse_and_refuse(self: http.server.BaseHTTPRequestHandler) -> bool:
        if not parse(self):
            return False
        why = refusal(self.headers.items())
        if why is not None:
            self.send_error(FORBIDDEN, why)
        return why is None

    http.server.BaseHTTPRequestHandler.parse_request = parse_and_refuse  # type: ignore[method-assign]


if __name__ == "__main__":
    guard_runtime_apis()
    hold_versions_to_the_functions_limit()
    know_either_of_several_terms()
    token = os.environ["AWS_SESSION_TOKEN"]
    # Whoever assumes a role here, as CDK does, has shown the token and goes on with it.
    ministack.services.sts._gen_session_token = lambda: token
    scratch = Path.cwd()
    keep_to_the_room(scratch)
    threading.Thread(target=end_without_room, args=[scratch], daemon=True).start()
    # MiniStack's main serves what its module calls ``app``.
    ministack.app.app = guarded(initialising(logging_as_answered(ministack.app.app)), token)
    ministack.app.main()
