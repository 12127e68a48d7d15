"""An AWS that is rehearsed: MiniStack behind the proxy, and the environment that leads there."""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from poster.local.emulator import Emulator
from poster.local.guard import token_header
from rehearsal.calls import EXECUTE_API, Call, call_in
from rehearsal.connections import Connections
from rehearsal.hosts import path_on_ministack
from rehearsal.proxy import Answer, Proxy, Request

REGION = "us-east-1"
_TIMEOUT_S = 60.0
_PATIENCE_S = 5.0  # an update waits so long for calls to end
_UPDATES = {"UpdateFunctionCode", "UpdateFunctionConfiguration"}
# Of one connection only; the other end has its own. MiniStack would look for a bucket in Host.
_OF_A_CONNECTION = {
    *("connection", "proxy-connection", "transfer-encoding", "keep-alive", "expect"),
    *("host", "content-length"),
}
_BUNDLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")

Forward = Callable[[Request], Answer]
Contrary = Callable[[Request, Call, Forward], Answer]


def as_ever(request: Request, call: Call, forward: Forward) -> Answer:
    """Answer as MiniStack does."""
    return forward(request)


class RehearsedAws:
    """An account in one region, as a context manager.

    ``contrary`` answers in MiniStack's stead, or passes on; ``calls`` are those that were made,
    each beside the command it was made by.
    """

    def __init__(self) -> None:
        self.contrary: Contrary = as_ever
        self.calls: list[tuple[str, Call]] = []
        self._emulator = Emulator(region=REGION)
        self._proxy = Proxy(self._answer)
        self._door = _Door()
        self._opened = ExitStack()
        self._bundle = Path()
        self._sams_own = Path()

    @property
    def refused(self) -> list[str]:
        """Return the hosts outside AWS that somebody asked for. It is a fault if there is one."""
        return self._proxy.refused

    def environment(self, command: str) -> dict[str, str]:
        """Return ours for somebody who is signed in behind the proxy; calls are ``command``'s."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "BOTO")) and name.upper() != "NO_PROXY"
        }
        return {
            **kept,
            **dict.fromkeys(_PROXIES, self._proxy.url(command)),
            **dict.fromkeys(_BUNDLES, str(self._bundle)),
            # MiniStack takes a key of twelve digits for an account number.
            "AWS_ACCESS_KEY_ID": "REHEARSED",
            "AWS_SECRET_ACCESS_KEY": "rehearsed",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "SAM_CLI_TELEMETRY": "0",
            "__SAM_CLI_APP_DIR": str(self._sams_own),
            "SAM_CLI_POLL_DELAY": "0.2",  # seconds; its 5 are for CloudFormation's request limits
        }

    def client(self, service: str) -> Any:
        """Return a client that goes past the proxy: the account as it is, and nobody's call."""
        return self._emulator.aws.client(service)

    def __enter__(self) -> RehearsedAws:
        with ExitStack() as opened:
            scratch = opened.enter_context(tempfile.TemporaryDirectory(prefix="rehearsal-"))
            self._bundle = Path(scratch) / "ca.pem"
            self._proxy.write_ca_bundle(self._bundle)
            self._sams_own = _asked_for_news(Path(scratch) / "sam")
            opened.enter_context(self._emulator)
            port = urlsplit(self._emulator.endpoint).port or 0
            self._connections = Connections(port, _TIMEOUT_S)
            opened.enter_context(self._proxy)
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def _answer(self, request: Request) -> Answer:
        call = call_in(request)
        self.calls.append((request.command, call))
        with self._door.passed_by(call):
            return self.contrary(request, call, self._forward)

    def _forward(self, request: Request) -> Answer:
        path = path_on_ministack(request.host, request.path)
        headers = {k: v for k, v in request.headers if k.lower() not in _OF_A_CONNECTION}
        headers |= token_header(self._emulator.aws.token)
        with self._connections.one() as connection:
            connection.request(request.method, path, request.body, headers)
            answer = connection.getresponse()
            body = answer.read()
        # The length stays: the answer to a HEAD has one, and no body.
        dropped = _OF_A_CONNECTION - {"content-length"}
        passed_on = tuple((k, v) for k, v in answer.getheaders() if k.lower() not in dropped)
        return Answer(answer.status, passed_on, body)


def _asked_for_news(folder: Path) -> Path:
    """Return a folder of SAM CLI's own: once a week it asks pypi.org for its newest version."""
    folder.mkdir()
    (folder / "metadata.json").write_text(json.dumps({"lastVersionCheck": time.time()}))
    return folder


class _Door:
    """Keeps callers out of a function while it is updated, as ``poster.local.door`` does.

    Lambda lets a call end on the code with which it began; MiniStack kills it.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._is_shut = False

    @contextmanager
    def passed_by(self, call: Call) -> Iterator[None]:
        """Let a caller in when the door is open; let an update in alone; let all else pass."""
        if call.service == EXECUTE_API:
            with self._changed:
                self._changed.wait_for(lambda: not self._is_shut)
                self._inside += 1
            try:
                yield
            finally:
                with self._changed:
                    self._inside -= 1
                    self._changed.notify_all()
        elif call.operation in _UPDATES:
            with self._changed:
                self._is_shut = True
                self._changed.wait_for(lambda: self._inside == 0, timeout=_PATIENCE_S)
            try:
                yield
            finally:
                with self._changed:
                    self._is_shut = False
                    self._changed.notify_all()
        else:
            yield
