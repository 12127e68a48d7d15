"""The test that decides: what counts, what resets, in whatever order probes end."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poster.gate.sequential import Rule, Said, SequentialTest

ROOT = Path(__file__).parents[3]
THREE = Rule(stale_share=0.5, confidence=0.8)  # takes three in a row


@pytest.mark.parametrize(
    ("stale_share", "confidence", "needed"),
    [(0.01, 0.99, 459), (0.05, 0.95, 59), (0.001, 0.99, 4603), (0.5, 0.8, 3)],
)
def test_k_is_the_least_run_that_keeps_the_promise(
    stale_share: float, confidence: float, needed: int
) -> None:
    rule = Rule(stale_share, confidence)
    assert rule.answers_needed == needed
    assert rule.bound(needed) <= 1 - confidence < rule.bound(needed - 1)
    assert rule.bound(needed) == pytest.approx((1 - stale_share) ** needed)


def told(*probes: tuple[int, int, int, Said]) -> SequentialTest:
    test = SequentialTest(THREE)
    for probe in probes:
        test.ended(*probe)
    return test


def test_three_new_answers_in_a_row_pass() -> None:
    test = told((1, 10, 15, "new"), (2, 20, 25, "new"))
    assert not test.passed
    test.ended(3, 30, 35, "new")
    assert test.passed
    assert (test.in_a_row, test.first_sent_ns, test.last_ended_ns) == (3, 10, 35)


def test_an_old_answer_starts_the_count_again() -> None:
    test = told((1, 10, 15, "new"), (2, 20, 25, "new"), (3, 30, 35, "old"), (4, 40, 45, "new"))
    assert (test.in_a_row, test.restarts, test.first_sent_ns) == (1, 1, 40)


def test_what_failed_or_is_unknown_is_no_answer_and_is_counted() -> None:
    test = told((1, 10, 15, "new"), (2, 20, 25, "fail"), (3, 30, 35, "unknown"), (4, 40, 45, "new"))
    assert test.in_a_row == 2
    assert test.said == {"new": 2, "fail": 1, "unknown": 1}


def test_a_probe_sent_before_an_old_answer_arrived_does_not_count() -> None:
    test = told((1, 10, 50, "old"), (2, 20, 55, "new"), (3, 50, 56, "new"), (4, 51, 57, "new"))
    assert test.in_a_row == 1


def test_quick_answers_do_not_decide_before_slow_ones_sent_earlier() -> None:
    test = told((2, 20, 25, "new"), (3, 30, 35, "new"), (4, 40, 45, "new"))
    assert test.in_a_row == 0
    test.ended(1, 10, 60, "unknown")
    assert test.passed


def test_a_complete_run_does_not_outlive_an_old_answer_that_came_out_of_turn() -> None:
    test = told((1, 10, 15, "new"), (2, 20, 25, "new"), (3, 30, 35, "new"))
    assert test.passed
    test.ended(5, 50, 55, "old")  # probe 4 is still in flight
    assert not test.passed


probes = st.lists(
    st.tuples(
        st.integers(1, 5),  # from the last one's sending
        st.integers(0, 40),  # from sending to the end
        st.sampled_from(["new", "new", "new", "old", "fail", "unknown"]),
    ),
    max_size=30,
)


@given(probes)
def test_only_what_was_sent_after_the_last_old_answer_counts(
    drawn: list[tuple[int, int, Said]],
) -> None:
    sent_ns, made = 0, []
    for seq, (gap, took, said) in enumerate(drawn, start=1):
        sent_ns += gap
        made.append((seq, sent_ns, sent_ns + took, said))
    test = SequentialTest(THREE)
    by_end = sorted(made, key=lambda probe: probe[2])
    for ended, probe in enumerate(by_end, start=1):
        test.ended(*probe)
        known = {seq for seq, *_ in by_end[:ended]}
        whole = next(seq for seq in range(1, len(made) + 2) if seq not in known)
        last_old_ns = max((end for _, _, end, said in by_end[:ended] if said == "old"), default=-1)
        assert test.in_a_row == sum(
            said == "new" and seq < whole and sent > last_old_ns for seq, sent, _, said in made
        )


@pytest.mark.parametrize("file", ["sequential.py", "tally.py"])
def test_the_decision_knows_no_clock_no_network_and_no_files(file: str) -> None:
    tree = ast.parse((ROOT / "poster" / "gate" / file).read_text(encoding="utf-8"))
    names = {
        name
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [str(node.module)]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    allowed = {"__future__", "collections", "collections.abc", "dataclasses", "math", "typing"}
    assert names <= allowed | {"poster.gate.sequential", "poster.rows.record"}
