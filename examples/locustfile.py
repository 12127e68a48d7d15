"""Posting from many machines with Locust: every worker writes a history of its own.

For those who already run Locust's masters and workers; ``poster run`` needs none of this.

    locust -f examples/locustfile.py --master --host URL --users 50 ...
    locust -f examples/locustfile.py --worker --histories DIR

Every user is a poster in a closed loop. Worker 0 numbers its posters from 1, worker 1 from 1001
and so on, so that no two write the same todo; each writes ``DIR/worker-N/history.jsonl``, with rows
and attribution of outcomes as ``poster run`` has them. ``poster report DIR/worker-*`` merges them.

Invariant: a call becomes a row when it ends, on the worker that made it, and is never retried.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, ClassVar

import gevent  # type: ignore[import-untyped]
from geventhttpclient.client import HTTPClient, HTTPClientPool
from locust import FastHttpUser, events, task
from locust.argument_parser import LocustArgumentParser
from locust.contrib.fasthttp import FAILURE_EXCEPTIONS
from locust.env import Environment
from locust.runners import MasterRunner

from poster.calls.answer import MAX_BODY_BYTES, Answer, read_answer, short_error, unreadable
from poster.calls.attribution import Attribution, parse_source
from poster.calls.engine import CONNECT_TIMEOUT_S, TIMEOUT_S
from poster.calls.request import TODO_REQUEST, todo_id
from poster.calls.schedule import PAUSE_S, ClosedLoop
from poster.rows.clock import RunClock
from poster.rows.journal import HISTORY, Journal
from poster.rows.record import Observation, Run
from poster.rows.tools import tool_versions

POSTERS_PER_WORKER = 1000


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def add_options(parser: LocustArgumentParser) -> None:
    """Add our options to Locust's."""
    parser.add_argument("--histories", default="histories", help="Directory for worker-N/")
    parser.add_argument(
        "--pause", type=float, default=PAUSE_S, help="From an answer to the next call"
    )
    parser.add_argument("--version-from", help="header:NAME, json:/pointer or regex:PATTERN")
    parser.add_argument("--marker-from", help="header:NAME, json:/pointer or regex:PATTERN")


class Worker:
    """One worker's run: its clock, its journal, its numbers. gevent switches only where we wait."""

    current: ClassVar[Worker]

    def __init__(self, environment: Environment) -> None:
        options: Any = environment.parsed_options
        self.index = getattr(environment.runner, "worker_index", 0)
        self.pause_s = float(options.pause)
        sources = (options.version_from, options.marker_from)
        self.attribution = Attribution(*(parse_source(text) if text else None for text in sources))
        self.clock = RunClock()
        self._posters = itertools.count(1 + POSTERS_PER_WORKER * self.index)
        self._sequence = itertools.count(1)
        directory = Path(options.histories) / f"worker-{self.index}"
        directory.mkdir(parents=True, exist_ok=True)
        run = Run(
            run_id=directory.name,
            origin_unix_ns=self.clock.origin_unix_ns,
            target="url",
            endpoint=str(environment.host),
            loop="closed",
            posters=options.num_users or 1,
            pause_s=self.pause_s,
            settings={"first_poster": 1 + POSTERS_PER_WORKER * self.index},
            tools=tool_versions(),
        )
        self.journal = Journal(directory / HISTORY, run)

    def next_poster(self) -> int:
        """Return the number of a user that starts."""
        return next(self._posters)

    def start_call(self) -> tuple[int, int]:
        """Return the sequence number and the time of a call that starts now."""
        return next(self._sequence), self.clock.now_ns()


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def start(environment: Environment, **_: Any) -> None:
    """Begin a history; the master makes no calls and has none."""
    if not isinstance(environment.runner, MasterRunner):
        Worker.current = Worker(environment)


