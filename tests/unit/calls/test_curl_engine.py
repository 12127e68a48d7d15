"""What only the libcurl engine can do."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler

import pytest

from poster.calls.attribution import Attribution, parse_source
from poster.calls.curl_call import Exchange
from poster.calls.curl_engine import CurlEngine
from poster.calls.engine import Load, Stop
from poster.calls.posting import Posting
from poster.calls.request import Request
from poster.calls.schedule import ClosedLoop, OpenLoop
from poster.calls.signing import SigningError
from poster.rows.clock import RunClock
from poster.rows.record import Observation, Step, StepName
from tests.support.servers import Answer, http2_server, http_server, ok, send, unused_url

MS = 1_000_000


def post(
    url: str,
    loop: OpenLoop,
    exchange: Exchange | None = None,
    through_proxies: bool = True,
    timeout_s: float = 5.0,
) -> tuple[list[Observation], list[Step]]:
    """Run an open loop to its end; return its rows by seq and its steps."""
    rows: list[Observation] = []
    steps: list[Step] = []
    load = Load(url, (1,), loop, 1.0, timeout_s, through_proxies)
    with Posting(CurlEngine(exchange, steps.append), load, RunClock(), rows.append) as posting:
        assert posting.wait(20)
    return sorted(rows, key=lambda row: row.seq), steps


def one(url: str, exchange: Exchange | None = None, **options: bool) -> Observation:
    return post(url, OpenLoop(1000, calls=1), exchange, **options)[0][0]


def in_turn(url: str, calls: int, exchange: Exchange | None = None) -> list[Observation]:
    """Make each call once the one before has ended, however long that takes; return the rows."""
    rows: list[Observation] = []
    stop = Stop()

    def emit(row: Observation) -> None:
        rows.append(row)
        if len(rows) == calls:
            stop.set()

    CurlEngine(exchange).run(Load(url, (1,), ClosedLoop(1, 0.0)), RunClock(), emit, stop)
    return rows


def after(delay_s: float) -> Answer:
    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        time.sleep(delay_s)
        ok(handler, body)

    return answer


def test_an_open_loop_sends_at_the_planned_instants_whatever_has_come_back() -> None:
    all_are_there = threading.Barrier(10)

    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        all_are_there.wait(15)
        ok(handler, body)

    with http_server(answer) as url:
        rows, steps = post(url, OpenLoop(50, calls=10), timeout_s=15)
    assert [row.todo_id for row in rows] == [f"t01-{number:04d}" for number in range(1, 11)]
    first_ns = rows[0].planned_ns
    assert [row.planned_ns - first_ns for row in rows] == [20 * MS * count for count in range(10)]
    late_ns = [row.sent_ns - row.planned_ns for row in rows]
    assert 0 <= min(late_ns) < 100 * MS  # the others may be late where the machine is busy
    assert max(row.sent_ns for row in rows) < min(row.received_ns or 0 for row in rows)
    assert {row.outcome for row in rows} == {"ok"}
    assert steps == []


def test_what_the_bound_holds_back_is_dropped_and_counted_never_shifted() -> None:
    with http_server(after(0.2)) as url:
        rows, steps = post(url, OpenLoop(100, calls=50, max_in_flight=3))
    assert {step.name for step in steps} == {StepName.CALLS_DROPPED}
    assert len(rows) + sum(step.detail["count"] for step in steps) == 50
    assert 3 <= len(rows) <= 12
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    assert all(row.sent_ns - row.planned_ns < 100 * MS for row in rows)


def connections(exchange: Exchange) -> int:
    peers = set()

    def remember_peer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        peers.add(handler.client_address[1])
        ok(handler, body)

    with http_server(remember_peer) as url:
        rows = in_turn(url, 40, exchange)
    assert {row.outcome for row in rows} == {"ok"}
    return len(peers)


def test_connections_are_kept_or_fresh_as_asked() -> None:
    assert connections(Exchange()) == 1  # as many as there are calls at once
    assert connections(Exchange(fresh_share=1.0)) == 40
    assert 8 <= connections(Exchange(fresh_share=0.5)) < 40


def test_a_row_says_by_which_connection_its_call_went() -> None:
    with http_server(ok) as url:
        kept = in_turn(url, 5)
        fresh = in_turn(url, 5, Exchange(fresh_share=1.0))
    assert [row.connection for row in kept] == ["new", *["kept"] * 4]
    assert [row.connection for row in fresh] == ["new"] * 5
    assert {row.remote_ip for row in (*kept, *fresh)} == {"127.0.0.1"}


def test_a_call_that_never_left_went_by_no_connection() -> None:
    row = one(unused_url())
    assert (row.outcome, row.connection, row.remote_ip) == ("fail", None, None)


def test_a_connection_that_dies_unanswered_was_kept() -> None:
    def once(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        if hasattr(handler, "answered"):
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        handler.answered = True  # type: ignore[attr-defined]
        ok(handler, body)

    with http_server(once) as url:
        rows = in_turn(url, 2)
    assert [(row.outcome, row.connection) for row in rows] == [("ok", "new"), ("unknown", "kept")]


def test_a_row_names_the_point_of_presence_that_answered() -> None:
    def at_the_edge(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        handler.send_response(200)
        handler.send_header("x-amz-cf-pop", "NRT57-P2")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with http_server(at_the_edge) as url:
        assert one(url).pop == "NRT57-P2"


@pytest.mark.parametrize("name", ["x-amzn-RequestId", "Apigw-Requestid"])
def test_a_row_has_the_request_id_of_a_rest_and_of_an_http_api(name: str) -> None:
    def gateway(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        handler.send_response(502)
        handler.send_header(name, "WSg1ihmdliAEJXA=")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with http_server(gateway) as url:
        assert one(url).request_id == "WSg1ihmdliAEJXA="


def test_a_call_outlasts_the_longest_that_api_gateway_lets_a_function_take() -> None:
    assert Load("", (1,), ClosedLoop(1, 0.0)).timeout_s > 29


def test_calls_that_are_left_in_flight_have_rows_too() -> None:
    rows: list[Observation] = []
    stop, all_are_there = Stop(), threading.Barrier(4)
    is_over = threading.Event()

    def hold(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        all_are_there.wait(60)
        is_over.wait(60)

    def leave() -> None:
        all_are_there.wait(60)
        stop.set()
        stop.abandon.set()

    with http_server(hold) as url:
        load = Load(url, (1, 2, 3), ClosedLoop(3, 0.0))
        threading.Thread(target=leave).start()
        CurlEngine().run(load, RunClock(), rows.append, stop)
        is_over.set()
    assert sorted(row.seq for row in rows) == [1, 2, 3]
    assert {(row.outcome, row.status, row.received_ns) for row in rows} == {("unknown", None, None)}


def test_calls_in_flight_have_rows_when_the_next_cannot_be_signed() -> None:
    rows: list[Observation] = []
    is_over = threading.Event()
    keys = iter([(("X-Key", "1"),)])

    def sign(*_: object) -> tuple[tuple[str, str], ...]:
        signed = next(keys, None)
        if signed is None:
            raise SigningError("cannot sign: the keys are over")
        return signed

    def hold(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        is_over.wait(60)

    with http_server(hold) as url:
        load = Load(url, (1,), OpenLoop(100, calls=9))
        with pytest.raises(SigningError, match="the keys are over"):
            CurlEngine(Exchange(sign=sign)).run(load, RunClock(), rows.append, Stop())
        is_over.set()
    assert [(row.seq, row.outcome) for row in rows] == [(1, "unknown")]


def test_a_ctrl_c_that_comes_while_another_is_told_leaves_calls_in_flight() -> None:
    arrived, leave = threading.Event(), threading.Event()
    rows: list[Observation] = []

    def hold(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        arrived.set()
        leave.wait(10)
        ok(handler, body)

    def interrupt_twice() -> None:
        with Posting(CurlEngine(), load, RunClock(), rows.append):
            assert arrived.wait(60)
            try:
                raise KeyboardInterrupt
            except KeyboardInterrupt:
                raise KeyboardInterrupt  # noqa: B904 - it comes by itself

    with http_server(hold) as url:
        load = Load(url, (1,), ClosedLoop(1, 0.0))
        with pytest.raises(KeyboardInterrupt):
            interrupt_twice()
        leave.set()
    assert [row.outcome for row in rows] == ["unknown"]


def test_rows_of_a_turn_are_flushed_before_the_engine_waits() -> None:
    rows: list[Observation] = []
    flushed_at: list[int] = []
    with http_server(after(0.05)) as url:
        load = Load(url, (1,), OpenLoop(1000, calls=3))
        engine = CurlEngine(after_turn=lambda: flushed_at.append(len(rows)))
        engine.run(load, RunClock(), rows.append, Stop())
    assert flushed_at[-1] == 3


def test_a_small_answer_that_unpacks_to_a_huge_one_is_not_read_whole() -> None:
    def bomb(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        packed = gzip.compress(b" " * 50_000_000)
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.send_header("Content-Length", str(len(packed)))
        handler.end_headers()
        handler.wfile.write(packed)

    with http_server(bomb) as url:
        row = one(url)
    assert (row.outcome, row.status) == ("unknown", None)
    assert row.error is not None
    assert row.error.startswith("HTTP 200 unreadable, FILESIZE_EXCEEDED")


def test_a_packed_answer_is_read() -> None:
    def packed(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        answer = gzip.compress(b'{"marker":"aaa"}')
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.send_header("Content-Length", str(len(answer)))
        handler.end_headers()
        handler.wfile.write(answer)

    with http_server(packed) as url:
        assert one(url).marker == "aaa"


def test_headers_that_are_not_utf8_are_read() -> None:
    def odd(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        handler.wfile.write(
            b"HTTP/1.1 200 \xff\xfe\r\nX-V\xe9: \xff\r\n"
            b"X-Version: v\xe9\r\nContent-Length: 0\r\n\r\n"
        )

    with http_server(odd) as url:
        row = one(url, Exchange(attribution=Attribution(parse_source("header:x-version"))))
    assert (row.outcome, row.function_version) == ("ok", "vé")


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD"])
def test_any_method_and_body_can_be_sent(method: str) -> None:
    seen: list[tuple[str | None, bytes]] = []

    def remember(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        seen.append((handler.headers["X-Id"], body))
        send(handler, 200, b"" if method == "HEAD" else b"{}")

    body = '{"id":"{todo_id}"}' if method == "PUT" else None
    with http_server(remember) as url:
        row = one(url, Exchange(request=Request(method, (("X-Id", "a"),), body)))
    assert row.outcome == "ok"
    assert seen == [("a", b'{"id":"t01-0001"}' if body else b"")]


def test_the_signature_is_made_from_what_is_sent() -> None:
    seen: list[str | None] = []

    def remember(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        seen.append(handler.headers["Authorization"])
        ok(handler, body)

    def sign(request: Request, url: str, body: bytes | None) -> tuple[tuple[str, str], ...]:
        return (*request.headers, ("Authorization", json.loads(body or b"{}")["todoId"]))

    with http_server(remember) as url:
        post(url, OpenLoop(100, calls=2), Exchange(sign=sign))
    assert seen == ["t01-0001", "t01-0002"]


def test_proxies_are_honoured_unless_they_must_not_be(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def through(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        asked.append(handler.path)
        ok(handler, body)

    with http_server(ok) as url, http_server(through) as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert one(url).outcome == "ok"
        assert asked == [url]
        assert one(url, through_proxies=False).outcome == "ok"
        assert asked == [url]


def test_http2_is_spoken_where_it_is_asked_for() -> None:
    with http2_server() as url:
        rows, _ = post(url, OpenLoop(100, calls=5), Exchange(http2=True))
    assert [(row.outcome, row.status) for row in rows] == [("ok", 200)] * 5


def test_a_redirect_takes_no_call_no_header_and_no_password_elsewhere() -> None:
    came: list[str] = []

    def elsewhere(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        came.append(handler.path)
        ok(handler, body)

    with http_server(elsewhere) as other:

        def redirect(handler: BaseHTTPRequestHandler, body: bytes) -> None:
            handler.send_response(307)
            handler.send_header("Location", other)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        with http_server(redirect) as url:
            exchange = Exchange(Request("POST", (("X-Api-Key", "secret"),), "{}"))
            rows, _ = post(url.replace("//", "//me:password@"), OpenLoop(50, calls=3), exchange)
    assert [(row.outcome, row.status) for row in rows] == [("fail", 307)] * 3
    assert came == []
