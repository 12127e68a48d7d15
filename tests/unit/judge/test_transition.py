"""Transitions in histories that say in one line what happened."""

from __future__ import annotations

import dataclasses

import pytest
from msgspec import structs

from poster.judge.transition import Transition, transitions_in
from poster.rows.record import Observation, Step
from tests.support.histories import BEAT_NS, RUN, history, history_of, name_of, rows


def only(calls: str, **notation: object) -> Transition:
    (transition,), unseen = transitions_in(history(calls, **notation))  # type: ignore[arg-type]
    assert not unseen
    return transition


def test_a_clean_cut_has_no_window() -> None:
    cut = only("aaaa|bbbb")
    assert (cut.start, cut.to) == ("1", "2")
    assert (cut.window_s, cut.certain_window_s, cut.answered, cut.stale) == (0, 0, 0, 0)
    assert (cut.first_new_seq, cut.last_old_seq, cut.inversions) == (5, 4, 0)
    assert cut.stale_ci == (0, 1)
    assert cut.overlap is None


def test_old_after_new_is_mixing() -> None:
    mixed = only("aaa|babbabbb")
    assert mixed.window_s == pytest.approx(0.4)  # seq 4 to seq 8
    assert (mixed.answered, mixed.stale) == (5, 2)
    assert mixed.certain_window_s == pytest.approx(0.38)  # sent after the answer was in: 20 ms less
    assert mixed.overlap is not None
    assert dataclasses.astuple(mixed.overlap) == (4, 5, True)


def test_the_window_is_by_the_servers_clock_where_every_answer_carries_it() -> None:
    found = rows("aa|bab")
    late = structs.replace(found[4], received_ns=10**10)
    (transition,), _ = transitions_in(history_of([*found[:4], late, found[5]]))
    assert transition.window_s == pytest.approx(0.1)
    assert transition.last_old_ns == 10**10


def test_without_the_servers_clock_the_window_is_by_arrival() -> None:
    found = rows("aa|bab", server_clock=False)
    late = structs.replace(found[4], received_ns=10**10)
    (transition,), _ = transitions_in(history_of([*found[:4], late, found[5]]))
    assert transition.window_s == pytest.approx(10 - 0.32)


def test_one_answer_without_server_time_makes_the_window_go_by_arrival() -> None:
    found = rows("aa|bab")
    found[0] = structs.replace(found[0], server_ms=None)
    found[4] = structs.replace(found[4], received_ns=10**10)
    (transition,), _ = transitions_in(history_of(found))
    assert transition.window_s == pytest.approx(10 - 0.32)


def test_an_old_answer_of_the_same_millisecond_is_not_called_stale() -> None:
    found = rows("aa|bab")
    same = structs.replace(found[4], server_ms=found[3].server_ms)
    (transition,), _ = transitions_in(history_of([*found[:4], same, found[5]]))
    assert (transition.window_s, transition.stale) == (0, 0)


def test_calls_in_flight_together_prove_nothing_for_certain() -> None:
    found = rows("aa|bab")
    slow = structs.replace(found[3], received_ns=10**10)
    (transition,), _ = transitions_in(history_of([*found[:3], slow, found[4]]))
    assert transition.stale == 1
    assert transition.certain_window_s == 0
    assert transition.overlap is not None
    assert not transition.overlap.certain


def test_an_inversion_is_one_poster_seeing_new_then_old() -> None:
    assert only("aaa|bbbaaabbb").inversions == 3
    assert only("aaa|bbbaaabbb", posters=1).inversions == 1
    assert only("aaa|babab", posters=2).inversions == 0  # poster 1 gets a, a, b: never new then old


def test_failed_and_unknown_calls_are_no_answers() -> None:
    mixed = only("aaa|b!a?b")
    assert (mixed.answered, mixed.stale) == (2, 1)


def test_errors_are_counted_from_the_switch_on() -> None:
    mixed = only("a!?|a!b??b")
    assert (mixed.fail, mixed.unknown) == (1, 2)
    assert (mixed.calls_ok, mixed.calls_ng) == (4, 5)


def test_errors_are_counted_from_first_new_where_the_switch_is_unknown() -> None:
    mixed = only("a!a!b!!b")
    assert mixed.switch_ns is None
    assert mixed.fail == 2


def test_errors_end_where_the_traffic_has_settled() -> None:
    settled = only("aaa|" + "b" * 300 + "!")
    assert settled.settled.upper_s is not None
    assert settled.fail == 0


def test_releases_without_a_version_go_by_their_marker() -> None:
    mixed = only("aaab", versions=False)
    assert (mixed.start, mixed.to, mixed.switch_ns) == ("aaa", "bbb", None)


def test_a_version_that_is_no_number_is_no_release() -> None:
    found = [
        structs.replace(row, function_version="$LATEST")
        for row in rows("aab")
        if isinstance(row, Observation)
    ]
    (transition,), _ = transitions_in(history_of(found))
    assert (transition.start, transition.to) == ("aaa", "bbb")


def test_the_alias_names_the_switch_of_releases_that_go_by_marker() -> None:
    found = rows("aa|bb|cc", versions=False)
    moves = iter([("1", "2"), ("2", "3")])
    found = [
        structs.replace(row, detail=dict(zip(("from", "to"), next(moves), strict=True)))
        if isinstance(row, Step)
        else row
        for row in found
    ]
    transitions, _ = transitions_in(history_of(found))
    assert [(t.start, t.to, t.switch_ns) for t in transitions] == [
        ("aaa", "bbb", 250_000_000),
        ("bbb", "ccc", 450_000_000),
    ]


