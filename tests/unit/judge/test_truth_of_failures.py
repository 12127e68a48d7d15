"""Failures whose cause is known: a deploy's are harm, others are none of its doing."""

from __future__ import annotations

import pytest
from msgspec import structs

from poster.report.sentences import headline
from poster.rows.record import Observation
from tests.support import alarms
from tests.support import histories as notation
from tests.support.truths import (
    SWITCH_S,
    Rows,
    blanked,
    clean_cut,
    edited,
    failing,
    made_unknown,
    moved,
    outage,
    result_of,
    sent_s,
    step,
    told,
    verdict,
)

# An outage between the last old answer and the first new one.


@pytest.mark.parametrize("seconds", [0.2, 5, 30])
@pytest.mark.parametrize(
    "steps",
    [
        [],
        [step("code-updated", SWITCH_S)],
        [moved()],
        [moved(SWITCH_S + 10)],
        [step("deploy-started", 15), moved()],
    ],
    ids=["no steps", "code-updated", "alias", "alias 10 s late", "deploy-started"],
)
def test_an_outage_while_new_code_takes_over_is_broken(seconds: float, steps: Rows) -> None:
    result = result_of([*told(outage(seconds)), *steps])
    assert result.verdict == "broken", result.witness
    longest = result.transitions[0].outage
    assert longest is not None
    assert longest.lower_s <= seconds + 0.05
    assert longest.upper_s is not None
    assert longest.upper_s >= seconds - 0.05


def test_calls_in_flight_at_the_switch_that_end_as_502_are_broken() -> None:
    def in_flight(call: Observation) -> Observation:
        if SWITCH_S - 0.4 <= sent_s(call) < SWITCH_S:
            return structs.replace(
                blanked(call, "marker", "config_marker", "function_version", "server_ms"),
                outcome="fail",
                status=502,
                received_ns=round((SWITCH_S + 0.1) * 1e9),
            )
        return call

    assert verdict(edited(told(clean_cut, [moved()]), in_flight)) == "broken"


# The new release never answers.


@pytest.mark.parametrize(
    "steps",
    [
        [moved()],
        [step("deploy-started", 15), step("deploy-failed", 40)],
        [step("deploy-started", 15), moved(), step("deploy-finished", 22)],
        [],
    ],
    ids=["alias", "deploy-failed", "deploy-finished", "no steps"],
)
def test_a_release_that_fails_every_call_is_broken(steps: Rows) -> None:
    assert verdict([*told(failing(SWITCH_S, 99)), *steps]) == "broken"


def test_a_second_deploy_that_crashes_is_broken() -> None:
    crashes = failing(40, 99)
    steps = [step("deploy-started", 15), moved(), step("deploy-started", 39), moved(40, "2", "3")]
    assert verdict(told(crashes, steps)) == "broken"


def test_a_canary_that_crashes_and_is_rolled_back_is_broken() -> None:
    crashes = failing(SWITCH_S, 30, lambda at_s, seq: "1", every=10)
    steps = [moved(weight=0.1), moved(30, "2", "1", weight=0.0)]
    assert verdict(told(crashes, steps)) == "broken"


# Deploys that failed, were repeated or overlap.


def test_a_deploy_that_breaks_calls_and_is_repeated_is_broken() -> None:
    first = failing(10, 15, lambda at_s, seq: "1" if at_s < 40 else "2")
    steps = [
        *(step("deploy-started", 10), step("deploy-failed", 15), step("deploy-started", 38)),
        *(moved(40), step("deploy-finished", 41)),
    ]
    assert verdict(told(first, steps)) == "broken"


def test_a_second_deploy_that_starts_before_the_first_ended_hides_nothing() -> None:
    steps = [step("deploy-started", 10), step("deploy-started", 16), moved()]
    assert verdict(told(failing(11, 14), steps)) == "broken"


@pytest.mark.parametrize("begin_s", [27, 40])
@pytest.mark.parametrize("steps", [[], [moved()], [step("deploy-started", 15), moved()]])
def test_an_outage_after_callers_had_settled_is_not_clean(begin_s: int, steps: Rows) -> None:
    result = result_of([*told(failing(begin_s, begin_s + 2)), *steps])
    assert result.verdict == "unknown"
    assert "nothing says whether a deploy did that" in result.witness


def test_a_release_that_begins_to_fail_after_callers_had_settled_is_not_clean() -> None:
    assert verdict(told(failing(30, 99, every=20), [moved()])) == "unknown"


def test_an_outage_before_the_switch_is_cleared_by_a_deploy_started_step_alone() -> None:
    rows = told(failing(SWITCH_S - 3, SWITCH_S - 1), [moved()])
    assert verdict(rows) == "unknown"
    assert verdict([*rows, step("deploy-started", SWITCH_S - 0.5)]) == "clean"


@pytest.mark.parametrize("every", [2, 3, 10])
def test_failures_that_gather_before_any_step_are_not_clean(every: int) -> None:
    """Never five in a row: a deploy may have begun before its first step."""
    rows = told(failing(5, SWITCH_S, every=every), [moved()])
    result = result_of(rows)
    assert result.verdict == "unknown"
    assert "around it, in no deploy's stretch" in result.witness
    assert verdict(edited(rows, hiding_failures)) == "unknown"
    assert verdict([*rows, step("deploy-started", SWITCH_S - 0.5)]) == "clean"


