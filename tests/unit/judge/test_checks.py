"""Every check against a history that breaks exactly it, and against one that only looks like it."""

from __future__ import annotations

import dataclasses
from typing import Any

import polars as pl
import pytest
from msgspec import structs

from poster.judge.checks import CHECKS, Checks, Finding, check
from poster.rows.history import History
from poster.rows.record import Observation
from poster.rows.skew import estimate_clock
from tests.support.histories import RUN, history_of, rows, stored

Calls = list[Any]
Items = list[dict[str, Any]]

RELEASES = [
    {"marker": "aaa", "config_marker": "aaa"},
    {"marker": "bbb", "config_marker": "bbb"},
]
COUNTED = set(CHECKS)


def checked(calls: Calls, items: Items | None, **history: Any) -> Checks:
    run = structs.replace(RUN, settings={"releases": RELEASES})
    found = dataclasses.replace(history_of(calls, run), **history)
    dump = None
    if items is not None:
        dump = pl.DataFrame(
            [{"todo_id": item["todoId"], "marker": item["lambda"]} for item in items],
            schema={"todo_id": pl.String, "marker": pl.String},
        )
    return check(found, dump, estimate_clock(found.calls, run.origin_unix_ns))


def violated(checks: Checks) -> dict[str, int]:
    return {name: checks[name].count for name in CHECKS if checks[name].count}


def changed(calls: Calls, seq: int, **fields: Any) -> Calls:
    return [
        structs.replace(row, **fields) if isinstance(row, Observation) and row.seq == seq else row
        for row in calls
    ]


WHOLE = rows("aaa|babbb")
STORED = stored(WHOLE)


def test_a_whole_history_violates_nothing() -> None:
    checks = checked(WHOLE, STORED)
    assert violated(checks) == {}
    assert checks.rows_read == 8


def test_without_a_dump_nothing_is_read_and_nothing_accused() -> None:
    checks = checked(rows("aa?!|bb"), None)
    assert violated(checks) == {}
    assert checks.rows_read is None


