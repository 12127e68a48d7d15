"""How far is the server's clock from ours? Pure.

A server that read its clock while it served a call did so between the call's ``sent_ns`` and
``received_ns``, and a reading of S ms stands for some moment in [S, S + 1). So every answered call
bounds the *skew* (server's clock minus ours) from both sides, and all calls together bound it by
the intersection (K. Marzullo, Maintaining the Time in a Distributed System, 1984; NTP's clock
select does the same). The run is cut into slices; the line from the first slice's skew to the
last one's is the *drift*, and what remains after taking it off is intersected slice by slice.

Invariant: where servers agree and drift steadily, the true skew lay within ``skew_ms`` plus or
minus ``error_ms`` at all times of the run.
"""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import polars as pl
from numpy.typing import NDArray

SLICES = 10
SLICE_CALLS = 50  # fewer calls bound the skew of a slice badly
RESOLUTION_MS = 1.0
MAX_DRIFT = 0.01  # ms per ms, a hundred times that of a crystal: more is a clock that is set
ROUNDING_MS = 0.001  # of a skew's last digit
STEADY_MS = 10.0  # slices that differ by more are not of one clock


@dataclasses.dataclass(frozen=True, slots=True)
class ClockEstimate:
    """The server's clock against ours, over the whole run; ms."""

    skew_ms: float | None  # positive: the server's clock is ahead
    error_ms: float | None
    drift_ms: float | None = None  # skew at the end of the run minus skew at its start
    outside_seqs: tuple[int, ...] = ()  # calls whose server time fits no common skew (first few)
    outside: int = 0
    is_steady: bool = True  # False: no one clock is behind the server's times


NO_ESTIMATE = ClockEstimate(None, None)
MAX_WITNESSES = 5


def estimate_clock(calls: pl.LazyFrame, origin_unix_ns: int) -> ClockEstimate:
    """Return the skew over the run, without values where no answer carries the server's time."""
    answered = calls.filter(pl.col("server_ms").is_not_null() & pl.col("received_ns").is_not_null())
    # Floats: a hostile server_ms times a million leaves 64 bits. 2**53 us are good for centuries.
    offset = pl.col("server_ms").cast(pl.Float64) - origin_unix_ns / 1e6
    sent_ms, received_ms = pl.col("sent_ns") / 1e6, pl.col("received_ns") / 1e6
    bounds = answered.select(
        "seq",
        ((sent_ms + received_ms) / 2).alias("at"),
        (offset - received_ms).alias("low"),
        (offset + RESOLUTION_MS - sent_ms).alias("high"),
    ).filter(pl.col("low") <= pl.col("high"))
    at, low, high = (column.to_numpy() for column in bounds.select("at", "low", "high").collect())
    if not at.size:
        return NO_ESTIMATE
    cuts = np.linspace(0, low.size, max(1, min(SLICES, low.size // SLICE_CALLS)) + 1).astype(int)
    slices = [slice(start, end) for start, end in itertools.pairwise(cuts)]
    slope = _slope(at, low, high, slices)
    common, outside, moved = [], [], []
    for part in slices:  # one after another, since a run may have very many calls
        trend = slope * (at[part] - at[0])
        own_low, own_high = low[part] - trend, high[part] - trend
        bottom, top = _most_common(own_low, own_high)
        common.append((bottom, top))
        outside.append((own_low > top) | (own_high < bottom))
        moved += [float(trend.min()), float(trend.max())]
    named = np.flatnonzero(np.concatenate(outside))
    seqs = bounds.select(pl.col("seq").gather(named[:MAX_WITNESSES])) if named.size else None
    bottom = min(pair[0] for pair in common) + min(moved)
    top = max(pair[1] for pair in common) + max(moved)
    apart_ms = max(pair[0] for pair in common) - min(pair[1] for pair in common)
    return ClockEstimate(
        is_steady=apart_ms <= STEADY_MS,
        skew_ms=round((bottom + top) / 2, 3),
        error_ms=round((top - bottom) / 2, 3),
        drift_ms=round(float(slope * (at[-1] - at[0])), 3),
        outside_seqs=() if seqs is None else tuple(seqs.collect().to_series()),
        outside=named.size,
    )


def fits_call(clock: ClockEstimate, origin_unix_ns: int) -> pl.Expr:
    """Return whether the server's time lies within the call at the estimated skew; never null."""
    if clock.skew_ms is None or clock.error_ms is None:
        return pl.lit(False)
    offset = pl.col("server_ms").cast(pl.Float64) - origin_unix_ns / 1e6
    earliest, latest = clock.skew_ms - clock.error_ms, clock.skew_ms + clock.error_ms
    within = (offset - pl.col("received_ns") / 1e6 <= latest + ROUNDING_MS) & (
        offset + RESOLUTION_MS - pl.col("sent_ns") / 1e6 >= earliest - ROUNDING_MS
    )
    return within.fill_null(False)


def _slope(
    at: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    slices: list[slice],
) -> float:
    """Return how fast the skew moves: the line from first to last slice, in ms per ms."""
    ends = (slices[0], slices[-1])
    centres = [sum(_most_common(low[part], high[part])) / 2 for part in ends]
    middles = [float(np.median(at[part])) for part in ends]
    apart = middles[1] - middles[0]
    slope = (centres[1] - centres[0]) / apart if apart > 0 else 0.0
    return min(MAX_DRIFT, max(-MAX_DRIFT, slope))


def _most_common(low: NDArray[np.float64], high: NDArray[np.float64]) -> tuple[float, float]:
    """Return the interval that the most calls agree on; all of them, where that is possible."""
    bottom, top = float(low.max()), float(high.min())
    if bottom <= top:
        return bottom, top
    edges = np.concatenate([low, high])
    # At equal values an interval opens before another closes: they touch, so they agree.
    closes = np.repeat([0, 1], low.size)
    order = np.lexsort((closes, edges))
    depth = np.cumsum(np.where(closes[order] == 1, -1, 1))
    deepest = int(np.argmax(depth))
    return float(edges[order][deepest]), float(edges[order][deepest + 1])
