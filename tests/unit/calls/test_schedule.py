from __future__ import annotations

import itertools
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poster.calls.schedule import ClosedLoop, OpenLoop
from poster.rows.record import PROBER

S = 1_000_000_000
rates = st.floats(0.01, 10_000)


def test_posters_of_a_closed_loop_do_not_start_in_step() -> None:
    agenda = ClosedLoop(posters=3, pause_s=0.3).agenda((1, 2, 3), start_ns=7)
    assert [agenda.take() for _ in range(3)] == [
        (7, 1),
        (7 + S // 10, 2),
        (7 + 2 * (S // 10), 3),
    ]
    assert agenda.next_due_ns() is None


def test_a_poster_of_a_closed_loop_is_due_a_pause_after_its_call_ended() -> None:
    agenda = ClosedLoop(posters=2, pause_s=0.5).agenda((4, 9), start_ns=0)
    agenda.take(), agenda.take()
    agenda.ended(9, 3 * S)
    agenda.ended(4, 2 * S)
    assert [agenda.take(), agenda.take()] == [(2 * S + S // 2, 4), (3 * S + S // 2, 9)]


@given(rates, st.integers(1, 2000))
def test_a_constant_rate_does_not_drift(rate_per_s: float, count: int) -> None:
    *_, last = itertools.islice(OpenLoop(rate_per_s).planned_ns(), count)
    assert last == round((count - 1) * 1e9 / rate_per_s)


def test_an_open_loop_does_not_wait_for_answers() -> None:
    agenda = OpenLoop(10, calls=3).agenda((1,), start_ns=5)
    assert [agenda.take() for _ in range(3)] == [(5, 1), (5 + S // 10, 1), (5 + S // 5, 1)]
    assert agenda.next_due_ns() is None
    with pytest.raises(IndexError):
        agenda.take()


def test_what_ends_changes_nothing_in_an_open_loop() -> None:
    agenda = OpenLoop(10).agenda((1,), start_ns=0)
    agenda.take()
    agenda.ended(1, 99 * S)
    assert agenda.next_due_ns() == S // 10


def test_posters_of_an_open_loop_take_turns() -> None:
    agenda = OpenLoop(10).agenda((1, 2), start_ns=0)
    assert [agenda.take()[1] for _ in range(4)] == [1, 2, 1, 2]


@given(rates, st.sampled_from(["constant", "poisson"]), st.floats(0.001, 2), st.integers(0, 500))
def test_an_open_loop_ends_with_its_time_or_its_calls(
    rate_per_s: float, arrivals: str, duration_s: float, calls: int
) -> None:
    loop = OpenLoop(rate_per_s, arrivals, 3, duration_s, calls)  # type: ignore[arg-type]
    instants = list(loop.planned_ns())
    assert len(instants) <= calls
    assert all(at_ns < round(duration_s * 1e9) for at_ns in instants)
    assert instants == sorted(instants)
    unbounded = OpenLoop(rate_per_s, arrivals, 3).planned_ns()  # type: ignore[arg-type]
    following = next(itertools.islice(unbounded, len(instants), None))
    assert len(instants) == calls or following >= round(duration_s * 1e9)


def test_fifty_a_second_for_thirty_seconds_are_1500_calls() -> None:
    assert len(list(OpenLoop(50, duration_s=30).planned_ns())) == 1500


def test_poisson_arrivals_have_the_rate_and_the_spread_of_a_poisson_process() -> None:
    instants = list(OpenLoop(1000, "poisson", seed=1, calls=20_000).planned_ns())
    gaps = [b - a for a, b in itertools.pairwise(instants)]
    # The gaps are exponential: mean and standard deviation are 1/rate. Standard error: 0.7 %.
    assert statistics.mean(gaps) == pytest.approx(1e6, rel=0.03)
    assert statistics.stdev(gaps) == pytest.approx(1e6, rel=0.05)


def test_the_same_seed_plans_the_same_instants() -> None:
    first, second, other = (
        list(OpenLoop(100, "poisson", seed, calls=50).planned_ns()) for seed in (1, 1, 2)
    )
    assert first == second
    assert first != other


def test_probers_have_a_pause_of_their_own_and_one_number() -> None:
    agenda = ClosedLoop(1, 10.0, probers=2, probe_pause_s=1.0).agenda((1,), start_ns=0)
    taken = [agenda.take() for _ in range(3)]
    assert sorted(taken) == [(0, PROBER), (0, 1), (500_000_000, PROBER)]
    agenda.ended(1, 20)
    agenda.ended(PROBER, 30)
    assert agenda.take() == (1_000_000_030, PROBER)
    assert agenda.take() == (10_000_000_020, 1)
