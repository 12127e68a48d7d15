from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from labs.invocation_patterns.judge import (
    Evidence,
    Pattern,
    checks_in,
    faults_in,
    patterns_in,
    tables,
)
from labs.invocation_patterns.producer import PATTERNS, kind_of
from labs.invocation_patterns.worker_record import Attempt, Record, dead_in, record_in
from poster.calls.request import todo_id
from poster.rows.history import History, observations_frame
from poster.rows.record import Run

RUN = Run("r", 1_000_000_000_000_000_000, "local", "e", "open", 7)
ORIGIN_MS = RUN.origin_unix_ns // 1_000_000
KINESIS = PATTERNS.index("kinesis") + 1
COUNT = 12  # number 5 is poison, 8 is flaky
STORE = {"todo_id": pl.String(), "marker": pl.String()}


def record(number: int, poster: int = KINESIS) -> Record:
    """Return the record of a message sent every 100 ms, processed 10 ms later by aaa, then xxx."""
    kind = kind_of(number)
    starts = {"good": [10], "flaky": [10, 60], "poison": [10, 20, 30]}[kind]
    sent_ms = ORIGIN_MS + number * 100
    marker, version = ("aaa", "1") if number < 7 else ("xxx", "2")
    done = kind != "poison"
    return Record(
        message_id=todo_id(poster, number),
        attempts=tuple(Attempt(sent_ms + at, marker, "shard", str(number)) for at in starts),
        effects=int(done),
        repeats=0,
        processed_at_ms=sent_ms + starts[-1] if done else None,
        marker=marker if done else None,
        function_version=version if done else None,
        instance_id="i",
        request_id="r",
    )


def observation(each: Record, number: int, poster: int) -> dict[str, Any]:
    sent_ns = number * 100_000_000
    at_ms = each.processed_at_ms
    return {
        **{"seq": number, "poster": poster, "todo_id": each.message_id, "planned_ns": sent_ns},
        "sent_ns": sent_ns,
        "received_ns": None if at_ms is None else (at_ms - ORIGIN_MS) * 1_000_000,
        "outcome": "ok" if each.effects else "fail",
        **{"server_ms": at_ms, "marker": each.marker, "function_version": each.function_version},
    }


def evidence(
    change: Callable[[dict[int, Record]], None] = lambda records: None,
    dead: frozenset[int] = frozenset({5}),
) -> Evidence:
    records = {number: record(number) for number in range(1, COUNT + 1)}
    rows = [observation(each, number, KINESIS) for number, each in records.items()]
    change(records)
    stored = [row for each in records.values() for row in each.rows()]
    return Evidence(
        History(RUN, observations_frame(rows).lazy(), []),
        pl.DataFrame(
            [{"todo_id": row["todoId"], "marker": row["lambda"]} for row in stored], STORE
        ),
        {each.message_id: each for each in records.values()},
        {todo_id(KINESIS, number) for number in dead},
    )


def only(given: Evidence) -> Pattern:
    (pattern,) = patterns_in(given)
    return pattern


def faults(given: Evidence) -> list[str]:
    return faults_in(patterns_in(given), checks_in(given))


def test_a_clean_run_has_no_fault_and_every_message_is_somewhere() -> None:
    given = evidence()
    pattern = only(given)
    assert faults(given) == []
    assert (pattern.once, pattern.repeated, len(pattern.never)) == (11, 0, 0)
    assert pattern.dead == (todo_id(KINESIS, 5),)
    assert pattern.by_release == {"aaa": 5, "xxx": 6}
    assert (pattern.p50_ms, pattern.p99_ms) == (10, 60)
    assert (pattern.retries, pattern.overtaken, pattern.window_s) == (2, 0, 0)
    # Number 6 was sent at 600 ms, when the poison was done with at 530 ms: only its own 10 ms.
    assert pattern.blocked_s == pytest.approx(0.010)
    assert "kinesis" in tables([pattern], {}, 3)[2].text()


def test_a_message_without_record_or_dead_letter_is_lost() -> None:
    given = evidence(dead=frozenset())
    assert only(given).never == (todo_id(KINESIS, 5),)
    assert faults(given) == ["kinesis: 1 processed never: t05-0005"]


