"""The fast engine: both loops on libcurl's multi interface, one thread, one row per call.

A turn of its loop starts what is due, lets libcurl send and receive, emits the rows of the calls
that have ended, and waits for the next socket or the next planned instant.

Clocks: ``sent_ns`` is read just before a call is handed to libcurl, so that ``seq`` follows
``sent_ns``; making a connection comes after it and belongs to the call. ``received_ns`` is read
once a turn, when libcurl has read what there was: never too early, late by at most one turn.

Connections: each handle has its own, so posters never share one (AWS's front ends stay with a
connection: posters that shared one would all see the same front end). A connection that the server
closed while it was idle is left alone, and the call opens a new one. HTTP/2 alone shares: the calls
of one poster are streams of one connection.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pycurl

from poster.calls.answer import Answer
from poster.calls.curl_call import Call, Exchange, new_handle, set_headers
from poster.calls.engine import Emit, Load, Stop
from poster.calls.open_files import make_room
from poster.calls.request import todo_id
from poster.calls.signing import SigningError
from poster.rows.address import credentials
from poster.rows.clock import Clock
from poster.rows.record import PROBER, Observation, Step, StepName

LOOK_EVERY_S = 0.02  # at ``stop``, however long nothing happens
TRUSTED_NS = 1_000_000  # a connection that was used this recently is used again unseen
SPIN_S = 0.000_15  # a sleeping thread wakes up to 0.1 ms late; so we do not sleep up to the instant
# No sleep so short: the host gives an idle virtual core away and may bring it back some ms late. At
# more than 800 calls a second a core is kept busy.
NAP_S = 0.001_2
DROPPED_EVERY_NS = 1_000_000_000

EmitStep = Callable[[Step], None]


def _nothing() -> None:
    pass


class CurlEngine:
    """Runs both loops; ``probe`` is what a closed loop's probers send, where it has any.

    ``emit_step`` is told, once a second, how many calls an open loop had to drop. ``after_turn``
    is called when the rows of a turn have been emitted.
    """

    def __init__(
        self,
        exchange: Exchange | None = None,
        emit_step: EmitStep | None = None,
        after_turn: Callable[[], None] = _nothing,
        probe: Exchange | None = None,
    ) -> None:
        self._exchange = exchange or Exchange()
        self._probe = probe or self._exchange
        self._emit_step = emit_step
        self._after_turn = after_turn

    def run(self, load: Load, clock: Clock, emit: Emit, stop: Stop) -> None:
        """See Engine. Raises TooFewOpenFilesError before the first call."""
        kept_beside = 2 if self._exchange.fresh_share else 1
        make_room(kept_beside * load.loop.max_in_flight)
        run = _Run(load, self._exchange, self._probe, clock, emit)
        try:
            while not stop.abandon.is_set() and run.turn(stopping=stop.is_set()):
                run.report_dropped(self._emit_step, every_ns=DROPPED_EVERY_NS)
                self._after_turn()
                run.wait(stop)
            run.leave()
            run.report_dropped(self._emit_step, every_ns=0)
            self._after_turn()
        except SigningError:  # no call can be made any more; those in flight were
            run.leave()
            self._after_turn()
            raise
        finally:
            run.close()


class _Run:
    """One run of a load: the agenda, the calls in flight, the idle handles of each poster."""

    def __init__(
        self, load: Load, exchange: Exchange, probe: Exchange, clock: Clock, emit: Emit
    ) -> None:
        self._load = load
        self._exchanges = {PROBER: probe, **dict.fromkeys(load.posters, exchange)}
        self._url, *_ = credentials(load.endpoint)
        self._now_ns = clock.now_ns
        self._emit = emit
        self._multi = pycurl.CurlMulti()
        self._in_flight: dict[pycurl.Curl, Call] = {}
        shared = [poster for poster, each in self._exchanges.items() if each.http2]
        self._shares = {poster: _own_connections() for poster in shared}
        self._idle: dict[int, list[Call]] = {poster: [] for poster in self._exchanges}
        self._idle_fresh: dict[int, list[Call]] = {poster: [] for poster in self._exchanges}
        self._numbers = dict.fromkeys(self._exchanges, 0)
        self._seq = 0
        self._draw = random.Random(0)
        self._dropped = 0
        self._dropped_told_ns = clock.now_ns()
        self._agenda = load.loop.agenda(load.posters, clock.now_ns())

    def turn(self, stopping: bool) -> bool:
        """Start what is due, finish what has ended; return whether there is more to come."""
        if not stopping:
            self._start_due()
        if self._in_flight:
            self._multi.perform()
            self._finish_ended(self._now_ns())
        return bool(self._in_flight) or not (stopping or self._agenda.next_due_ns() is None)

    def wait(self, stop: Stop) -> None:
        """Wait until a socket is ready or a call is due, but not long."""
        wait_s = LOOK_EVERY_S
        due_ns = None if stop.is_set() else self._agenda.next_due_ns()
        if due_ns is not None:
            until_due_s = (due_ns - self._now_ns()) / 1e9
            wait_s = min(wait_s, until_due_s - SPIN_S if until_due_s > NAP_S else 0)
        if wait_s <= 0:
            return
        if not self._in_flight:
            stop.wait(wait_s)
            return
        timer_ms = self._multi.timeout()
        if timer_ms >= 0:
            wait_s = min(wait_s, timer_ms / 1e3)
        if self._multi.select(wait_s) == 0 and self._multi.fdset() == ([], [], []):
            time.sleep(min(wait_s, 0.001))  # a name is looked up: there is no socket to wait for

    def leave(self) -> None:
        """Emit a row for every call that is not waited for."""
        while self._in_flight:
            _, call = self._in_flight.popitem()
            self._finish(call, call.abandoned(), self._now_ns())

    def report_dropped(self, emit_step: EmitStep | None, every_ns: int) -> None:
        """Say how many calls were dropped since the last time, at most that often."""
        if not self._dropped:
            return
        now_ns = self._now_ns()
        if now_ns - self._dropped_told_ns >= every_ns:
            if emit_step is not None:
                emit_step(Step(StepName.CALLS_DROPPED, now_ns, {"count": self._dropped}))
            self._dropped, self._dropped_told_ns = 0, now_ns

    def close(self) -> None:
        """Free what libcurl holds: handles before the shares that they use."""
        for curl in self._in_flight:
            self._multi.remove_handle(curl)
            curl.close()
        for calls in (*self._idle.values(), *self._idle_fresh.values()):
            for call in calls:
                call.curl.close()
        self._multi.close()
        for share in self._shares.values():
            share.close()

    def _start_due(self) -> None:
        agenda, in_flight = self._agenda, self._in_flight
        bound = self._load.loop.max_in_flight
        while True:
            due_ns = agenda.next_due_ns()
            now_ns = self._now_ns()
            if due_ns is None or due_ns > now_ns:
                return
            planned_ns, poster = agenda.take()
            if len(in_flight) < bound:
                self._start(planned_ns, poster, now_ns)
            else:
                self._dropped += 1

    def _start(self, planned_ns: int, poster: int, now_ns: int) -> None:
        exchange = self._exchanges[poster]
        fresh = exchange.fresh_share > 0 and self._draw.random() < exchange.fresh_share
        call = self._idle_call(poster, fresh, now_ns)
        curl = call.curl
        self._numbers[poster] = number = self._numbers[poster] + 1
        self._seq = call.seq = self._seq + 1
        call.planned_ns, call.sent_ns = planned_ns, now_ns
        call.todo_id = todo_id(poster, number, self._load.id_prefix)
        body = exchange.request.body_for(call.todo_id)
        if body is not None:
            curl.setopt(pycurl.POSTFIELDS, body)
        if exchange.sign is not None:
            set_headers(curl, exchange.sign(exchange.request, self._url, body))
        self._in_flight[curl] = call
        self._multi.add_handle(curl)

    def _finish_ended(self, ended_ns: int) -> None:
        in_flight = self._in_flight
        left = 1
        while left:
            left, answered, failed = self._multi.info_read(64)
            for curl in answered:
                call = in_flight.pop(curl)
                exchange = self._exchanges[call.poster]
                self._finish(call, call.read(exchange.attribution, exchange.secrets), ended_ns)
            for curl, code, text in failed:
                call = in_flight.pop(curl)
                self._finish(call, call.failed(code, text), ended_ns)

    def _finish(self, call: Call, answer: Answer, ended_ns: int) -> None:
        self._multi.remove_handle(call.curl)
        row = Observation(
            call.seq,
            call.poster,
            call.todo_id,
            call.planned_ns,
            call.sent_ns,
            None if answer.status is None else ended_ns,
            *answer,
            *call.route(),
        )
        call.end(ended_ns)
        call.idle.append(call)
        self._agenda.ended(call.poster, ended_ns)
        self._emit(row)

    def _idle_call(self, poster: int, fresh: bool, now_ns: int) -> Call:
        exchange = self._exchanges[poster]
        idle = (self._idle_fresh if fresh else self._idle)[poster]
        while idle:
            call = idle.pop()  # the one used last: its connection is the least likely to be closed
            just_used = now_ns - call.ended_ns < TRUSTED_NS
            if just_used or exchange.http2 or call.is_usable():
                return call
            call.curl.close()
        share = self._shares[poster] if exchange.http2 else _own_connections()
        return Call(poster, fresh, idle, new_handle(self._load, exchange, share))


def _own_connections() -> pycurl.CurlShare:
    share = pycurl.CurlShare()
    share.setopt(pycurl.SH_SHARE, pycurl.LOCK_DATA_CONNECT)
    return share
