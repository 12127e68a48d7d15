"""What both engines promise, each tried on real sockets."""

from __future__ import annotations

import itertools
import json
import threading
import time
from http.server import BaseHTTPRequestHandler

import pytest

from poster.calls.curl_engine import CurlEngine
from poster.calls.engine import Engine, Load
from poster.calls.posting import Posting
from poster.calls.requests_engine import RequestsEngine
from poster.calls.schedule import ClosedLoop
from poster.rows.clock import RunClock
from poster.rows.record import Observation
from tests.support.servers import Answer, http_server, ok, send, unused_url


@pytest.fixture(params=[RequestsEngine, CurlEngine])
def engine(request: pytest.FixtureRequest) -> Engine:
    made: Engine = request.param()
    return made


def observe(
    engine: Engine,
    url: str,
    calls: int = 1,
    posters: int = 1,
    pause_s: float = 0.0,
    timeout_s: float = 5.0,
) -> list[Observation]:
    """Post until that many calls have ended."""
    seen: list[Observation] = []
    enough = threading.Event()

    def emit(observation: Observation) -> None:
        seen.append(observation)
        if len(seen) >= calls:
            enough.set()

    load = Load(url, tuple(range(1, posters + 1)), ClosedLoop(posters, pause_s), 1.0, timeout_s)
    with Posting(engine, load, RunClock(), emit, on_end=enough.set):
        assert enough.wait(20)
    return seen


def test_a_call_becomes_a_row_that_says_who_answered(engine: Engine) -> None:
    with http_server(ok) as url:
        row = observe(engine, url)[0]
    assert (row.seq, row.poster, row.todo_id) == (1, 1, "t01-0001")
    assert (row.outcome, row.status, row.marker, row.function_version) == ("ok", 200, "aaa", "1")
    assert row.request_id == "request-1"
    assert row.received_ns is not None
    assert row.planned_ns <= row.sent_ns < row.received_ns


def test_sequence_follows_the_order_of_sending_without_gaps(engine: Engine) -> None:
    with http_server(ok) as url:
        rows = observe(engine, url, calls=200, posters=8)
    by_seq = sorted(rows, key=lambda row: row.seq)
    assert [row.seq for row in by_seq] == list(range(1, len(rows) + 1))
    assert all(a.sent_ns <= b.sent_ns for a, b in itertools.pairwise(by_seq))


def test_each_poster_numbers_its_own_todos(engine: Engine) -> None:
    with http_server(ok) as url:
        rows = observe(engine, url, calls=30, posters=3)
    for poster in (1, 2, 3):
        own = sorted((row for row in rows if row.poster == poster), key=lambda row: row.seq)
        assert [row.todo_id for row in own] == [
            f"t{poster:02d}-{number:04d}" for number in range(1, len(own) + 1)
        ]


def test_each_poster_keeps_a_connection_of_its_own(engine: Engine) -> None:
    peers: dict[str, set[int]] = {}

    def remember_peer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        poster = json.loads(body)["todoId"][1:3]
        peers.setdefault(poster, set()).add(handler.client_address[1])
        ok(handler, body)

    with http_server(remember_peer) as url:
        observe(engine, url, calls=12, posters=3, pause_s=0.02)
    assert {poster: len(ports) for poster, ports in peers.items()} == {"01": 1, "02": 1, "03": 1}
    assert len(set.union(*peers.values())) == 3


def test_closed_loop_pauses_after_the_answer(engine: Engine) -> None:
    with http_server(ok) as url:
        rows = observe(engine, url, calls=3, pause_s=0.1)
    first, second, *_ = sorted(rows, key=lambda row: row.seq)
    assert first.received_ns is not None
    assert second.planned_ns == first.received_ns + 100_000_000
    assert second.sent_ns >= second.planned_ns


def answer_with(status: int) -> Answer:
    return lambda handler, body: send(handler, status, b'{"message":"ng"}')


def reset(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    handler.close_connection = True
    handler.connection.close()


def half_of(status: int) -> Answer:
    def half(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"marker":')
        handler.close_connection = True

    return half


def stall(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    time.sleep(0.5)
    handler.close_connection = True


def huge(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    send(handler, 200, b"x" * 5_000_000)


@pytest.mark.parametrize(
    ("answer", "outcome", "status"),
    [
        (answer_with(500), "fail", 500),
        (answer_with(403), "fail", 403),
        (answer_with(302), "fail", 302),
        (half_of(500), "fail", 500),
        (half_of(200), "unknown", None),
        (huge, "unknown", None),
        (reset, "unknown", None),
        (stall, "unknown", None),
    ],
    ids=["500", "403", "302", "half of 500", "half of 200", "huge", "reset", "stall"],
)
def test_what_happened_after_sending_decides_the_outcome(
    engine: Engine, answer: Answer, outcome: str, status: int | None
) -> None:
    with http_server(answer) as url:
        row = observe(engine, url, timeout_s=0.2 if answer is stall else 10.0)[0]
    assert (row.outcome, row.status) == (outcome, status)
    assert row.error is not None
    assert (row.received_ns is None) == (status is None)


def test_a_refused_connection_is_a_failure_because_the_call_never_left(engine: Engine) -> None:
    row = observe(engine, unused_url())[0]
    assert (row.outcome, row.status, row.received_ns) == ("fail", None, None)
    assert row.error is not None
    assert row.error.startswith(("ConnectionError: ", "COULDNT_CONNECT: "))


def test_a_name_nobody_knows_is_a_failure_because_the_call_never_left(engine: Engine) -> None:
    row = observe(engine, "http://nobody.invalid/todo")[0]
    assert (row.outcome, row.status) == ("fail", None)


def test_tls_that_fails_is_a_failure_because_the_call_never_left(engine: Engine) -> None:
    with http_server(ok) as url:
        row = observe(engine, url.replace("http:", "https:"))[0]
    assert (row.outcome, row.status) == ("fail", None)


def test_an_error_in_emit_stops_all_posters_and_is_raised(engine: Engine) -> None:
    def emit(observation: Observation) -> None:
        raise OSError("disk full")

    with http_server(ok) as url:
        load = Load(url, (1, 2, 3), ClosedLoop(3, 0.01))
        posting = Posting(engine, load, RunClock(), emit)
        with pytest.raises(OSError, match="disk full"), posting:
            assert posting.wait(10)


def test_no_call_is_retried(engine: Engine) -> None:
    calls: list[bytes] = []

    def count(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        calls.append(body)
        reset(handler, body)

    with http_server(count) as url:
        rows = observe(engine, url, calls=5, pause_s=0.01)
    assert len(calls) == len(rows)


def test_no_call_is_retried_on_a_connection_that_was_kept_alive(engine: Engine) -> None:
    calls: list[bytes] = []

    def every_third_dies(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        calls.append(body)
        (reset if len(calls) % 3 == 0 else ok)(handler, body)

    with http_server(every_third_dies) as url:
        rows = observe(engine, url, calls=9)
    assert len(calls) == len(set(calls)) == len(rows)
    assert [row.outcome for row in rows[:9]] == ["ok", "ok", "unknown"] * 3
