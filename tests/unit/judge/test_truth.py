"""Histories whose truth is known, and which were once judged otherwise. The worst: "clean"."""

from __future__ import annotations

import dataclasses

import pytest
from msgspec import structs

from poster.judge.analysis import Result, analyse
from poster.report.sentences import headline
from poster.rows.merge import merge
from poster.rows.record import Observation
from tests.support import alarms
from tests.support import histories as notation
from tests.support.truths import (
    SWITCH_S,
    Rows,
    Who,
    blanked,
    clean_cut,
    edited,
    failing,
    history,
    made_unknown,
    mixture,
    moved,
    result_of,
    sent_s,
    step,
    told,
)


def verdict(rows: Rows) -> str:
    return result_of(rows).verdict


CONTROLS = {
    "a clean cut": told(clean_cut, [moved()]),
    "a clean cut that no step tells of": told(clean_cut),
    "a clean cut, with a deploy-started": told(clean_cut, [step("deploy-started", 15), moved()]),
    "a baseline with failures": told(failing(0, 60, every=100), [moved()]),
    "a time-out long before the deploy": told(
        lambda at_s, seq: "?" if seq == 50 else clean_cut(at_s, seq),
        [step("deploy-started", 15), moved()],
    ),
    "a failure long after the switch": told(failing(50, 50.02), [moved()]),
    "no version, only markers": edited(
        told(clean_cut, [moved()]), lambda call: blanked(call, "function_version")
    ),
    "no server's clock": edited(
        told(clean_cut, [moved()]), lambda call: blanked(call, "server_ms")
    ),
}


@pytest.mark.parametrize("name", CONTROLS)
def test_what_is_clean_is_clean(name: str) -> None:
    result = result_of(CONTROLS[name])
    assert result.verdict == "clean", result.witness


@pytest.mark.parametrize("until_s", [0.5, 4.0])
def test_what_is_mixed_is_mixed(until_s: float) -> None:
    assert verdict(told(mixture(until_s), [moved()])) == "mixed"


# 1. An outage between the last old answer and the first new one.


def outage(seconds: float) -> Who:
    return failing(SWITCH_S, SWITCH_S + seconds)


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


# 2. The new release never answers.


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


# 3. Deploys that failed, were repeated or overlap.


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


# Failures in no deploy's stretch: nobody can say that a deploy did it, nor that none did.


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


# What nobody knows may have spoken against the deploy.


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


# 4. Clocks.


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


# 5. What could show the mixture is hidden.


def is_stale(call: Observation) -> bool:
    return call.function_version == "1" and sent_s(call) >= SWITCH_S


HIDDEN = {
    "unknown": lambda call: made_unknown(call) if is_stale(call) else call,
    "names no version": lambda call: (
        blanked(call, "function_version", "marker") if is_stale(call) else call
    ),
    "missing": lambda call: None if is_stale(call) else call,
    "says $LATEST": lambda call: (
        structs.replace(call, function_version="$LATEST", marker=None) if is_stale(call) else call
    ),
}


@pytest.mark.parametrize("name", HIDDEN)
@pytest.mark.parametrize("steps", [[moved()], []], ids=["alias", "no steps"])
def test_a_mixture_that_is_hidden_is_never_clean(name: str, steps: Rows) -> None:
    assert verdict([*edited(told(mixture(4)), HIDDEN[name]), *steps]) == "unknown"


def test_lines_that_cannot_be_read_are_never_clean() -> None:
    found = dataclasses.replace(history(told(clean_cut, [moved()])), malformed_lines=3)
    assert analyse(found, rows=None).verdict == "unknown"


# 6. Identity.


@pytest.mark.parametrize("version", [None, "$LATEST", "02"])
def test_a_lost_version_header_makes_no_release(version: str | None) -> None:
    def lost(call: Observation) -> Observation:
        if call.seq % 2 or (call.function_version == "1" and version == "02"):
            return call
        return structs.replace(call, function_version=version)

    result = result_of(edited(told(clean_cut, [moved()]), lost))
    assert [release.release for release in result.releases] == ["1", "2"]
    assert result.verdict == "clean", result.witness


def test_a_lost_marker_makes_no_release() -> None:
    lost = lambda call: blanked(call, "marker") if call.seq % 3 else call  # noqa: E731
    assert verdict(edited(told(clean_cut, [moved()]), lost)) == "clean"


# 7. What cannot be told of one deploy excuses no other.


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


# 8. Headlines.


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


# 9. Machines whose clocks nobody knows.


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


# 10, 11. Silence, and histories that end too soon.


def test_a_poster_that_is_silent_from_just_before_the_switch_is_unknown() -> None:
    silent = lambda call: (  # noqa: E731
        None if call.poster == 2 and SWITCH_S - 0.1 <= sent_s(call) < SWITCH_S + 3 else call
    )
    renumbered = iter(range(1, 9999))
    rows = edited(
        edited(told(clean_cut), silent),
        lambda call: structs.replace(call, seq=next(renumbered)),
    )
    assert verdict(rows) == "unknown"
    assert verdict([*rows, moved()]) == "unknown"


@pytest.mark.parametrize("after_s", [0.2, 1, 4])
def test_a_history_that_ends_soon_after_the_switch_is_not_clean(after_s: float) -> None:
    assert verdict(told(clean_cut, [moved()], seconds=SWITCH_S + after_s)) == "unknown"


# 12. Failures that go on at one rate at all times.


@pytest.mark.parametrize(
    "setting", [alarms.SETTINGS[0], alarms.SETTINGS[5]], ids=lambda each: each.name
)
def test_failures_at_one_rate_blame_no_deploy(setting: alarms.Setting) -> None:
    measured = alarms.alarms_of(setting, 40)
    assert measured.broken + measured.beyond <= 0.12  # 5 %, and two standard deviations of 40 draws


