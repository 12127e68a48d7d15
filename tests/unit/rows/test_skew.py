"""The skew estimate holds the truth, and says so when servers disagree."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from poster.rows.history import observations_frame
from poster.rows.skew import ClockEstimate, estimate_clock

ORIGIN_NS = 1_700_000_000_000_000_000


def calls(skew_ms: np.ndarray | float, count: int = 300, seed: int = 1) -> pl.LazyFrame:
    """Draw calls 10 ms apart; the server reads its clock somewhere inside each call."""
    draw = np.random.default_rng(seed)
    sent_ns = np.arange(count) * 10_000_000
    latency_ns = draw.integers(2_000_000, 60_000_000, count)
    served_ns = sent_ns + (latency_ns * draw.random(count)).astype(np.int64)
    server_ms = np.floor((ORIGIN_NS + served_ns) / 1e6 + skew_ms).astype(np.int64)
    return observations_frame(
        [
            {
                "seq": n + 1,
                "poster": 1,
                "todo_id": "x",
                "planned_ns": int(sent_ns[n]),
                "sent_ns": int(sent_ns[n]),
                "received_ns": int(sent_ns[n] + latency_ns[n]),
                "outcome": "ok",
                "server_ms": int(server_ms[n]),
            }
            for n in range(count)
        ]
    ).lazy()


@pytest.mark.parametrize("skew_ms", [0.0, 250.0, -3_600_000.0])
@pytest.mark.parametrize("seed", range(5))
def test_the_true_skew_lies_within_the_stated_error(skew_ms: float, seed: int) -> None:
    clock = estimate_clock(calls(skew_ms, seed=seed), ORIGIN_NS)
    assert clock.skew_ms is not None
    assert clock.error_ms is not None
    assert abs(clock.skew_ms - skew_ms) <= clock.error_ms
    assert clock.error_ms < 10
    assert clock.outside == 0


@pytest.mark.parametrize("drift_ms", [80.0, -80.0])
def test_drift_is_seen_and_widens_the_error_to_hold_it(drift_ms: float) -> None:
    truth = np.linspace(0, drift_ms, 1000)
    clock = estimate_clock(calls(truth, count=1000), ORIGIN_NS)
    assert clock.skew_ms is not None
    assert clock.error_ms is not None
    assert (np.abs(truth - clock.skew_ms) <= clock.error_ms).all()
    assert clock.drift_ms == pytest.approx(drift_ms, abs=15)


def test_a_server_with_another_clock_is_outvoted_and_named() -> None:
    skew = np.zeros(100)
    skew[40] = 5_000
    clock = estimate_clock(calls(skew, count=100), ORIGIN_NS)
    assert clock.skew_ms == pytest.approx(0, abs=10)
    assert (clock.outside, clock.outside_seqs) == (1, (41,))


def test_without_server_times_there_is_no_estimate() -> None:
    bare = calls(0.0).with_columns(pl.lit(None, dtype=pl.Int64).alias("server_ms"))
    assert estimate_clock(bare, ORIGIN_NS) == ClockEstimate(None, None)
    assert estimate_clock(bare.head(0), ORIGIN_NS) == ClockEstimate(None, None)


def test_calls_without_an_answer_tell_nothing() -> None:
    lost = calls(0.0).with_columns(pl.lit(None, dtype=pl.Int64).alias("received_ns"))
    assert estimate_clock(lost, ORIGIN_NS).skew_ms is None
