"""The engine of the published poster: one thread and one ``requests.Session`` per poster."""

from __future__ import annotations

import functools
import itertools
import threading

import requests
import urllib3

from poster.calls.answer import MAX_BODY_BYTES, Answer, read_answer, short_error, unreadable
from poster.calls.background import Background
from poster.calls.engine import Emit, Load, Sign, Stop
from poster.calls.request import TODO_REQUEST, todo_id
from poster.calls.schedule import ClosedLoop
from poster.rows.clock import Clock
from poster.rows.record import Observation, Outcome


class RequestsEngine:
    """Closed loop only."""

    def __init__(self, sign: Sign | None = None) -> None:
        """``sign`` adds a signature to the headers of every call."""
        self._sign = sign

    def run(self, load: Load, clock: Clock, emit: Emit, stop: Stop) -> None:
        """See Engine. Cannot abandon a call: it ends at the latest with its time-out."""
        if not isinstance(load.loop, ClosedLoop):
            raise TypeError("this engine only runs closed loops")
        loop = load.loop
        sequence = _Sequence()
        posters = [
            Background(
                f"poster-{poster}",
                functools.partial(
                    _Poster(load, loop, poster, clock, sequence, emit, self._sign).run, place, stop
                ),
                on_end=stop.set,  # one that failed stops all
            )
            for place, poster in enumerate(load.posters, start=1)
        ]
        for each in posters:
            each.start()
        for each in posters:
            each.wait()
        for each in posters:
            each.check()


class _Sequence:
    """Numbers calls in the order in which they start."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def start(self, clock: Clock) -> tuple[int, int]:
        # Number and time are taken under one lock: otherwise call 8 could carry an earlier
        # sent_ns than call 7, and "sent after" could not be read from the numbers.
        with self._lock:
            return next(self._numbers), clock.now_ns()


class _Poster:
    """One caller: call, wait for the answer, pause, call again."""

    def __init__(
        self,
        load: Load,
        loop: ClosedLoop,
        poster: int,
        clock: Clock,
        sequence: _Sequence,
        emit: Emit,
        sign: Sign | None,
    ) -> None:
        self._sign = sign
        self._load = load
        self._loop = loop
        self._poster = poster
        self._clock = clock
        self._sequence = sequence
        self._emit = emit
        self._session = requests.Session()
        self._session.trust_env = load.through_proxies

    def run(self, place: int, stop: threading.Event) -> None:
        due_ns = self._clock.now_ns() + self._loop.first_due_ns(place)
        with self._session:
            for number in itertools.count(1):
                if stop.wait(max(0, due_ns - self._clock.now_ns()) / 1e9):
                    return
                observation = self._call(number, due_ns)
                ended_ns = observation.received_ns or self._clock.now_ns()
                self._emit(observation)
                due_ns = self._loop.next_due_ns(ended_ns)

    def _call(self, number: int, planned_ns: int) -> Observation:
        called = todo_id(self._poster, number, self._load.id_prefix)
        seq, sent_ns = self._sequence.start(self._clock)
        answer = self._answer_to(called)
        received_ns = self._clock.now_ns() if answer.status is not None else None
        return Observation(seq, self._poster, called, planned_ns, sent_ns, received_ns, *answer)

    def _answer_to(self, called: str) -> Answer:
        timeout = (self._load.connect_timeout_s, self._load.timeout_s)
        body, headers = TODO_REQUEST.body_for(called), TODO_REQUEST.headers
        if self._sign is not None:
            headers = self._sign(TODO_REQUEST, self._load.endpoint, body)
        try:
            with self._session.post(
                self._load.endpoint,
                data=body,
                headers=dict(headers),
                timeout=timeout,
                allow_redirects=False,
                stream=True,
            ) as response:
                return _read(response)
        # Neither of these was sent: no connection was made.
        except (requests.ConnectTimeout, requests.exceptions.SSLError) as error:
            return Answer("fail", error=short_error(type(error).__name__, _reason(error)))
        except requests.ConnectionError as error:
            never_left = isinstance(_cause(error), urllib3.exceptions.NewConnectionError)
            outcome: Outcome = "fail" if never_left else "unknown"
            return Answer(outcome, error=short_error(type(error).__name__, _reason(error)))
        # Everything else happened after sending: the write may have been made.
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            return Answer("unknown", error=short_error(type(error).__name__, _reason(error)))


def _read(response: requests.Response) -> Answer:
    try:
        body = response.raw.read(MAX_BODY_BYTES + 1, decode_content=True)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        return unreadable(response.status_code, type(error).__name__, str(error))
    if len(body) > MAX_BODY_BYTES:
        return unreadable(response.status_code, "TooLong", f"more than {MAX_BODY_BYTES} bytes")
    return read_answer(response.status_code, body, response.headers.get("x-amzn-RequestId"))


def _cause(error: Exception) -> object:
    """Return what lies under the layers in which requests and urllib3 wrap an error."""
    inner = error.args[0] if error.args else error
    return getattr(inner, "reason", inner)


def _reason(error: Exception) -> str:
    return str(_cause(error))
