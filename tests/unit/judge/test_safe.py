from __future__ import annotations

import json

import pytest
from msgspec import structs

from poster.judge.analysis import Result, analyse
from poster.judge.safe import Safe, safe_in_all
from poster.report import json as report_json
from poster.report import sentences, text
from poster.rows.record import Observation, Step
from tests.support.histories import history_of, rows

BEAT_S = 0.1


def judged(calls: str, *steps: tuple[str, float]) -> Result:
    made = [*rows(calls), *(Step(name, round(beat * BEAT_S * 1e9)) for name, beat in steps)]
    return analyse(history_of(made), None)


def test_safe_counts_from_the_end_of_the_deploy_command() -> None:
    # The alias moves at beat 30.5, the last old answer is call 50, sent at beat 50.
    result = judged(
        "a" * 30 + "|" + "ab" * 10 + "b" * 300, ("deploy-started", 10), ("deploy-finished", 40)
    )
    (safe,) = result.safe
    assert safe.after == "deploy-finished"
    assert safe.s == pytest.approx(result.transitions[0].settled.upper_s - 9.5 * BEAT_S)  # type: ignore[operator]


def test_what_is_safe_before_the_command_ends_is_safe_at_once() -> None:
    (safe,) = judged(
        "a" * 30 + "|" + "b" * 330, ("deploy-started", 10), ("deploy-finished", 340)
    ).safe
    assert (safe.after, safe.s) == ("deploy-finished", 0.0)


def test_without_the_commands_end_it_counts_from_the_move_of_the_alias() -> None:
    (safe,) = judged("a" * 30 + "|" + "ab" * 10 + "b" * 300).safe
    assert safe.after == "alias-updated"
    assert safe.s == pytest.approx(31.75)


def test_without_any_step_it_counts_from_the_first_new_answer() -> None:
    (safe,) = judged("a" * 30 + "ba" * 10 + "b" * 300).safe
    assert safe.after == "first-new"


def test_the_end_of_another_deploy_is_not_this_ones() -> None:
    steps = [("deploy-started", 5), ("deploy-finished", 40), ("deploy-started", 350)]
    first, second = judged("a" * 30 + "|" + "b" * 350 + "|" + "c" * 300, *steps).safe
    assert (first.after, second.after) == ("deploy-finished", "alias-updated")


@pytest.mark.parametrize("ended", ["deploy-finished", "deploy-failed"])
def test_a_command_that_failed_has_ended_too(ended: str) -> None:
    (safe,) = judged("a" * 30 + "|" + "b" * 300, ("deploy-started", 10), (ended, 40)).safe
    assert safe.after == "deploy-finished"


def test_too_few_calls_say_how_many_and_how_fast_would_do() -> None:
    result = judged("a" * 30 + "|" + "ab" * 10 + "b" * 100)
    (safe,) = result.safe
    assert safe.s is None
    assert (
        "101 answers followed the last one of version 1, and it takes 299 in a row" in safe.reason
    )
    assert "go on for 30 s at 10.0 calls/s; 30 calls/s give them in 10 s" in safe.reason
    assert sentences.safe_line(result).startswith(
        "From when it is safe cannot be said: 101 answers"
    )


def test_at_a_high_rate_the_advice_is_a_second_and_not_none() -> None:
    calls = [row for row in rows("a" * 30 + "ab" * 10 + "b" * 100) if isinstance(row, Observation)]
    quick = [
        structs.replace(
            call,
            planned_ns=call.planned_ns // 100,
            sent_ns=call.sent_ns // 100,
            received_ns=None if call.received_ns is None else call.received_ns // 100,
        )
        for call in calls
    ]
    (safe,) = analyse(history_of(quick), None).safe
    assert "go on for 1 s at 1002.0 calls/s" in safe.reason


def test_of_several_deploys_the_slowest_counts_and_one_open_leaves_it_open() -> None:
    both = judged("a" * 30 + "|" + "ab" * 10 + "b" * 300 + "|" + "bc" * 20 + "c" * 300)
    assert sentences.safe_line(both).startswith("Safe from 33.8 s")
    assert "in the slowest of 2 deploys" in sentences.safe_line(both)
    cut = judged("a" * 30 + "|" + "ab" * 10 + "b" * 300 + "|" + "bc" * 20 + "c" * 30)
    assert safe_in_all(cut.safe).s is None
    assert "for 1 of 2 deploys" in sentences.safe_line(cut)


def test_without_a_new_release_nothing_is_safe() -> None:
    result = judged("a" * 300)
    assert safe_in_all(result.safe) == Safe(None, None, "no new release was seen to take over")


def test_a_deploy_that_did_harm_is_never_called_safe() -> None:
    result = judged("a" * 300 + "|" + "!" * 20 + "b" * 300)
    assert result.verdict == "broken"
    assert sentences.safe_line(result).startswith("Old code is gone from ")
    assert sentences.safe_line(result).endswith("but the deploy did harm.")


def test_the_first_line_of_the_report_is_from_when_it_is_safe() -> None:
    made = history_of(rows("a" * 30 + "|" + "ab" * 10 + "b" * 300))
    report = text.render(analyse(made, None), made)
    assert report.startswith("Safe from 31.8 s after the alias moved (95% confidence if each call")
    assert json.loads(report_json.render(analyse(made, None)))["safe"]["after"] == "alias-updated"
