"""The fit of ``published``: the likelihood is exact, and the constants are its result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from poster.local.lag import PUBLISHED, Seconds, Uniform
from studies.propagation.fit import CHOSEN, fit, load_runs, poster_gaps_s
from studies.propagation.likelihood import Floats, RunRows, log_likelihood
from studies.propagation.page import Mixing, mixing, simulate

ROOT = Path(__file__).parents[3]
ROWS = ROOT / "tests/data/published_runs.csv"


def slow_half(t_s: Floats) -> Floats:
    return 0.5 * np.exp(-t_s / 2.0)


def likelihood_by_matrices(run: RunRows, switch_s: float, front_ends: int) -> float:
    """Follow the distribution of the number of old front ends row by row, the plain way."""
    count = np.arange(front_ends + 1)
    probability, before = np.eye(front_ends + 1)[front_ends], 1.0
    for time_s, is_old in zip(run.times_s, run.is_old, strict=True):
        now = float(slow_half(time_s - switch_s)) if time_s >= switch_s else 1.0
        stay = scipy.stats.binom.pmf(count[None, :], count[:, None], now / before)
        share = count / front_ends
        probability, before = (probability @ stay) * (share if is_old else 1 - share), now
    return float(probability.sum())


def test_factorial_moments_give_the_likelihood_that_matrices_give() -> None:
    run = RunRows(
        np.array([-2.5, -0.4, 0.0, 0.3, 0.5, 1.1, 4.0]),
        np.array([True, True, False, True, False, True, False]),
    )
    switches_s = -np.arange(0.025, 3.0, 0.05)
    by_matrices = np.mean([likelihood_by_matrices(run, each, 6) for each in switches_s])
    assert log_likelihood(slow_half, [run], 6) == pytest.approx(np.log(by_matrices), abs=1e-9)


def test_rows_above_and_below_the_excerpts_are_evidence() -> None:
    runs = load_runs(ROWS)
    assert [len(run.times_s) for run in runs] == [252, 280, 274]
    assert [int(run.is_old.sum()) for run in runs] == [173, 193, 193]
    for run in runs:
        assert np.all(np.diff(run.times_s) > 0)
        assert not run.is_old[run.times_s >= 0][0]


def test_one_poster_calls_every_0_44_s() -> None:
    gaps_s = poster_gaps_s(ROWS)
    assert len(gaps_s) == 126 - 9
    assert np.median(gaps_s) == pytest.approx(0.44, abs=0.02)
    assert min(gaps_s) > 0.3


def test_the_constants_in_the_code_are_the_fit() -> None:
    found = fit(CHOSEN, load_runs(ROWS)).parameters
    assert found["slow share"] == pytest.approx(PUBLISHED.slow_share, abs=0.001)
    assert found["slow mean"] == pytest.approx(PUBLISHED.slow_mean_s, abs=0.01)


def test_mixing_runs_from_the_first_new_row_to_the_last_old_one() -> None:
    run = RunRows(
        np.array([-0.5, 0.0, 0.2, 0.4, 0.9, 1.0]), np.array([True, False, True, False, True, False])
    )
    assert mixing(run) == Mixing(0.9, 2 / 4)


def test_an_instant_switch_does_not_mix() -> None:
    assert mixing(simulate(Seconds(0.0), [0.31], 10, 1)) == Mixing(0.0, 0.0)


def test_a_lag_that_all_share_does_not_mix() -> None:
    assert mixing(simulate(Seconds(3.0), [0.31], 10, 1)) == Mixing(0.0, 0.0)


def test_a_uniform_lag_mixes_no_longer_than_it_lasts() -> None:
    windows_s = [
        mixing(simulate(Uniform(0.0, 4.0), [0.31], 10, seed)).window_s for seed in range(9)
    ]
    assert 1.0 < min(windows_s) <= max(windows_s) <= 4.0


def test_twenty_local_runs_mix_for_some_seconds() -> None:
    """A run with three posters at 0.3 s pause; a call takes about 10 ms locally."""
    local_gap_s = 0.3 + 0.01
    windows_s = [
        mixing(simulate(PUBLISHED, [local_gap_s], 40, seed)).window_s for seed in range(20)
    ]
    assert 1 < np.median(windows_s) < 10
