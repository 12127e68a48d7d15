"""MiniStack's process, behind a guard: ``python -m poster.local.ministack``.

It listens with what ``poster.local.guard`` lets through, and nothing else reaches it. The token is
in its environment, as AWS_SESSION_TOKEN; it hands that to the functions that it runs, so their own
calls pass too.
"""

from __future__ import annotations

import http.server
import json
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import ministack.app

from poster.local.guard import FORBIDDEN, refusal, refusal_without_token

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
            await _refuse(send, why)

    return guard


def _refusal(scope: _Message, token: str) -> str | None:
    headers = [
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
    ]
    query = scope["query_string"].decode("latin-1")
    return refusal_without_token(headers, scope["path"], query, token)


async def _refuse(send: _Send, why: str) -> None:
    # As AWS says it in its JSON protocols; clients that expect XML show the whole body.
    said = json.dumps({"__type": "AccessDeniedException", "message": why}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(said))]
    await send({"type": "http.response.start", "status": FORBIDDEN, "headers": headers})
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
    # MiniStack's main serves what its module calls ``app``.
    ministack.app.app = guarded(ministack.app.app, os.environ["AWS_SESSION_TOKEN"])
    ministack.app.main()
