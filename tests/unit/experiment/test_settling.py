from __future__ import annotations

from poster.experiment.settling import IN_A_ROW, Rule, Settling
from poster.rows.record import Observation

BEAT = 100_000_000


def told(calls: str, rule: Rule, begins: int, ends: int) -> Settling:
    """One character is a call, 100 ms apart and answered at once; ! failed, _ names nobody."""
    settling = Settling(rule)
    for place, char in enumerate(calls):
        if place == begins:
            settling.deploy_begins()
        at_ns = (place + 1) * BEAT
        if place == ends:
            settling.deploy_ended(at_ns - BEAT // 2)
        outcome = "fail" if char == "!" else "ok"
        version = None if char in "!_" else char
        settling.saw(
            Observation(
                *(place + 1, 1, "t01-0001", at_ns, at_ns, at_ns + 1, outcome),  # type: ignore[arg-type]
                function_version=version,
            )
        )
    return settling


def test_answers_are_unnamed_where_none_of_them_names_its_release() -> None:
    assert told("__!_", Rule(), begins=9, ends=9).is_unnamed
    assert not told("_a__", Rule(), begins=9, ends=9).is_unnamed
    assert not told("!!!", Rule(), begins=9, ends=9).is_unnamed


def test_it_takes_as_many_answers_as_the_gate_would() -> None:
    assert IN_A_ROW == 459


def test_only_new_answers_in_a_row_settle() -> None:
    rule = Rule(in_a_row=5)
    assert told("aaaaabbbbb", rule, begins=5, ends=5).is_settled
    assert not told("aaaaabbbb", rule, begins=5, ends=5).is_settled
    assert not told("aaaaabbbbab", rule, begins=5, ends=5).is_settled
    assert not told("aaaaaaaaaa", rule, begins=5, ends=5).is_settled


def test_what_came_before_the_end_of_the_deploy_does_not_count() -> None:
    assert not told("aaabbbbb", Rule(in_a_row=5), begins=3, ends=5).is_settled


def test_only_old_answers_in_a_row_are_unchanged() -> None:
    assert told("aaaaaaaaaa", Rule(in_a_row=5), begins=5, ends=5).is_unchanged
    assert told("__________", Rule(in_a_row=5), begins=5, ends=5).is_unchanged
    assert not told("aaaaabbbbb", Rule(in_a_row=5), begins=5, ends=5).is_unchanged


def test_two_new_releases_that_alternate_are_not_settled() -> None:
    assert not told("aaaaabcbcbcbcbc", Rule(in_a_row=3), begins=5, ends=5).is_settled


def test_failures_neither_count_nor_start_anew() -> None:
    assert told("aaaaabb!b!bb", Rule(in_a_row=5), begins=5, ends=5).is_settled


def test_a_quiet_time_settles_however_few_the_answers() -> None:
    rule = Rule(quiet_s=0.3)
    assert told("aaaaabbbbb", rule, begins=5, ends=5).is_settled
    assert not told("aaaaabbab", rule, begins=5, ends=5).is_settled


def test_an_answer_to_a_call_sent_before_the_last_old_answer_came_does_not_count() -> None:
    settling = Settling(Rule(in_a_row=1))
    row = ("t01-0001",)
    settling.saw(Observation(1, 1, *row, 0, 0, 10, "ok", function_version="a"))
    settling.deploy_begins()
    settling.deploy_ended(10)
    settling.saw(Observation(2, 1, *row, 20, 20, 50, "ok", function_version="a"))
    settling.saw(Observation(3, 1, *row, 30, 30, 60, "ok", function_version="b"))
    assert not settling.is_settled
    settling.saw(Observation(4, 1, *row, 61, 61, 70, "ok", function_version="b"))
    assert settling.is_settled
