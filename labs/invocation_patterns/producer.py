"""Sends numbered messages by every pattern, and waits for what the worker writes down of them.

An *engine* (``poster.calls.engine``) whose calls need not be answered by their caller: the answer
to a message is the worker's record of it, or its dead letter. A poster is a pattern; they take
turns at a steady rate (open loop).

Clocks: ``sent_ns`` is ours. ``server_ms`` is the worker's, and ``received_ns`` that moment on the
run's clock: nobody else saw the message arrive. Where the two machines differ, so do these.

Invariant: a message that was sent leaves one row: ok when the record has its effect, fail when
it was refused or is a dead letter, unknown when neither was seen until the end.
"""

from __future__ import annotations

import dataclasses
import itertools
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from msgspec import structs

from labs.invocation_patterns.worker_record import Record, dead_in
from poster.calls.answer import Answer, short_error
from poster.calls.background import Background
from poster.calls.engine import Emit, Load, Stop
from poster.calls.request import todo_id
from poster.rows.clock import Clock, from_server_ms
from poster.rows.record import Observation

PATTERNS = ("api", "event", "sns", "s3", "kinesis", "dynamodb", "sqs")
LOOK_EVERY_S = 1.0
_SENDERS_AT_ONCE = 64


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    """What is sent; ``pattern`` is how."""

    message_id: str
    pattern: str
    kind: str


def kind_of(number: int) -> str:
    """Return the kind of a pattern's message with that running number.

    Of each 20, one is poison and two are flaky, far enough apart to tell what each holds up.
    """
    if number % 20 == 5:
        return "poison"
    return "flaky" if number % 10 == 8 else "good"


def message_of(poster: int, number: int) -> Message:
    """Return a pattern's message with that running number; posters count from 1."""
    return Message(todo_id(poster, number), PATTERNS[poster - 1], kind_of(number))


# Returns an answer where the pattern has one, else None: accepted, and the record will tell.
# Raises what the sending library raises.
Send = Callable[[Message], Answer | None]
Fetch = Callable[[Collection[str]], Iterable[Record]]  # the records of these messages, so far


@dataclasses.dataclass(frozen=True, slots=True)
class Producer:
    """Runs a load whose loop is open and whose posters are patterns."""

    senders: Mapping[str, Send]
    fetch: Fetch
    dead_letters: Callable[[], Iterable[str]]  # all that have come until now
    drain_s: float  # the longest wait for records once everything is sent

    def run(self, load: Load, clock: Clock, emit: Emit, stop: Stop) -> None:
        """See Engine. Once told to stop, it waits until every message is accounted for."""
        sent = _Sent(clock, emit)
        agenda = load.loop.agenda(load.posters, clock.now_ns())
        numbers = {poster: itertools.count(1) for poster in load.posters}
        looking = Background("records", lambda: self._look(sent, stop), on_end=stop.set)
        looking.start()
        with ThreadPoolExecutor(_SENDERS_AT_ONCE, "sender") as pool:
            while not stop.is_set() and (due_ns := agenda.next_due_ns()) is not None:
                if stop.wait(max(0, due_ns - clock.now_ns()) / 1e9):
                    break
                planned_ns, poster = agenda.take()
                message = message_of(poster, next(numbers[poster]))
                pool.submit(self._send, sent, poster, message, planned_ns)
        sent.deadline = time.monotonic() + self.drain_s
        looking.wait()
        sent.give_up()
        looking.check()

    def _send(self, sent: _Sent, poster: int, message: Message, planned_ns: int) -> None:
        draft = sent.start(poster, message.message_id, planned_ns)
        try:
            answer = self.senders[message.pattern](message)
        except Exception as error:  # whatever the library: it may have been taken or not
            answer = Answer("unknown", error=short_error(type(error).__name__, str(error)))
        if answer is not None:
            sent.answered(draft, answer)

    def _look(self, sent: _Sent, stop: Stop) -> None:
        while not stop.abandon.is_set():
            is_last = time.monotonic() > sent.deadline
            waiting = sent.waiting()
            records = list(self.fetch(waiting)) if waiting else []
            sent.recorded(records)
            sent.died(dead_in(self.dead_letters(), records))
            if is_last or (sent.deadline < float("inf") and not sent.waiting()):
                return
            stop.abandon.wait(LOOK_EVERY_S)


class _Sent:
    """The messages that are under way. Thread-safe."""

    def __init__(self, clock: Clock, emit: Emit) -> None:
        self._clock = clock
        self._emit = emit
        self._lock = threading.Lock()
        self._seqs = itertools.count(1)
        self._open: dict[str, Observation] = {}
        self.deadline = float("inf")  # of the looking, once everything is sent

    def start(self, poster: int, message_id: str, planned_ns: int) -> Observation:
        # Number and time under one lock, so that seq follows sent_ns.
        with self._lock:
            seq, sent_ns = next(self._seqs), self._clock.now_ns()
            draft = Observation(seq, poster, message_id, planned_ns, sent_ns, None, "unknown")
            self._open[message_id] = draft
        return draft

    def answered(self, draft: Observation, answer: Answer) -> None:
        received_ns = self._clock.now_ns() if answer.status is not None else None
        self._close(draft.todo_id, received_ns, answer)

    def waiting(self) -> list[str]:
        with self._lock:
            return list(self._open)

    def recorded(self, records: Iterable[Record]) -> None:
        for record in records:
            if record.effects and record.processed_at_ms is not None:
                at_ns = from_server_ms(record.processed_at_ms, self._clock.origin_unix_ns)
                self._close(record.message_id, at_ns, _answer_in(record))

    def died(self, dead: Iterable[str]) -> None:
        for message_id in dead:
            self._close(message_id, None, Answer("fail", error="dead letter"))

    def give_up(self) -> None:
        for message_id in self.waiting():
            self._close(message_id, None, Answer("unknown", error="neither record nor dead letter"))

    def _close(self, message_id: str, received_ns: int | None, answer: Answer) -> None:
        with self._lock:
            draft = self._open.pop(message_id, None)
        if draft is None:
            return
        if received_ns is not None:
            # The worker's clock counts milliseconds, ours nanoseconds.
            received_ns = max(received_ns, draft.sent_ns)
        done = answer._asdict()
        self._emit(structs.replace(draft, received_ns=received_ns, **done))


def _answer_in(record: Record) -> Answer:
    return Answer(
        "ok",
        marker=record.marker,
        function_version=record.function_version,
        instance_id=record.instance_id,
        server_ms=record.processed_at_ms,
        request_id=record.request_id,
    )
