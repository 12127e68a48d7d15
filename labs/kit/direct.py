"""The local AWS without a fleet: callers reach the emulator's own API Gateway.

For questions that a propagation model could only blur. An alias moves in an instant there.

MiniStack replaces a REST API whose routes change and gives it a new id, where AWS changes it in
place. A *door* stands in for the host name that would stay: it hands every call, unread, to the API
that is there.
"""

from __future__ import annotations

import http.client
import http.server
import threading
from urllib.parse import urlsplit

from poster.local.environment import LocalAws
from poster.local.guard import FORBIDDEN, refusal
from poster.local.target import LocalTarget, Propagation

_HOST = "127.0.0.1"
_TIMEOUT_S = 30.0
_PASSED_ON = ("Content-Type", "x-amzn-RequestId", "x-amzn-ErrorType")


class DirectTarget(LocalTarget):
    """An emulator and its door, which live as long as the ``with`` block."""

    def __init__(self) -> None:
        super().__init__(Propagation("instant"))
        self._door: _Door | None = None

    def reachable(self, api_endpoint: str) -> str:
        """Return where the door answers for the URL that AWS would; an account has one API here."""
        if self._door is None:
            self._door = _Door(self._emulator.aws)
            threading.Thread(target=self._door.serve_forever, name="door", daemon=True).start()
        return f"http://{_HOST}:{self._door.server_port}{urlsplit(api_endpoint).path}"

    def __enter__(self) -> DirectTarget:
        super().__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._door is not None:
            self._door.shutdown()
            self._door.server_close()
        super().__exit__(*exception)


class _Door(http.server.ThreadingHTTPServer):
    """Hands calls of /STAGE/PATH to the one REST API of the emulator."""

    daemon_threads = True

    def __init__(self, aws: LocalAws) -> None:
        super().__init__((_HOST, 0), _Handler)
        self.aws = aws
        self._apis = aws.client("apigateway")
        self._lock = threading.Lock()
        self._api_id: str | None = None

    def api_id(self, gone: str | None = None) -> str:
        """Return the id of the API; ``gone`` is one that has just been found missing."""
        with self._lock:
            if self._api_id in (None, gone):
                self._api_id = next(
                    (api["id"] for api in self._apis.get_rest_apis()["items"]), "none"
                )
            return str(self._api_id)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # callers keep their connections
    server: _Door

    def do_POST(self) -> None:
        """Hand the call on, and the answer back; a web page's is refused."""
        why = refusal(self.headers.items())
        if why is not None:
            self.send_error(FORBIDDEN, why)
        else:
            self._hand_on()

    def _hand_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        tried = self.server.api_id()
        status, headers, answer = self._forward(tried, body)
        # An API that is gone ran nothing, so asking the one in its place repeats nothing.
        if status == 404 and (current := self.server.api_id(gone=tried)) != tried:
            status, headers, answer = self._forward(current, body)
        self.send_response(status)
        for name in _PASSED_ON:
            if headers.get(name):
                self.send_header(name, headers[name])
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _forward(self, api_id: str, body: bytes) -> tuple[int, http.client.HTTPMessage, bytes]:
        stage, _, path = self.path.lstrip("/").partition("/")
        url = urlsplit(self.server.aws.invoke_url(api_id, stage, f"/{path}"))
        connection = http.client.HTTPConnection(_HOST, url.port, timeout=_TIMEOUT_S)
        try:
            connection.request("POST", url.path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: every call is in the history."""
