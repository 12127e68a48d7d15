"""Histories whose order is known, with clocks that are wrong, and rows that cannot be."""

from __future__ import annotations

import dataclasses

import pytest
from msgspec import structs

from poster.judge.analysis import Result, analyse
from poster.rows.merge import merge
from poster.rows.record import Observation
from tests.support.truths import (
    SWITCH_S,
    Rows,
    Who,
    blanked,
    clean_cut,
    edited,
    failing,
    history,
    is_stale,
    mixture,
    moved,
    outage,
    result_of,
    sent_s,
    step,
    told,
    verdict,
)

# Clocks.


def shifted(call: Observation, by_ms: int) -> Observation:
    server_ms = call.server_ms
    return call if server_ms is None else structs.replace(call, server_ms=server_ms + by_ms)


CLOCKS = {
    "two servers 5 s apart": lambda call: shifted(
        call, -5000 if call.function_version == "1" else 0
    ),
    "ten servers of ten clocks": lambda call: shifted(call, 700 * (call.seq % 10)),
    "a clock that stands still": lambda call: structs.replace(call, server_ms=1_598_499_490_000),
    "seconds for milliseconds": lambda call: structs.replace(
        call, server_ms=(call.server_ms or 0) // 1000
    ),
    "always 0": lambda call: structs.replace(call, server_ms=0),
    "a clock that runs at double speed": lambda call: shifted(call, call.sent_ns // 1_000_000),
}


@pytest.mark.parametrize("name", CLOCKS)
def test_an_overlap_on_our_own_clock_is_mixed_whatever_servers_say(name: str) -> None:
    result = result_of(edited(told(mixture(4), [moved()]), CLOCKS[name]))
    assert result.verdict == "mixed"
    assert result.transitions[0].stale > 0
    assert result.transitions[0].window_s == pytest.approx(4, abs=0.3)


@pytest.mark.parametrize("name", CLOCKS)
def test_clocks_that_disagree_make_no_mixture(name: str) -> None:
    result = result_of(edited(told(clean_cut, [moved()]), CLOCKS[name]))
    assert result.verdict in {"clean", "unknown"}
    assert result.transitions[0].window_s < 0.1


def test_a_cached_old_answer_is_mixed() -> None:
    rows = told(clean_cut, [moved()])
    old = rows[499]
    assert isinstance(old, Observation)

    def replayed(call: Observation) -> Observation:
        if not (22 < sent_s(call) < 26 and call.seq % 10 == 0):
            return call
        return structs.replace(
            call,
            **{
                name: getattr(old, name)
                for name in ("marker", "config_marker", "function_version", "server_ms")
            },
        )

    assert verdict(edited(rows, replayed)) == "mixed"


def test_one_wrong_server_time_makes_no_window() -> None:
    wrong = lambda call: shifted(call, 3_600_000) if call.seq == 900 else call  # noqa: E731
    result = result_of(edited(told(clean_cut, [moved()]), wrong))
    assert result.transitions[0].window_s == 0
    assert result.verdict == "clean", result.witness


# Machines whose clocks nobody knows.


def by_two_machines(one: Rows, other: Rows, ahead_s: float) -> Result:
    """Merge them; the clock of the second is wrong, and nothing in it says by how much."""
    first = history(one, run_id="one")
    second = history(edited(other, lambda call: blanked(call, "server_ms")), run_id="other")
    wrong_ns = second.run.origin_unix_ns + round(ahead_s * 1e9)
    run = structs.replace(second.run, origin_unix_ns=wrong_ns)
    return analyse(merge([first, dataclasses.replace(second, run=run)]), rows=None)


@pytest.mark.parametrize("ahead_s", [-5, 5])
@pytest.mark.parametrize("who", [clean_cut, mixture(4)], ids=["clean", "mixed"])
def test_a_wall_clock_proves_no_order(ahead_s: int, who: Who) -> None:
    result = by_two_machines(told(clean_cut, [moved()]), told(who), ahead_s)
    assert result.verdict == ("unknown" if who is clean_cut else "mixed"), result.witness


@pytest.mark.parametrize("ahead_s", [-5, 5])
@pytest.mark.parametrize("steps", [[], [step("deploy-started", 15), moved()]])
@pytest.mark.parametrize("seen_by", ["one", "the other", "both"])
def test_harm_that_one_machine_saw_is_harm_whatever_the_others_wall_clock(
    ahead_s: int, steps: Rows, seen_by: str
) -> None:
    one = told(clean_cut if seen_by == "the other" else outage(0.5))
    other = told(clean_cut if seen_by == "one" else outage(0.5))
    assert by_two_machines([*one, *steps], other, ahead_s).verdict == "broken"


def test_a_wall_clock_moves_no_failure_into_a_deploy() -> None:
    other = told(failing(12, 14))
    assert by_two_machines(told(clean_cut, [moved()]), other, 7).verdict == "unknown"


# Rows that cannot be.


def test_an_answer_before_its_call_proves_nothing() -> None:
    def early(call: Observation) -> Observation:
        return structs.replace(call, received_ns=0) if call.seq == 1100 else call

    result = result_of(edited(told(clean_cut, [moved()]), early))
    assert result.transitions[0].certain_window_s == 0
    assert result.verdict == "unknown"
    assert result.checks["impossible_times"].count == 1


def test_an_ok_without_an_answer_proves_nothing() -> None:
    rows = edited(
        told(mixture(4), [moved()]),
        lambda call: structs.replace(call, received_ns=None) if is_stale(call) else call,
    )
    assert verdict(rows) == "unknown"


def test_rows_that_stand_there_twice_count_once() -> None:
    rows = told(clean_cut, [moved()], seconds=SWITCH_S + 4)
    assert verdict([*rows, *rows]) == "unknown"
    assert result_of([*rows, *rows]).transitions[0].new_answers == 201
