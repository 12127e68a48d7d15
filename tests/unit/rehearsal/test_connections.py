"""Connections to the emulator are used again, by whoever asks next."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from rehearsal.connections import Connections
from tests.support.servers import http_server, ok


class Server:
    """Counts the connections that it was asked by."""

    def __init__(self) -> None:
        self.clients: set[object] = set()

    def __call__(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        self.clients.add(handler.client_address)
        ok(handler, body)


@pytest.fixture
def served() -> Iterator[tuple[Server, Connections]]:
    server = Server()
    with http_server(server) as url:
        port = int(url.rpartition(":")[2].partition("/")[0])
        yield server, Connections(port, 5.0)


def get(connections: Connections) -> None:
    with connections.one() as connection:
        connection.request("POST", "/", b'{"todoId": "t01-0001"}')
        connection.getresponse().read()


def test_one_thread_after_the_other_uses_the_same_connection(
    served: tuple[Server, Connections],
) -> None:
    server, connections = served
    for _ in range(5):
        thread = threading.Thread(target=get, args=(connections,))
        thread.start()
        thread.join()
    assert len(server.clients) == 1


def test_a_connection_whose_request_failed_is_not_used_again(
    served: tuple[Server, Connections],
) -> None:
    server, connections = served
    get(connections)
    with pytest.raises(ValueError, match="in between"), connections.one():
        raise ValueError("in between")
    get(connections)
    assert len(server.clients) == 2
