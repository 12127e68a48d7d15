"""The test that decides: what counts, what resets, in whatever order probes end."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poster.gate.sequential import Rule, Said, SequentialTest

ROOT = Path(__file__).parents[3]
THREE = Rule(stale_share=0.5, confidence=0.8, max_fail_share=1.0)  # m = 2, k_1 = 5


def test_an_attempt_passes_with_what_it_may_add_to_the_bound() -> None:
    rule = Rule()
    assert (rule.attempt_at, rule.needed(1), rule.needed(2)) == (100, 581, 788)
    for attempt in (1, 2, 3, 50):
        more = rule.needed(attempt) - rule.attempt_at
        assert (1 - 0.01) ** more <= rule.alpha(attempt) < (1 - 0.01) ** (more - 1)


@given(st.floats(0.5, 0.999))
def test_all_attempts_together_keep_the_bound(confidence: float) -> None:
    rule = Rule(confidence=confidence)
    spent = [rule.alpha(attempt) for attempt in range(1, 2000)]
    assert sum(spent) < 1 - confidence
    assert sum(spent) == pytest.approx(1 - confidence, rel=2e-4)


def told(*probes: tuple[int, int, int, Said]) -> SequentialTest:
    test = SequentialTest(THREE)
    for probe in probes:
        test.ended(*probe)
    return test


def new(first: int, last: int) -> list[tuple[int, int, int, Said]]:
    """Return new answers with these numbers, 10 ns apart."""
    return [(seq, 10 * seq, 10 * seq + 5, "new") for seq in range(first, last + 1)]


def test_so_many_new_answers_in_a_row_pass() -> None:
    test = told(*new(1, 4))
    assert not test.passed
    test.ended(5, 50, 55, "new")
    assert test.passed
    assert (test.in_a_row, test.run.first_sent_ns, test.run.last_ended_ns) == (5, 10, 55)
    assert test.attempts == 1


def test_each_attempt_takes_more_than_the_one_before() -> None:
    needed = []
    test = SequentialTest(THREE)
    for begun in range(1, 40, 4):
        for probe in new(begun, begun + 2):
            test.ended(*probe)
        needed.append(test.needed)
        test.ended(begun + 3, 10 * begun + 30, 10 * begun + 35, "old")
    assert needed == [THREE.needed(attempt) for attempt in range(1, 11)]
    assert needed == sorted(needed)
    assert needed[0] < needed[-1]


def test_an_old_answer_starts_the_count_again() -> None:
    test = told((1, 10, 15, "new"), (2, 20, 25, "new"), (3, 30, 35, "old"), (4, 40, 45, "new"))
    assert (test.in_a_row, test.restarts, test.run.first_sent_ns) == (1, 1, 40)


def test_what_failed_or_is_unknown_is_no_answer_and_is_counted() -> None:
    test = told((1, 10, 15, "new"), (2, 20, 25, "fail"), (3, 30, 35, "unknown"), (4, 40, 45, "new"))
    assert test.in_a_row == 2
    assert test.said == {"new": 2, "fail": 1, "unknown": 1}


def test_a_probe_sent_before_an_old_answer_arrived_does_not_count() -> None:
    test = told((1, 10, 50, "old"), (2, 20, 55, "new"), (3, 50, 56, "new"), (4, 51, 57, "new"))
    assert test.in_a_row == 1


def test_quick_answers_do_not_decide_before_slow_ones_sent_earlier() -> None:
    test = told(*new(2, 6))
    assert test.in_a_row == 0
    test.ended(1, 10, 99, "unknown")
    assert test.passed


def test_a_complete_run_does_not_outlive_an_old_answer_that_came_out_of_turn() -> None:
    test = told(*new(1, 5))
    assert test.passed
    test.ended(7, 70, 75, "old")  # probe 6 is still in flight
    assert not test.passed


def test_a_caches_answer_is_no_answer() -> None:
    test = told(*new(1, 4), (5, 50, 55, "cached"))
    assert not test.passed
    test.ended(6, 60, 65, "new")
    assert test.passed
    assert test.said["cached"] == 1


def answered(said: list[Said], rule: Rule = Rule(), latency_ns: int = 5) -> SequentialTest:  # noqa: B008
    test = SequentialTest(rule)
    for seq, each in enumerate(said, start=1):
        test.ended(seq, 100 * seq, 100 * seq + latency_ns, each)
        if test.passed or test.is_broken:
            break
    return test


def test_a_release_that_fails_nearly_all_its_calls_is_broken_and_never_passes() -> None:
    test = answered((["fail"] * 19 + ["new"]) * 1000)  # type: ignore[arg-type]
    assert not test.passed
    assert (test.is_broken, test.spoilt) == (True, "failures")
    assert test.spoilt_probes >= Rule().needed(1)
    assert test.spoilt_bad / test.spoilt_probes > 0.9


def test_unknown_outcomes_are_failures() -> None:
    assert answered(["unknown", "new"] * 1000).is_broken


def test_failures_that_stop_are_waited_out() -> None:
    early: list[Said] = ["fail", "new", "new"] * 60
    test = answered([*early, *["new"] * 2000])  # type: ignore[list-item]
    assert (test.passed, test.is_broken) == (True, False)
    assert test.run.failed <= 3, "runs that failed too much are thrown away"


def test_failures_while_old_answers_still_come_do_not_break_the_release() -> None:
    test = answered((["fail", "new", "new"] * 20 + ["old"]) * 40)  # type: ignore[arg-type]
    assert not test.is_broken
    assert not test.passed


def test_few_failures_pass_and_are_counted() -> None:
    said: list[Said] = ["new"] * 3000
    said[100] = said[300] = "fail"
    test = answered(said)
    assert (test.passed, test.run.failed) == (True, 2)


def test_slow_answers_are_over_the_limit_of_the_99th_percentile() -> None:
    rule = Rule(max_p99_ms=100)
    slow = answered(["new"] * 3000, rule, latency_ns=101_000_000)
    assert (slow.passed, slow.is_broken, slow.spoilt) == (False, True, "p99")
    assert answered(["new"] * 3000, rule, latency_ns=99_000_000).passed
    assert answered(["new"] * 3000, latency_ns=10**10).passed, "without a limit there is none"


def test_without_a_limit_failures_are_only_counted() -> None:
    test = answered(["fail", "new"] * 1000, Rule(max_fail_share=1.0))
    assert test.passed


probes = st.lists(
    st.tuples(
        st.integers(1, 5),  # from the last one's sending
        st.integers(0, 40),  # from sending to the end
        st.sampled_from(["new", "new", "new", "old", "cached", "fail", "unknown"]),
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


@pytest.mark.parametrize("file", ["limits.py", "sequential.py", "settling.py", "tally.py"])
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
    ours = {name for name in names if name.startswith("poster.")}
    pure = {"aws.alias", "gate.errors", "gate.limits", "gate.sequential", "rows.record"}
    assert ours <= {f"poster.{name}" for name in pure}
    assert names - ours <= allowed
