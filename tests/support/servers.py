"""Small HTTP servers on loopback that answer as a test needs it."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import threading
from collections.abc import Callable, Iterator

Answer = Callable[[http.server.BaseHTTPRequestHandler, bytes], None]


class _Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256  # 5 would leave connections of a machine that is busy waiting


@contextlib.contextmanager
def http_server(answer: Answer) -> Iterator[str]:
    """Serve with ``answer`` and yield the URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer(self, body)

        do_GET = do_HEAD = do_PUT = do_POST

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    server = _Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/todo"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def send(handler: http.server.BaseHTTPRequestHandler, status: int, body: bytes) -> None:
    """Send a whole answer."""
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body)))
    handler.send_header("x-amzn-RequestId", "request-1")
    handler.end_headers()
    handler.wfile.write(body)


def ok(handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
    """Answer as the todo API does."""
    said = {"todoId": json.loads(body)["todoId"], "marker": "aaa", "functionVersion": "1"}
    send(handler, 200, json.dumps(said).encode())


def unused_url() -> str:
    """Return a URL on loopback at which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}/todo"


@contextlib.contextmanager
def http2_server() -> Iterator[str]:
    """Answer every HTTP/2 request with an empty 200 and yield the URL; RFC 9113, no TLS."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_speak_http2, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/todo"
    finally:
        listener.close()


def _speak_http2(connection: socket.socket) -> None:
    data, settings, headers, end_stream, end_headers = 0, 4, 1, 1, 4
    status_200 = b"\x88"  # HPACK: entry 8 of the static table
    with connection, connection.makefile("rwb", buffering=0) as stream:

        def frame(kind: int, flags: int, number: int, payload: bytes = b"") -> bytes:
            head = len(payload).to_bytes(3, "big") + bytes([kind, flags])
            return head + number.to_bytes(4, "big") + payload

        stream.write(frame(settings, 0, 0))
        stream.read(len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
        while head := stream.read(9):
            length, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
            number = int.from_bytes(head[5:], "big")
            if length:
                stream.read(length)
            if kind == settings and not flags:
                stream.write(frame(settings, 1, 0))
            elif kind in {data, headers} and flags & end_stream:
                stream.write(frame(headers, end_headers | end_stream, number, status_200))