def test_seconds_of_failures_in_minutes_of_deploying_are_harm_beside_a_short_baseline() -> None:
    """Of all calls of the stretch too few fail to differ from a hundred good ones before."""
    steps = [step("deploy-started", 5), step("deploy-finished", 85), moved(80)]
    who = lambda at_s, seq: "1" if at_s < 80 else "2"  # noqa: E731
    rows = told(failing(80, 84, who, every=4), steps, rate=20, seconds=100)
    result = result_of(rows)
    assert result.verdict == "broken"
    assert "while version 2 took over from version 1, and so did " in result.witness
    assert verdict(edited(rows, hiding_failures)) == "unknown"


def test_failures_that_gather_all_the_time_blame_no_deploy() -> None:
    bursts = lambda at_s, seq: "!" if at_s % 10 < 0.2 else clean_cut(at_s, seq)  # noqa: E731
    rows = told(bursts, [step("deploy-started", 15), moved()])
    assert verdict(rows) != "broken"


def hiding_failures(call: Observation) -> Observation:
    return made_unknown(call) if call.outcome == "fail" else call


def test_calls_that_are_missing_before_a_deploy_excuse_nothing() -> None:
    """Four of them and one that failed, all at once, are no failures that gather."""
    calls = "a" * 8 + "!" + "a" * 51 + "!" * 30 + "b" * 321 + "c" * 311
    rows = notation.rows(calls, server_clock=False)
    fewer = edited(rows, lambda call: None if call.seq <= 4 else call)
    steps = [step("deploy-started", 5.1), moved(6.05)]
    assert verdict([*rows, *steps]) == "broken"
    assert verdict([*fewer, *steps]) == "broken"


def test_failures_of_a_failed_deploy_that_are_hidden_are_never_clean() -> None:
    steps = [step("deploy-started", 5), step("deploy-failed", 8), step("deploy-started", 18)]
    rows = told(failing(6, 7), [*steps, moved()])
    assert verdict(rows) == "broken"
    assert verdict(edited(rows, hiding_failures)) == "unknown"


def test_time_outs_until_the_end_are_never_clean() -> None:
    rows = told(failing(40, 99), [moved()])
    assert verdict(rows) == "broken"
    assert verdict(edited(rows, hiding_failures)) == "unknown"


def test_a_baseline_that_lost_its_good_calls_excuses_nothing() -> None:
    who = failing(SWITCH_S, SWITCH_S + 5, failing(0, 1, every=40), every=30)
    rows = told(who, [step("deploy-started", 19), moved()])
    assert verdict(rows) == "broken"
    fewer = lambda call: None if call.outcome == "ok" and 50 < call.seq < 900 else call  # noqa: E731
    assert verdict(edited(rows, fewer)) == "unknown"


def test_new_answers_that_are_hidden_before_a_late_step_are_never_clean() -> None:
    who = lambda at, seq: "1" if at < 24 and (at < 20 or seq % 5) else "2"  # noqa: E731
    hidden = lambda call: (  # noqa: E731
        made_unknown(call) if call.function_version == "2" and sent_s(call) < 24 else call
    )
    rows = told(who, [moved(SWITCH_S + 10)])
    assert verdict(rows) == "mixed"
    assert verdict(edited(rows, hidden)) == "unknown"


# What cannot be told of one deploy excuses no other.


def test_a_failure_without_baseline_hides_no_later_harm() -> None:
    def early(at_s: float, seq: int) -> str:
        return (
            "!" if seq == 1 else failing(40, 42, lambda at, _: "2" if at < 40 else "3")(at_s, seq)
        )

    steps = [
        step("deploy-started", 0),
        moved(0.01),
        step("deploy-started", 39),
        moved(40, "2", "3"),
    ]
    assert verdict(told(early, steps)) == "broken"
    stale = lambda at, seq: "3" if at >= 40 and (at > 44 or seq % 5) else "2"  # noqa: E731
    mixed = lambda at, seq: "!" if seq == 1 else stale(at, seq)  # noqa: E731
    assert verdict(told(mixed, steps)) == "mixed"


# Headlines.


def test_no_headline_says_that_nothing_failed_where_much_did() -> None:
    for rows in (
        told(failing(30, 99), [moved()]),
        told(failing(30, 50), [moved()]),
        told(failing(1, 15), [step("deploy-started", 18), moved()]),
    ):
        result = result_of(rows)
        said = headline(result)
        assert "no call failed" not in said
        assert "failed" in said


def test_throttled_calls_are_named() -> None:
    def turned_away(call: Observation) -> Observation:
        return structs.replace(call, status=429) if call.outcome == "fail" else call

    result = result_of(edited(told(failing(30, 40), [moved()]), turned_away))
    assert "500 of them throttled" in headline(result)


# Failures that go on at one rate at all times.


@pytest.mark.parametrize(
    "setting", [alarms.SETTINGS[0], alarms.SETTINGS[5]], ids=lambda each: each.name
)
def test_failures_at_one_rate_blame_no_deploy(setting: alarms.Setting) -> None:
    measured = alarms.alarms_of(setting, 40)
    assert measured.broken + measured.beyond <= 0.12  # 5 %, and two standard deviations of 40 draws
