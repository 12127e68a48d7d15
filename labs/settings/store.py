"""The store that the handlers write to: it speaks TLS, as DynamoDB does, and keeps nothing.

Here so that a new connection costs what it costs the client; the network between is left out.
"""

from __future__ import annotations

import http.server
import ssl
import threading
from pathlib import Path
from types import TracebackType

import trustme

_HOST = "127.0.0.1"


class Store:
    """A server of a certificate authority of its own, as a context manager."""

    def __init__(self, folder: Path) -> None:
        """The authority's certificate goes into the folder."""
        authority = trustme.CA()
        self._bundle = folder / "store-ca.pem"
        authority.cert_pem.write_to_path(str(self._bundle))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)
        self._server = _Server((_HOST, 0), _Handler)
        # Not at once: a handshake belongs to its connection's thread.
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )

    @property
    def variables(self) -> dict[str, str]:
        """Return the environment that leads a handler here."""
        return {
            "AWS_ENDPOINT_URL": f"https://localhost:{self._server.server_port}",
            "AWS_CA_BUNDLE": str(self._bundle),
            "NO_PROXY": "localhost",
        }

    def __enter__(self) -> Store:
        threading.Thread(target=self._server.serve_forever, name="store", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # clients keep their connections
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Acknowledge the write."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the durations say enough."""
