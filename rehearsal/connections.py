"""Connections to a server on this machine, kept and used again by whichever thread asks next.

MiniStack leaves a connection that its client closed half open for good; after a thousand of them
its functions' processes end at their first word. So there are as many as calls at once, no more.
"""

from __future__ import annotations

import collections
import contextlib
import http.client
import select
from collections.abc import Iterator


class Connections:
    """Connections to one port of loopback."""

    def __init__(self, port: int, timeout_s: float) -> None:
        self._port = port
        self._timeout_s = timeout_s
        self._idle: collections.deque[http.client.HTTPConnection] = collections.deque()

    @contextlib.contextmanager
    def one(self) -> Iterator[http.client.HTTPConnection]:
        """Lend a connection for one request; it is kept unless that fails."""
        connection = self._usable()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)

    def _usable(self) -> http.client.HTTPConnection:
        with contextlib.suppress(IndexError):  # none is idle
            while True:
                connection = self._idle.pop()
                if connection.sock is not None and _is_silent(connection):
                    return connection
                connection.close()
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._timeout_s)


def _is_silent(connection: http.client.HTTPConnection) -> bool:
    """Return whether nothing came since the last answer: an end would be readable."""
    readable = select.poll()
    readable.register(connection.sock, select.POLLIN)
    return not readable.poll(0)
