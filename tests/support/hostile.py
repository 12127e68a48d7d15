"""An HTTP server on loopback that misbehaves in every way we know, and keeps its own log.

The log is the truth that a history is compared with: for each call that the server read whole, what
a caller may at most know of it.
"""

from __future__ import annotations

import contextlib
import gzip
import itertools
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable

from poster.rows.record import Outcome

STALL_S = 2.0  # longer than the time-out of whoever calls; busy machines need some time

_LENGTH = re.compile(rb"\r\nContent-Length: (\d+)", re.IGNORECASE)
_BODY = b'{"message":"ok","marker":"aaa"}'
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(_BODY) + _BODY

Misdeed = Callable[[socket.socket], bool]  # returns whether the connection goes on


def whole(answer: bytes, goes_on: bool = True) -> Misdeed:
    """Send a whole answer."""

    def send(connection: socket.socket) -> bool:
        # What closes does so in the answer's last packet: the caller cannot miss it.
        connection.sendall(answer, 0 if goes_on else socket.MSG_MORE)
        return goes_on

    return send


def reset(connection: socket.socket) -> bool:
    """Close with a TCP reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def close(connection: socket.socket) -> bool:
    """Close in good order, without an answer."""
    return False


def stall(connection: socket.socket) -> bool:
    """Say nothing for too long, then answer after all."""
    time.sleep(STALL_S)
    connection.sendall(_OK)
    return False


def drip(connection: socket.socket) -> bool:
    """Send a good answer, too slowly."""
    for octet in _OK:
        connection.sendall(bytes([octet]))
        time.sleep(0.05)
    return False


def huge(connection: socket.socket) -> bool:
    """Send 100 MB, or as much as the caller takes."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
    for _ in range(100):
        connection.sendall(b" " * 1_000_000)
    return False


def endless(connection: socket.socket) -> bool:
    """The same without saying how much will come."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(100):
        connection.sendall(b"F4240\r\n" + b" " * 1_000_000 + b"\r\n")
    return False


def _status(line: str, more: bytes = b"") -> bytes:
    return f"HTTP/1.1 {line}\r\n".encode("latin-1") + more + b"Content-Length: 0\r\n\r\n"


def _gzipped(body: bytes) -> bytes:
    packed = gzip.compress(body)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    return head % len(packed) + packed


_HALF = b"HTTP/1.1 %d X\r\nContent-Length: 1000\r\n\r\n{"

# name -> (what the server does, what a caller knows of the call)
MISDEEDS: dict[str, tuple[Misdeed, Outcome]] = {
    "ok": (whole(_OK), "ok"),
    "ok, not JSON": (whole(_OK.replace(b"{", b"\xff")), "ok"),
    "ok, empty": (whole(_status("204 No Content").replace(b"Content-Length: 0\r\n", b"")), "ok"),
    "ok, odd header": (
        whole(_status("200 \xff", b"X-\xe9: \xff\xfe\r\nX: " + b"y" * 9000 + b"\r\n")),
        "ok",
    ),
    "ok, early hints": (whole(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + _OK), "ok"),
    "ok, no length": (whole(b"HTTP/1.1 200 OK\r\n\r\n" + _BODY, goes_on=False), "ok"),
    "ok, then closes": (whole(_OK, goes_on=False), "ok"),
    "500": (whole(_status("500 Internal Server Error")), "fail"),
    "503": (whole(_status("503 Slow Down", b"Retry-After: 0\r\n")), "fail"),
    "429": (whole(_status("429 Too Many Requests")), "fail"),
    "redirect": (whole(_status("307 Temporary Redirect", b"Location: /todo\r\n")), "fail"),
    "unauthorized": (whole(_status("401 No", b"WWW-Authenticate: Basic\r\n")), "fail"),
    "odd status": (whole(_status("999 \xfe")), "fail"),
    "half of 500": (whole(_HALF % 500, goes_on=False), "fail"),
    "half of 200": (whole(_HALF % 200, goes_on=False), "unknown"),
    "half a header, after hints": (
        whole(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nX: ", goes_on=False),
        "unknown",
    ),
    "ok, trailers": (
        whole(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n"
            b"2\r\n{}\r\n0\r\nX: y\r\n\r\n"
        ),
        "ok",
    ),
    "ok, bare line feeds": (whole(b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}"), "ok"),
    "half a header": (whole(b"HTTP/1.1 200 OK\r\nConte", goes_on=False), "unknown"),
    "wrong length": (whole(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nab", False), "unknown"),
    "wrong chunk": (
        whole(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", goes_on=False),
        "unknown",
    ),
    "not gzip": (
        whole(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"),
        "unknown",
    ),
    "gzip bomb": (whole(_gzipped(b" " * 20_000_000)), "unknown"),
    "garbage": (whole(bytes(range(256)) * 4, goes_on=False), "unknown"),
    "headers without end": (
        whole(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200_000, goes_on=False),
        "unknown",
    ),
    "reset": (reset, "unknown"),
    "close": (close, "unknown"),
    "stall": (stall, "unknown"),
    "drip": (drip, "unknown"),
    "huge": (huge, "unknown"),
    "endless": (endless, "unknown"),
}


class HostileServer:
    """Does one misdeed after another, each to one call; ``log`` says what it did to which."""

    def __init__(self) -> None:
        self.log: list[tuple[str, str]] = []  # todo id, name of the misdeed
        self._next = itertools.cycle(MISDEEDS)
        self._lock = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/todo"

    def __enter__(self) -> HostileServer:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def wait_for(self, calls: int, timeout_s: float) -> None:
        """Wait until so many calls were read."""
        with self._lock:
            assert self._lock.wait_for(lambda: len(self.log) >= calls, timeout_s)

    def outcomes(self) -> dict[str, Outcome]:
        """Return what a caller may know of each call, by todo id."""
        with self._lock:
            return {todo_id: MISDEEDS[misdeed][1] for todo_id, misdeed in self.log}

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        # The caller may leave at any moment: that is its right.
        with connection, contextlib.suppress(OSError):
            while (todo_id := _read_call(connection)) is not None:
                with self._lock:
                    misdeed = next(self._next)
                    self.log.append((todo_id, misdeed))
                    self._lock.notify_all()
                if not MISDEEDS[misdeed][0](connection):
                    return


def _read_call(connection: socket.socket) -> str | None:
    """Read a whole request; return its todo id, or None at the connection's end."""
    read = b""
    while True:
        head, blank, body = read.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if blank and length and len(body) >= int(length.group(1)):
            return str(json.loads(body)["todoId"])
        piece = connection.recv(65536)
        if not piece:
            return None
        read += piece
