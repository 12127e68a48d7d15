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


def estimate_clock(observations: pl.DataFrame, origin_unix_ns: int) -> ClockEstimate:
    """Return the skew over the run, without values where no answer carries the server's time."""
    calls = observations.lazy().filter(
        pl.col("server_ms").is_not_null() & pl.col("received_ns").is_not_null()
    )
    # Floats: a hostile server_ms times a million leaves 64 bits. 2**53 us are good for centuries.
    offset = pl.col("server_ms").cast(pl.Float64) - origin_unix_ns / 1e6
    sent_ms, received_ms = pl.col("sent_ns") / 1e6, pl.col("received_ns") / 1e6
    bounds = (
        calls.select(
            "seq",
            ((sent_ms + received_ms) / 2).alias("at"),
            (offset - received_ms).alias("low"),
            (offset + RESOLUTION_MS - sent_ms).alias("high"),
        )
        .filter(pl.col("low") <= pl.col("high"))
        .collect()
    )
    if bounds.is_empty():
        return NO_ESTIMATE
    seq, at, low, high = (column.to_numpy() for column in bounds)
    cuts = np.linspace(0, low.size, max(1, min(SLICES, low.size // SLICE_CALLS)) + 1).astype(int)
    slices = [slice(start, end) for start, end in itertools.pairwise(cuts)]
    trend = _trend(at, low, high, slices)
    low, high = low - trend, high - trend
    common = [_most_common(low[part], high[part]) for part in slices]
    outside = np.concatenate(
        [
            (low[part] > top) | (high[part] < bottom)
            for (bottom, top), part in zip(common, slices, strict=True)
        ]
    )
    bottom = min(pair[0] for pair in common) + float(trend.min())
    top = max(pair[1] for pair in common) + float(trend.max())
    apart_ms = max(pair[0] for pair in common) - min(pair[1] for pair in common)
    return ClockEstimate(
        is_steady=apart_ms <= STEADY_MS,
        skew_ms=round((bottom + top) / 2, 3),
        error_ms=round((top - bottom) / 2, 3),
        drift_ms=round(float(trend[-1] - trend[0]), 3),
        outside_seqs=tuple(seq[outside][:MAX_WITNESSES].tolist()),
        outside=int(outside.sum()),
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


def _trend(
    at: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    slices: list[slice],
) -> NDArray[np.float64]:
    """Return how far the skew has moved since the first call: a line from first to last slice."""
    centres = [sum(_most_common(low[part], high[part])) / 2 for part in slices]
    middles = [float(np.median(at[part])) for part in slices]
    apart = middles[-1] - middles[0]
    slope = (centres[-1] - centres[0]) / apart if apart > 0 else 0.0
    slope = min(MAX_DRIFT, max(-MAX_DRIFT, slope))
    trend: NDArray[np.float64] = slope * (at - at[0])
    return trend


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