BROKEN: dict[str, tuple[Calls, Items, str]] = {
    "lost_writes": (WHOLE, STORED[:2] + STORED[3:], "call 3 (t03-0003)"),
    "duplicate_rows": (WHOLE, [*STORED, STORED[4]], "t02-0005, 2 rows"),
    "phantom_rows": (WHOLE, [*STORED, {"todoId": "t09-0001", "lambda": "aaa"}], "t09-0001"),
    "failed_but_written": (
        rows("aaa|!bb"),
        [*stored(rows("aaa|!bb")), {"todoId": "t01-0004", "lambda": None}],
        "call 4 (t01-0004)",
    ),
    "marker_mismatches": (
        WHOLE,
        [*STORED[:7], {**STORED[7], "lambda": "aaa"}],
        "call 8: bbb, row: aaa",
    ),
    "chimeras": (
        changed(WHOLE, 5, config_marker="bbb"),
        STORED,
        "call 5: code aaa, configuration bbb",
    ),
    "unknown_written": (
        rows("aa?|bb"),
        [*stored(rows("aa?|bb")), {"todoId": "t03-0003", "lambda": "aaa"}],
        "call 3 (t03-0003)",
    ),
    "unknown_not_written": (rows("aa?|bb"), stored(rows("aa?|bb")), "call 3 (t03-0003)"),
    "sequence_gaps": (
        [row for row in WHOLE if getattr(row, "seq", 0) != 6],
        STORED[:5] + STORED[6:],
        "call 6",
    ),
    "repeated_seqs": (
        [*WHOLE, structs.replace(WHOLE[-1], todo_id="t09-0001")],
        [*STORED, {"todoId": "t09-0001", "lambda": "bbb"}],
        "call 8",
    ),
    "mixed_versions": (
        changed(WHOLE, 8, marker="aaa", config_marker="aaa"),
        [*STORED[:7], {**STORED[7], "lambda": "aaa"}],
        "version 2: bbb in call 4, aaa in call 8",
    ),
    "outside_call": (changed(WHOLE, 7, server_ms=WHOLE[0].server_ms), STORED, "call 7"),
    "impossible_times": (changed(WHOLE, 7, received_ns=0, server_ms=None), STORED, "call 7"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_check_finds_what_breaks_it_and_nothing_else_does(name: str) -> None:
    calls, items, witness = BROKEN[name]
    checks = checked(calls, items)
    assert violated(checks) == {name: 1}
    assert checks[name].witnesses == (witness,)


@pytest.mark.parametrize("name", ["malformed_lines", "torn_bytes"])
def test_damage_of_the_file_is_passed_on(name: str) -> None:
    assert violated(checked(WHOLE, STORED, **{name: 3})) == {name: 3}


RETRIED = [*WHOLE, structs.replace(WHOLE[-1], seq=9)]
LATEST = [
    structs.replace(row, function_version="$LATEST") if isinstance(row, Observation) else row
    for row in WHOLE
]
AN_HOUR_AHEAD = [
    structs.replace(row, server_ms=row.server_ms + 3_600_000)
    if isinstance(row, Observation)
    else row
    for row in WHOLE
]

# Histories that come near to a violation and are none.
SOUND: dict[str, tuple[Calls, Items | None]] = {
    "lost_writes": (rows("aa?|bb!"), stored(rows("aa?|bb!"))),  # what is missing was not promised
    "duplicate_rows": (RETRIED, STORED),  # two calls, one row
    "phantom_rows": (rows("aa!"), [*stored(rows("aa!")), {"todoId": "t03-0003", "lambda": "a"}]),
    "failed_but_written": (rows("aaa|!bb"), stored(rows("aaa|!bb"))),
    "marker_mismatches": (WHOLE, [*STORED[:7], {**STORED[7], "lambda": None}]),
    "chimeras": (changed(WHOLE, 5, config_marker=None), STORED),
    "unknown_written": (
        rows("aa!|bb"),
        [*stored(rows("aa!|bb")), {"todoId": "t03-0003", "lambda": "a"}],
    ),
    "unknown_not_written": (rows("aa?|bb"), None),  # nobody looked
    "sequence_gaps": ([*WHOLE[4:], *WHOLE[:4]], STORED),  # late, not missing
    "repeated_seqs": (RETRIED, STORED),  # a todo again, not a number
    "mixed_versions": (LATEST, STORED),  # $LATEST is a moving name
    "impossible_times": (rows("aa?|bb"), None),  # no answer, and none claimed
    "outside_call": (AN_HOUR_AHEAD, STORED),  # skew that all calls have in common
}


@pytest.mark.parametrize("name", SOUND)
def test_a_check_is_not_taken_in_by_what_only_looks_like_it(name: str) -> None:
    assert name not in violated(checked(*SOUND[name]))


def test_every_check_is_tested_both_ways() -> None:
    damage = {"malformed_lines", "torn_bytes"}  # their two ways are in test_history.py
    assert set(BROKEN) | damage == COUNTED
    assert set(SOUND) | damage == COUNTED


def test_a_retry_keeps_the_first_writers_row_without_a_mismatch() -> None:
    again = structs.replace(WHOLE[-1], seq=9, todo_id=WHOLE[0].todo_id)
    assert violated(checked([*WHOLE, again], STORED)) == {}


def test_a_failed_call_whose_retry_was_written_is_explained() -> None:
    calls = rows("aaa|!bb")
    retry = structs.replace(calls[-1], seq=7, todo_id="t01-0004")
    assert violated(checked([*calls, retry], stored([*calls, retry]))) == {}


def test_a_lost_write_with_an_unknown_call_beside_it_is_still_lost() -> None:
    assert violated(checked(rows("a?"), [])) == {"lost_writes": 1, "unknown_not_written": 1}


def test_a_gap_at_the_start_is_a_gap_and_names_its_ends() -> None:
    checks = checked([row for row in WHOLE if getattr(row, "seq", 9) > 3], None)
    assert checks["sequence_gaps"] == Finding(3, ("calls 1 to 3",))


def test_without_a_list_of_releases_no_chimera_is_counted() -> None:
    history = history_of(changed(WHOLE, 5, config_marker="bbb"))
    checks = check(history, None, estimate_clock(history.calls, 0))
    assert checks["chimeras"] == Finding()


@pytest.mark.parametrize("releases", [None, "aaa", [1, None], [{"marker": ["x"]}], {}])
def test_a_list_of_releases_that_makes_no_sense_is_no_list(releases: Any) -> None:
    run = structs.replace(RUN, settings={"releases": releases})
    history: History = history_of(WHOLE, run)
    assert check(history, None, estimate_clock(history.calls, 0))["chimeras"] == Finding()


def test_an_unlisted_marker_makes_no_chimera() -> None:
    assert violated(checked(changed(WHOLE, 5, config_marker="zzz"), STORED)) == {}


def test_only_a_few_witnesses_are_named() -> None:
    checks = checked(rows("a" * 50), [])
    assert checks["lost_writes"].count == 50
    assert len(checks["lost_writes"].witnesses) == 5
