"""The estimates: known values, the error rates they promise, and the truth they cover."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.optimize import isotonic_regression
from scipy.stats import binom

from poster.judge import statistics
from poster.judge.statistics import (
    binomial_quantile,
    never_rising,
    quantiles_ms,
    settled_by,
    stale_share,
    wilson,
)
from tests.support.coverage import SETTINGS, Coverage, coverage_of, table


def calls(*stretches: tuple[int, float], seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Draw (calls, stale share) stretches, one call a second; return times and stale flags."""
    draw = np.random.default_rng(seed)
    flags = np.concatenate([draw.random(count) < share for count, share in stretches])
    return np.arange(flags.size, dtype=float), flags


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [(4, 9, 0.1888, 0.7333), (0, 10, 0, 0.2775), (10, 10, 0.7225, 1), (1, 2, 0.0945, 0.9055)],
)
def test_wilson_gives_known_values(hits: int, trials: int, low: float, high: float) -> None:
    assert wilson(hits, trials) == pytest.approx((low, high), abs=1e-4)


def test_without_trials_a_share_is_anything() -> None:
    assert wilson(0, 0) == (0, 1)


def test_a_clean_cut_settles_at_once_and_is_bounded_after_enough_calls() -> None:
    assert settled_by(*calls((400, 0.0))) == 298  # the 299th call, the first being at 0 s


def test_too_few_calls_leave_the_upper_bound_open() -> None:
    assert settled_by(*calls((statistics.CLEAN_RUN - 1, 0.0))) is None
    assert settled_by(np.array([]), np.array([], dtype=bool)) is None


def test_a_stale_answer_starts_the_count_again() -> None:
    times, flags = calls((600, 0.0))
    flags[250] = True
    assert settled_by(times, flags) == 251 + statistics.CLEAN_RUN - 1


def test_traffic_that_stays_stale_never_settles() -> None:
    assert settled_by(*calls((2000, 0.5))) is None


def test_a_single_late_stale_answer_moves_the_bound() -> None:
    times, flags = calls((50, 1.0), (2000, 0.0))
    flags[1000] = True
    upper_s = settled_by(times, flags)
    assert upper_s is not None
    assert upper_s > 1000


def test_a_slow_decay_needs_no_clean_run() -> None:
    # 0.2 % stay stale for ever: there are hardly 299 fresh calls in a row.
    upper_s = settled_by(*calls((500, 0.5), (40_000, 0.002)))
    assert upper_s is not None
    assert upper_s < 20_000


def test_the_clean_windows_keep_their_error_rate() -> None:
    chances = [binom.cdf(most, window, 0.01) for window, most in statistics._clean_windows()]
    assert chances[0] == pytest.approx(0.0495, abs=1e-4)
    assert max(chances[1:]) <= statistics.LONG_RUN_LEVEL
    assert sum(chances) <= 1 - statistics.CONFIDENCE


@pytest.mark.parametrize("share", [0.0101, 0.02, 0.05])
def test_the_upper_bound_holds_whatever_the_truth(share: float) -> None:
    """S just above 1 % until it drops to nothing: what the upper bound fears most."""
    held = 0
    for seed in range(400):
        upper_s = settled_by(*calls((100, 0.5), (600, share), (600, 0.0), seed=seed))
        held += upper_s is None or upper_s >= 700
    assert held / 400 >= 0.928  # 0.95 less two standard deviations of 400 draws


def test_the_estimate_is_the_isotonic_fit_and_lies_within_its_band() -> None:
    times, flags = calls((50, 0.8), (50, 0.3), (50, 0.0))
    points = stale_share(times, flags)
    fit = isotonic_regression(flags.astype(float), increasing=False).x
    for at, share, low, high in points:
        assert share == pytest.approx(fit[int(at)], abs=1e-6)
        assert 0 <= low <= share <= high <= 1
    assert [point[0] for point in points] == sorted({point[0] for point in points})


@given(arrays.arrays(bool, st.integers(1, 200)))
def test_the_fit_is_the_librarys(flags: np.ndarray) -> None:
    theirs = isotonic_regression(flags.astype(float), increasing=False).x
    np.testing.assert_allclose(never_rising(flags), theirs, atol=1e-12)


@given(st.integers(0, 5_000_000), st.sampled_from([0.5, 0.99]), st.sampled_from([0.025, 0.975]))
def test_ranks_of_an_interval_are_the_librarys(count: int, share: float, chance: float) -> None:
    assert binomial_quantile(chance, count, share) == int(binom.ppf(chance, count, share))


def test_the_curve_stays_small_however_many_calls() -> None:
    times, flags = calls(*((1000, share) for share in np.linspace(0.9, 0.0, 40)))
    assert 50 <= len(stale_share(times, flags)) <= statistics.MAX_POINTS


def test_without_calls_there_is_no_curve() -> None:
    assert stale_share(np.array([]), np.array([], dtype=bool)) == []


@given(arrays.arrays(bool, st.integers(0, 400)))
def test_estimates_are_numbers_whatever_the_answers(flags: np.ndarray) -> None:
    times = np.arange(flags.size) / 10
    upper_s = settled_by(times, flags)
    assert upper_s is None or 0 <= upper_s <= times[-1]
    for point in stale_share(times, flags):
        assert all(math.isfinite(value) for value in point)


def test_quantiles_are_values_that_occurred() -> None:
    shares = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    assert quantiles_ms(np.arange(1, 101) * 1_000_000, shares) == {"p50": 50, "p99": 99, "max": 100}
    assert quantiles_ms(np.array([7_500_000]), shares) == {"p50": 7.5, "p99": 7.5, "max": 7.5}
    assert quantiles_ms(np.array([], dtype=np.int64), shares) == dict.fromkeys(shares)


SMALLER_RUN = [setting for setting in SETTINGS if setting.rate <= 50]


@pytest.mark.parametrize("setting", SMALLER_RUN, ids=lambda setting: setting.name)
def test_intervals_cover_the_truth(setting: object) -> None:
    measured = coverage_of(setting, 40)  # type: ignore[arg-type]
    assert measured.upper >= 0.93
    assert measured.band >= 0.93
    assert math.isnan(measured.stale) or measured.stale >= 0.88  # 0.95 less two standard deviations
    assert measured.relative_width <= 1.02  # 299 calls, and the wait for the first of them


def test_the_table_says_where_there_was_no_window() -> None:
    row = Coverage(SETTINGS[0], upper=1, claimed=1, null=0, width_s=90, stale=math.nan, band=0.99)
    assert table([row]).splitlines()[-1] == (
        "| at one moment, 3/s | 100.0% | 100.0% | 0.0% | 90 | 0.90 | no window | 99.0% |"
    )
