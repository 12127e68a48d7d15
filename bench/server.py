"""A trivial keep-alive server: one canned answer per request, as little work as Python allows.

    python bench/server.py PORT [STALL_AT_S STALL_S]

It answers whatever was sent, once per read, which is right for clients that send a request in one
packet and wait for its answer. With a stall, it does nothing for a while, once: the clock for that
starts with the first request.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time

_BODY = json.dumps(
    {
        "message": "ok",
        "todoId": "t01-0001",
        "marker": "aaa",
        "configMarker": "aaa",
        "functionVersion": "1",
        "instanceId": "2026/11/22/[1]0123456789abcdef0123456789abcdef",
        "coldStart": False,
        "createdAt": 1763769600000,
    }
).encode()
ANSWER = (
    b"HTTP/1.1 200 OK\r\n"
    b"Content-Type: application/json\r\n"
    b"Date: Sun, 22 Nov 2026 00:00:00 GMT\r\n"
    b"x-amzn-RequestId: 0c0e1b1e-0000-4000-8000-000000000000\r\n"
    b"Content-Length: %d\r\n\r\n" % len(_BODY)
) + _BODY


def serve(port: int, stall_at_s: float | None = None, stall_s: float = 0.0) -> None:
    """Serve until killed."""
    listener = socket.create_server(("127.0.0.1", port), backlog=1024)
    poll = select.epoll()
    poll.register(listener.fileno(), select.EPOLLIN)
    connections: dict[int, socket.socket] = {}
    stall_at = None
    while True:
        for fd, _ in poll.poll():
            if fd == listener.fileno():
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connections[connection.fileno()] = connection
                poll.register(connection.fileno(), select.EPOLLIN)
                continue
            try:
                request = connections[fd].recv(65536)
            except OSError:
                request = b""
            if not request:
                poll.unregister(fd)
                connections.pop(fd).close()
                continue
            connections[fd].send(ANSWER)
            if stall_at_s is not None:
                now = time.monotonic()
                stall_at = stall_at or now + stall_at_s
                if now >= stall_at:
                    time.sleep(stall_s)
                    stall_at_s = None


if __name__ == "__main__":
    serve(int(sys.argv[1]), *(float(argument) for argument in sys.argv[2:]))