class _WatchedPool(HTTPClientPool):
    """Notes when a call has a connection: from then on it may have left."""

    connected = False

    def get_client(self, url: Any) -> HTTPClient:
        known = len(self.clients)
        client = super().get_client(url)
        if len(self.clients) > known:
            self._watch(client._connection_pool)  # no public name leads to the moment of connecting
        self.connected = False
        return client

    def _watch(self, pool: Any) -> None:
        get_socket = pool.get_socket

        def watched() -> Any:
            connection = get_socket()
            self.connected = True
            return connection

        pool.get_socket = watched


class Poster(FastHttpUser):
    """One caller: call, wait for the answer, pause, call again."""

    insecure = False
    max_retries = 0
    max_redirects = 0
    connection_timeout = CONNECT_TIMEOUT_S
    network_timeout = TIMEOUT_S

    def __init__(self, environment: Environment) -> None:
        self._pool = self.client_pool = _WatchedPool(
            connection_timeout=CONNECT_TIMEOUT_S, network_timeout=TIMEOUT_S, concurrency=1
        )
        super().__init__(environment)
        self._worker = Worker.current
        self._poster = self._worker.next_poster()
        self._numbers = itertools.count(1)
        self._loop = ClosedLoop(1, self._worker.pause_s)
        self._due_ns = self._worker.clock.now_ns()

    def wait_time(self) -> float:
        """Return the rest of the pause, s."""
        return max(0.0, (self._due_ns - self._worker.clock.now_ns()) / 1e9)

    @task
    def post(self) -> None:
        """Make one call and write its row."""
        clock, planned_ns = self._worker.clock, self._due_ns
        called = todo_id(self._poster, next(self._numbers))
        seq, sent_ns = self._worker.start_call()
        answer: Answer | None = None
        try:
            answer = self._answer_to(called)
        finally:  # Locust ends a user in the middle of a call with GreenletExit
            ended_ns = clock.now_ns()
            if answer is None:
                answer = self._unanswered("ABANDONED", "left in flight when posting was stopped")
            received_ns = None if answer.status is None else ended_ns
            self._due_ns = self._loop.next_due_ns(ended_ns)
            self._worker.journal.write(
                Observation(seq, self._poster, called, planned_ns, sent_ns, received_ns, *answer)
            )

    def _answer_to(self, called: str) -> Answer:
        self._pool.connected = False
        try:
            with (
                gevent.Timeout(TIMEOUT_S),
                self.client.request(
                    "POST",
                    str(self.host),
                    data=(TODO_REQUEST.body_for(called) or b"").decode(),
                    headers={**dict(TODO_REQUEST.headers), "Accept-Encoding": "identity"},
                    allow_redirects=False,
                    catch_response=True,
                    stream=True,
                ) as response,
            ):
                answer = self._read(response)
                if answer.outcome == "ok":
                    response.success()
                else:
                    response.failure(answer.error)
                return answer
        except gevent.Timeout:
            return self._unanswered("Timeout", f"no whole answer within {TIMEOUT_S:g} s")

    def _read(self, response: Any) -> Answer:
        status = response.status_code
        if not status:
            error = response.error
            return self._unanswered(type(error).__name__, str(error))
        try:
            body = response.stream.read(MAX_BODY_BYTES + 1)
        except FAILURE_EXCEPTIONS as error:
            return unreadable(status, type(error).__name__, str(error))
        if len(body) > MAX_BODY_BYTES:
            response.stream.release()
            return unreadable(status, "TooLong", f"more than {MAX_BODY_BYTES} bytes")
        answer = read_answer(status, bytes(body), response.headers.get("x-amzn-RequestId"))
        lines = "".join(f"\r\n{name}: {value}" for name, value in response.headers.items())
        return self._worker.attribution.apply(
            answer, f"{lines}\r\n\r\n".encode("latin-1", "replace"), bytes(body)
        )

    def _unanswered(self, kind: str, text: str) -> Answer:
        if not self._pool.connected:
            return Answer("fail", error=short_error(kind, text))
        return unreadable(0, kind, text)
