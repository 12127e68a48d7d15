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
AT_ONCE = 100_000  # more calls are read slice by slice, since a run may have very many
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


@dataclasses.dataclass(frozen=True, slots=True)
class _Slice:
    """Calls in a row that bound the skew: when each was, and between what the skew lies; ms."""

    seq: pl.Series
    at: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def estimate_clock(calls: pl.LazyFrame, origin_unix_ns: int) -> ClockEstimate:
    """Return the skew over the run, without values where no answer carries the server's time."""
    # Floats: a hostile server_ms times a million leaves 64 bits. 2**53 us are good for centuries.
    offset = pl.col("server_ms").cast(pl.Float64) - origin_unix_ns / 1e6
    sent_ms, received_ms = pl.col("sent_ns") / 1e6, pl.col("received_ns") / 1e6
    low, high = offset - received_ms, offset + RESOLUTION_MS - sent_ms
    is_bound = (low <= high).fill_null(False)
    places = calls.select(is_bound.arg_true()).collect().to_series()
    if places.is_empty():
        return NO_ESTIMATE
    count = places.len()
    cuts = np.linspace(0, count, max(1, min(SLICES, count // SLICE_CALLS)) + 1).astype(int)
    stretches = [(int(begin), int(end)) for begin, end in itertools.pairwise(cuts)]

    def bounds(rows: pl.LazyFrame) -> pl.DataFrame:
        middle = (sent_ms + received_ms) / 2
        return rows.filter(is_bound).select("seq", at=middle, low=low, high=high).collect()

    whole = bounds(calls) if count <= AT_ONCE else None

    def read(stretch: tuple[int, int]) -> _Slice:
        begin, end = stretch
        if whole is not None:
            found = whole[begin:end]
        else:
            first, last = places[begin], places[end - 1]
            found = bounds(calls.slice(first, last - first + 1))
        at, lows, highs = (found[name].to_numpy() for name in ("at", "low", "high"))
        return _Slice(found["seq"], at, lows, highs)

    ends = {stretch: read(stretch) for stretch in (stretches[0], stretches[-1])}
    slope, begin = _slope(ends[stretches[0]], ends[stretches[-1]])
    common, moved, outside, end = [], [], 0, begin
    witnesses: list[int] = []
    for stretch in stretches:
        part = ends.pop(stretch, None) or read(stretch)
        trend = slope * (part.at - begin)
        own_low, own_high = part.low - trend, part.high - trend
        bottom, top = _most_common(own_low, own_high)
        common.append((bottom, top))
        named = np.flatnonzero((own_low > top) | (own_high < bottom))
        outside += named.size
        witnesses += part.seq.gather(named[: MAX_WITNESSES - len(witnesses)]).to_list()
        moved += [float(trend.min()), float(trend.max())]
        end = float(part.at[-1])
    bottom = min(pair[0] for pair in common) + min(moved)
    top = max(pair[1] for pair in common) + max(moved)
    apart_ms = max(pair[0] for pair in common) - min(pair[1] for pair in common)
    return ClockEstimate(
        is_steady=apart_ms <= STEADY_MS,
        skew_ms=round((bottom + top) / 2, 3),
        error_ms=round((top - bottom) / 2, 3),
        drift_ms=round(float(slope * (end - begin)), 3),
        outside_seqs=tuple(witnesses),
        outside=outside,
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


def _slope(first: _Slice, last: _Slice) -> tuple[float, float]:
    """Return how fast the skew moves, by the line from first to last slice, and since when."""
    centres = [sum(_most_common(part.low, part.high)) / 2 for part in (first, last)]
    middles = [float(np.median(part.at)) for part in (first, last)]
    apart = middles[1] - middles[0]
    slope = (centres[1] - centres[0]) / apart if apart > 0 else 0.0
    return min(MAX_DRIFT, max(-MAX_DRIFT, slope)), float(first.at[0])


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
