"""The least an open loop can be: sockets, ``select`` and the clock, for one rate and some seconds.

    python bench/bare_client.py HOST PORT RATE SECONDS BODY

It sleeps until just before each planned instant and writes nothing down: how late it sends is what
the machine does to a sleeper. Prints the lateness of every call, ns, one a line.
"""

from __future__ import annotations

import select
import socket
import sys
import time

SPIN_NS = 150_000  # as the engine's
CONNECTIONS = 100


def send_all(host: str, port: int, rate: float, seconds: float, body: bytes) -> list[int]:
    """Send at the planned instants; return by how much each call missed its own."""
    head = f"POST /todo HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
    request = head.encode() + body
    idle = [socket.create_connection((host, port)) for _ in range(CONNECTIONS)]
    for connection in idle:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    waiting: list[socket.socket] = []
    start_ns = time.monotonic_ns()
    late_ns: list[int] = []
    while len(late_ns) < rate * seconds:
        due_ns = start_ns + round(len(late_ns) * 1e9 / rate)
        now_ns = time.monotonic_ns()
        if now_ns >= due_ns and idle:
            late_ns.append(now_ns - due_ns)
            connection = idle.pop()
            connection.send(request)
            waiting.append(connection)
            continue
        sleep_s = max(0, due_ns - now_ns - SPIN_NS) / 1e9
        for connection in select.select(waiting, [], [], sleep_s)[0]:
            connection.recv(65536)
            waiting.remove(connection)
            idle.append(connection)
    return late_ns


if __name__ == "__main__":
    name, number, rate, seconds, body = sys.argv[1:]
    print(*send_all(name, int(number), float(rate), float(seconds), body.encode()), sep="\n")