def test_several_deploys_are_several_transitions() -> None:
    transitions, _ = transitions_in(history("aaa|babbb|ccbccc"))
    assert [(t.start, t.to, t.stale) for t in transitions] == [("1", "2", 1), ("2", "3", 1)]


def test_deploys_are_told_apart_by_first_appearance_where_no_step_says_so() -> None:
    transitions, _ = transitions_in(history("aaababbbccbccc"))
    assert [(t.start, t.to, t.stale) for t in transitions] == [("1", "2", 1), ("2", "3", 1)]


def test_a_roll_back_is_a_transition_not_a_stale_answer() -> None:
    transitions, _ = transitions_in(history("aaa|bbbb|aaba", moves=["ab", "ba"]))
    assert [(t.start, t.to, t.stale) for t in transitions] == [("1", "2", 0), ("2", "1", 1)]


def test_an_alias_that_moves_twice_leaves_answers_of_both_older_releases() -> None:
    transitions, _ = transitions_in(history("aaa|ba|cabcac"))
    assert [(t.start, t.to, t.stale) for t in transitions] == [("1", "2", 3), ("2", "3", 3)]


def test_a_newer_release_is_not_stale_for_an_earlier_transition() -> None:
    first, _ = transitions_in(history("aaa|b|ccc"))[0]
    assert (first.to, first.stale) == ("2", 0)


def test_canary_steps_are_one_switch_that_begins_with_the_first() -> None:
    found = rows("aaa|aabaa|bbbb", moves=["ab", "ab"])
    (transition,), _ = transitions_in(history_of(found))
    assert transition.switch_ns == 3 * BEAT_NS + BEAT_NS // 2
    assert transition.stale == 2


def test_an_alias_that_is_only_just_made_is_no_transition() -> None:
    found = [Step("alias-updated", 0, {"from": None, "to": "1"}), *rows("aaa")]
    assert transitions_in(history_of(found)) == ([], [])


def test_a_release_that_never_answered_is_named() -> None:
    transitions, (unseen,) = transitions_in(history("aaa|aaa"))
    assert not transitions
    assert (unseen.start, unseen.to, unseen.missing) == ("1", "2", "2")


def test_a_release_that_was_not_seen_before_its_successor_is_named() -> None:
    transitions, (unseen,) = transitions_in(history("|bbb"))
    assert not transitions
    assert unseen.missing == "1"


def test_a_skipped_release_does_not_hide_the_next_transition() -> None:
    transitions, unseen = transitions_in(history("aaa||cc"))
    assert [(t.start, t.to) for t in transitions] == [("2", "3")]
    assert [u.missing for u in unseen] == ["2"]


def test_a_release_that_no_step_names_is_placed_by_its_appearance() -> None:
    transitions, _ = transitions_in(history("aaa|bbbccc", moves=["ab"]))
    assert [(t.start, t.to) for t in transitions] == [("1", "2"), ("2", "3")]


def test_a_release_that_answered_before_the_first_named_one_comes_first() -> None:
    transitions, _ = transitions_in(history("aabb|ccc", moves=["bc"]))
    assert [(t.start, t.to) for t in transitions] == [("1", "2"), ("2", "3")]


def test_what_an_earlier_deploy_left_of_a_mixture_is_older_than_the_first_named_release() -> None:
    found, _ = transitions_in(history("babbb|bbccc", moves=["bc"]))
    assert [(each.start, each.to) for each in found] == [("1", "2"), ("2", "3")]
    assert [each.window_s for each in found] == pytest.approx([0.1, 0])


def test_latency_counts_from_the_plan_in_open_loop_only() -> None:
    found = [
        structs.replace(row, planned_ns=row.planned_ns - 10**9)
        if isinstance(row, Observation)
        else row
        for row in rows("aaa|bbb")
    ]
    closed, opened = (
        transitions_in(history_of(found, structs.replace(RUN, loop=loop)))[0][0]
        for loop in ("closed", "open")
    )
    assert closed.latency_ms["before"]["p50"] == 20
    assert opened.latency_ms["before"]["p50"] == 1020


def test_latency_is_split_by_the_transition() -> None:
    cut = only("aaa|ab" + "b" * 400)
    assert cut.latency_ms["during"]["max"] == 20
    assert cut.latency_ms["after"]["max"] == 20
    assert only("aaa|bbb").latency_ms["during"] == dict.fromkeys(("p50", "p90", "p99", "max"))


def test_a_deploy_owns_the_calls_from_its_start_to_the_next_ones_start() -> None:
    steps = [Step("deploy-started", n * BEAT_NS, {}) for n in (2, 6)]
    found = [*rows("aaa|bbb!|ccc"), *steps]
    transitions, _ = transitions_in(history_of(found))
    assert [(t.phase.deploy_ns, t.calls_ok, t.calls_ng) for t in transitions] == [
        (2 * BEAT_NS, 5, 0),
        (6 * BEAT_NS, 4, 1),
    ]


def test_names_of_the_notation_are_versions() -> None:
    assert name_of("c", versions=True) == "3"