# 13. Steps name versions, answers name markers.


def test_a_roll_back_by_steps_that_name_versions_is_clean() -> None:
    def back(at_s: float, seq: int) -> str:
        return "2" if 20 <= at_s < 40 else "1"

    rows = edited(
        told(back, [moved(), moved(40, "2", "1")]), lambda call: blanked(call, "function_version")
    )
    result = result_of(rows)
    assert result.verdict == "clean", result.witness
    assert len(result.transitions) == 2


@pytest.mark.parametrize("late_s", [0.1, 1, 10])
@pytest.mark.parametrize("every", [0, 5])
def test_a_roll_back_whose_step_is_stamped_late_is_judged_by_its_answers(
    late_s: float, every: int
) -> None:
    def back(at_s: float, seq: int) -> str:
        is_stale = every and 20 <= at_s < 22 and seq % every == 0
        return "2" if 20 <= at_s < 40 and not is_stale else "1"

    result = result_of(told(back, [moved(), moved(40 + late_s, "2", "1")]))
    assert result.verdict == ("mixed" if every else "clean"), result.witness
    first, second = result.transitions
    assert first.window_s == pytest.approx(2 if every else 0, abs=0.2)
    assert second.window_s == 0


def test_old_answers_before_a_roll_back_had_started_are_mixed() -> None:
    def back(at_s: float, seq: int) -> str:
        return "2" if 20 <= at_s < 35 else "1"

    rows = told(back, [moved(), moved(40, "2", "1")])
    assert verdict(rows) == "clean"
    assert verdict([*rows, step("deploy-started", 34)]) == "clean"
    assert verdict([*rows, step("deploy-started", 39)]) == "mixed"


def test_an_old_answer_shortly_before_a_roll_back_is_mixed() -> None:
    def back(at_s: float, seq: int) -> str:
        return "2" if 20 <= at_s < 40 and not 38 <= at_s < 38.1 else "1"

    assert verdict(told(back, [moved(), moved(40, "2", "1")])) == "mixed"


# 14. Rows that cannot be.


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


# Connections that were kept: a front end may stay with one, so many calls say little.


def connected(new_every: int, unsaid_every: int = 0) -> Rows:
    """Return a clean cut whose calls go over kept connections, but for every so manieth."""

    def how(call: Observation) -> Observation:
        is_new = new_every and call.seq % new_every == 0
        is_unsaid = unsaid_every and call.seq % unsaid_every == 0
        said = None if is_unsaid else "new" if is_new else "kept"
        return structs.replace(call, connection=said)

    return edited(told(clean_cut, [moved()]), how)


def test_a_clean_cut_over_kept_connections_is_not_clean() -> None:
    result = result_of(connected(new_every=0))
    assert result.verdict == "unknown"
    assert "--fresh-connections" in result.witness
    assert result_of(connected(new_every=0), target="local").verdict == "clean"


def test_enough_calls_over_new_connections_beside_them_are_clean() -> None:
    assert verdict(connected(new_every=2)) == "clean"
    assert verdict(connected(new_every=10)) == "unknown"


def test_a_call_that_does_not_say_how_it_was_connected_makes_nothing_clean() -> None:
    assert verdict(connected(new_every=0, unsaid_every=50)) == "unknown"


# Chimeras.


def test_old_code_with_new_settings_is_never_clean() -> None:
    def half(call: Observation) -> Observation:
        early = 19 < sent_s(call) < SWITCH_S
        return structs.replace(call, config_marker="xxx") if early else call

    releases = [{"marker": name, "config_marker": name} for name in ("aaa", "xxx")]
    rows = edited(told(clean_cut, [moved()]), half)
    result = result_of(rows, settings={"releases": releases})
    assert result.verdict == "mixed"
    assert "chimera" in headline(result)


def before_the_switch(begin_s: float, **names: str) -> Rows:
    """Return a clean cut of which the answers just before the switch carry other names."""

    def half(call: Observation) -> Observation:
        return structs.replace(call, **names) if begin_s < sent_s(call) < SWITCH_S else call

    return edited(told(clean_cut, [moved()]), half)


@pytest.mark.parametrize("version", [None, "$LATEST"])
def test_a_chimera_that_no_list_of_releases_tells_of_is_not_clean(version: str | None) -> None:
    for begin_s in (1, 19):  # few of them, or most of all that were old
        rows = before_the_switch(begin_s, config_marker="xxx")
        nameless = edited(rows, lambda call: structs.replace(call, function_version=version))
        result = result_of(nameless)
        assert result.verdict == "unknown"
        assert "code aaa with settings xxx" in result.witness


@pytest.mark.parametrize(
    "names", [{"function_version": "2"}, {"marker": "xxx"}, {"config_marker": "xxx"}]
)
def test_an_answer_whose_names_belong_to_two_releases_is_not_clean(names: dict[str, str]) -> None:
    assert verdict(before_the_switch(19.9, **names)) != "clean"


def test_settings_that_were_released_by_themselves_are_no_chimera() -> None:
    """Version 2 has new settings, version 3 new code: each is a release."""

    def in_turn(call: Observation) -> Observation:
        return structs.replace(call, config_marker="xxx" if call.function_version != "1" else "aaa")

    def same_code(call: Observation) -> Observation:
        return structs.replace(call, marker="aaa") if call.function_version == "2" else call

    thrice = lambda at_s, seq: "1" if at_s < 20 else "2" if at_s < 40 else "3"  # noqa: E731
    rows = edited(edited(told(thrice, [moved(), moved(40, "2", "3")]), in_turn), same_code)
    assert verdict(rows) == "clean"
