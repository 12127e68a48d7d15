"""A forward proxy that ends TLS itself: it reads every request and gives every answer.

Clients are led to it by HTTPS_PROXY and trust its certificate authority by AWS_CA_BUNDLE. Each
host gets a certificate when it is first asked for. What to answer is the caller's to say.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import http.server
import ssl
import threading
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import trustme

from rehearsal.hosts import is_aws

Headers = tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """A request as a host of AWS's would get it."""

    command: str  # the user that the proxy was told: what is rehearsed
    method: str
    host: str
    path: str  # with the query
    headers: Headers
    body: bytes

    def header(self, name: str) -> str:
        """Return a header's value, empty where it was not sent."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    headers: Headers
    body: bytes


class Proxy(http.server.ThreadingHTTPServer):
    """Serves on a port of loopback while the ``with`` block runs."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, answer: Callable[[Request], Answer]) -> None:
        super().__init__(("127.0.0.1", 0), _Tunnel)
        self.answer = answer
        self.refused: list[str] = []  # hosts that were asked for and are none of AWS's
        self._authority = trustme.CA()
        self.context_for = functools.cache(self._context_for)

    def url(self, command: str) -> str:
        """Return where clients find it; ``command`` is the user that they say they are."""
        user = urllib.parse.quote(command, safe="")
        return f"http://{user}:x@127.0.0.1:{self.server_port}"

    def write_ca_bundle(self, path: Path) -> None:
        """Write the one certificate that clients are to trust."""
        self._authority.cert_pem.write_to_path(str(path))

    def _context_for(self, host: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(host).configure_cert(context)
        return context

    def __enter__(self) -> Proxy:
        threading.Thread(target=self.serve_forever, args=(0.05,), name="proxy", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Quiet(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: every call is written down elsewhere."""


class _Tunnel(_Quiet):
    """The first words on a connection: which host is it for?"""

    def do_CONNECT(self) -> None:
        """Answer for a host of AWS's; refuse any other."""
        host = self.path.rpartition(":")[0].lower()
        self.close_connection = True
        if not is_aws(host):
            self._refuse(host)
            return
        self.send_response(200)
        self.end_headers()
        try:
            secured = self.server.context_for(host).wrap_socket(self.connection, server_side=True)
        except OSError:  # a client that went away, or trusts somebody else
            return
        with secured:
            _Requests(self._command(), host, secured, self.client_address, self.server)

    def _command(self) -> str:
        said = self.headers.get("Proxy-Authorization", "").removeprefix("Basic ")
        return urllib.parse.unquote(base64.b64decode(said).decode().partition(":")[0])

    def do_GET(self) -> None:
        """Refuse: nothing that is rehearsed speaks without TLS."""
        self._refuse(self.path)

    do_POST = do_PUT = do_HEAD = do_DELETE = do_PATCH = do_GET

    def _refuse(self, asked_for: str) -> None:
        self.server.refused.append(asked_for)
        self.send_error(403, "only hosts of AWS are rehearsed here")


class _Requests(_Quiet):
    """The requests on a connection to one host, until it is closed."""

    def __init__(self, command: str, host: str, *arguments: object) -> None:
        self._rehearsed = command
        self._host = host
        super().__init__(*arguments)  # type: ignore[arg-type]

    def handle(self) -> None:
        """Serve until the client hangs up."""
        try:
            super().handle()
        except OSError:  # in the middle of a request, or of an answer
            self.close_connection = True

    def do_GET(self) -> None:
        """Answer one request."""
        request = Request(
            self._rehearsed,
            self.command,
            self._host,
            self.path,
            tuple(self.headers.items()),
            self._body(),
        )
        answer = self.server.answer(request)
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in answer.headers):
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_POST = do_PUT = do_HEAD = do_DELETE = do_PATCH = do_GET

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers
        return b"".join(chunks)