def test_a_second_effect_is_found_by_the_lab_and_by_posters_own_check() -> None:
    def twice(records: dict[int, Record]) -> None:
        records[3] = dataclasses.replace(records[3], effects=2)

    assert faults(evidence(twice)) == [
        "kinesis: 1 processed with two effects: t05-0003",
        "duplicate_rows: 1: t05-0003, 2 rows",
    ]


def test_a_repeat_without_effect_is_counted_and_no_fault() -> None:
    def again(records: dict[int, Record]) -> None:
        first = records[3]
        records[3] = dataclasses.replace(first, repeats=1, attempts=first.attempts * 2)

    pattern = only(evidence(again))
    assert (pattern.once, pattern.repeated, pattern.retries) == (10, 1, 2)
    assert faults(evidence(again)) == []


def test_a_dead_letter_that_is_no_poison_is_a_fault() -> None:
    assert faults(evidence(dead=frozenset({5, 6}))) == [
        "kinesis: 1 dead letters without being poison: t05-0006"
    ]


def test_a_lost_acknowledged_message_is_found_by_posters_own_check() -> None:
    def forgotten(records: dict[int, Record]) -> None:
        del records[4]

    said = faults(evidence(forgotten))
    assert said == [
        "kinesis: 1 processed never: t05-0004",
        "lost_writes: 1: call 4 (t05-0004)",
    ]


def test_a_shard_that_lost_its_order_is_a_fault() -> None:
    def late(records: dict[int, Record]) -> None:
        third = records[3]
        assert third.processed_at_ms is not None
        records[3] = dataclasses.replace(third, processed_at_ms=third.processed_at_ms + 250)

    given = evidence(late)
    assert only(given).overtaken == 1
    assert faults(given) == ["kinesis: 1 overtaken within a shard"]


def test_who_waits_behind_poison_is_measured_from_its_first_attempt() -> None:
    def blocked(records: dict[int, Record]) -> None:
        for number in (6, 7):
            behind = records[number]
            assert behind.processed_at_ms is not None
            records[number] = dataclasses.replace(
                behind, processed_at_ms=behind.processed_at_ms + 2000
            )

    assert only(evidence(blocked)).blocked_s == pytest.approx(2.010)


def test_a_message_is_not_blocked_before_the_poison_is_begun() -> None:
    def begun_late(records: dict[int, Record]) -> None:
        # Number 6 was sent at 600 ms and waited, like the poison before it, for other reasons.
        poison, behind = records[5], records[6]
        first = dataclasses.replace(poison.attempts[0], at_ms=ORIGIN_MS + 700)
        records[5] = dataclasses.replace(poison, attempts=(first,))
        records[6] = dataclasses.replace(behind, processed_at_ms=ORIGIN_MS + 900)

    assert only(evidence(begun_late)).blocked_s == pytest.approx(0.2)


def test_dead_letters_name_their_messages_in_the_shape_of_whoever_gave_up() -> None:
    shard = {"KinesisBatchInfo": {"startSequenceNumber": "4", "endSequenceNumber": "5"}}
    letters = [
        '{"messageId": "t07-0005", "kind": "poison"}',
        json.dumps({"Records": [{"Sns": {"Message": '{"messageId": "t03-0005"}'}}]}),
        json.dumps({"Records": [{"s3": {"object": {"key": "poison/t04-0005"}}}]}),
        json.dumps(shard),
        "[]",
    ]
    records = [record(number) for number in range(1, COUNT)]
    assert dead_in(letters, records) == {
        *("t07-0005", "t03-0005", "t04-0005"),
        *(todo_id(KINESIS, 4), todo_id(KINESIS, 5)),
    }


def test_an_item_that_was_only_attempted_is_a_record_without_effect() -> None:
    attempt = {"at": 1, "marker": "aaa", "lane": "", "sequence": "", "requestId": "r"}
    read = record_in({"messageId": "t01-0001", "attempts": [attempt], "source": "sqs"})
    assert (read.effects, read.rows(), len(read.attempts)) == (0, [], 1)
