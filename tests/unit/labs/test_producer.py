from __future__ import annotations

from collections.abc import Collection, Iterable

import pytest

from labs.invocation_patterns.producer import PATTERNS, Message, Producer, kind_of
from labs.invocation_patterns.worker_record import Record
from poster.calls.answer import Answer
from poster.calls.engine import Load, Stop
from poster.calls.schedule import OpenLoop
from poster.rows.clock import RunClock
from poster.rows.record import Observation

SQS = PATTERNS.index("sqs") + 1


class World:
    """A worker that processes good messages at once, and a queue for dead ones."""

    def __init__(self, clock: RunClock, forgets: Collection[str] = ()) -> None:
        self._clock = clock
        self._forgets = forgets
        self.sent: list[Message] = []
        self.dead: list[str] = []

    def by_sqs(self, message: Message) -> None:
        self.sent.append(message)
        if message.kind == "poison":
            self.dead.append(message.message_id)

    def by_api(self, message: Message) -> Answer:
        self.sent.append(message)
        return Answer("ok" if message.kind == "good" else "fail", 200, marker="aaa")

    def refuse(self, message: Message) -> None:
        raise ConnectionError("no route")

    def fetch(self, ids: Collection[str]) -> Iterable[Record]:
        now_ms = (self._clock.origin_unix_ns + self._clock.now_ns()) // 1_000_000
        for message in self.sent:
            if message.kind != "poison" and message.message_id not in self._forgets:
                yield Record(message.message_id, (), 1, 0, now_ms, "aaa", "1", "i", "r")


def produced(
    world: World, clock: RunClock, calls: int = 10, drain_s: float = 5.0, refuses: bool = False
) -> list[Observation]:
    by_sqs = world.refuse if refuses else world.by_sqs
    producer = Producer(
        {"sqs": by_sqs, "api": world.by_api}, world.fetch, lambda: world.dead, drain_s
    )
    rows: list[Observation] = []
    load = Load("", (1, SQS), OpenLoop(200, calls=calls))
    producer.run(load, clock, rows.append, Stop())
    return sorted(rows, key=lambda row: row.seq)


def test_every_message_leaves_one_row_with_its_numbers() -> None:
    clock = RunClock()
    rows = produced(World(clock), clock)
    assert [row.seq for row in rows] == list(range(1, 11))
    assert {row.todo_id for row in rows} == {
        f"t{poster:02}-{number:04}" for poster in (1, SQS) for number in range(1, 6)
    }
    assert all(row.received_ns is None or row.received_ns >= row.sent_ns for row in rows)
    assert [row.sent_ns for row in rows] == sorted(row.sent_ns for row in rows)


def test_the_workers_record_is_the_answer_and_a_dead_letter_a_failure() -> None:
    clock = RunClock()
    of = {row.todo_id: row for row in produced(World(clock), clock)}
    processed, dead = of["t07-0001"], of["t07-0005"]
    assert (processed.outcome, processed.marker, processed.function_version) == ("ok", "aaa", "1")
    assert processed.server_ms is not None
    assert (dead.outcome, dead.error, dead.received_ns) == ("fail", "dead letter", None)


def test_a_message_that_nobody_accounts_for_is_unknown() -> None:
    clock = RunClock()
    of = {row.todo_id: row for row in produced(World(clock, {"t07-0001"}), clock, drain_s=0.2)}
    assert of["t07-0001"].outcome == "unknown"
    assert of["t07-0002"].outcome == "ok"


def test_a_message_that_may_have_left_is_unknown_not_failed() -> None:
    clock = RunClock()
    of = {row.todo_id: row for row in produced(World(clock), clock, refuses=True)}
    assert (of["t07-0001"].outcome, of["t07-0001"].error) == (
        "unknown",
        "ConnectionError: no route",
    )


def test_a_table_that_cannot_be_read_ends_the_run_with_the_reason() -> None:
    clock = RunClock()
    world = World(clock)

    def broken(ids: Collection[str]) -> Iterable[Record]:
        raise ValueError("no table")

    producer = Producer({"sqs": world.by_sqs}, broken, lambda: [], 5.0)
    with pytest.raises(ValueError, match="no table"):
        producer.run(Load("", (SQS,), OpenLoop(50, calls=20)), clock, lambda row: None, Stop())


def test_of_twenty_messages_two_are_flaky_and_one_is_poison() -> None:
    kinds = [kind_of(number) for number in range(1, 21)]
    assert (kinds.count("good"), kinds.count("flaky"), kinds.count("poison")) == (17, 2, 1)
