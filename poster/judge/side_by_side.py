"""Is the new release slower, or does it fail more, than the old one in the same minutes? Pure.

Both answer only while callers get both, so that is where they are compared: the calls sent from the
arrival of the first new answer to the sending of the last old one. What differs there is not the
time of day. A failed call counts for a release where its answer names one.
"""

from __future__ import annotations

import dataclasses

import polars as pl

from poster.judge.statistics import CONFIDENCE, binomial_quantile, quantiles_ms, wilson

SHARES = {"p50": 0.5, "p99": 0.99}
FEWEST = 5  # answers of each release

Bounded = tuple[float, float | None, float | None]


@dataclasses.dataclass(frozen=True, slots=True)
class Side:
    """One release, or all of one age, while both answered."""

    ok: int
    fail: int
    fail_ci: tuple[float, float]  # Wilson, of the calls that name the release
    latency_ms: dict[str, Bounded]  # quantile, and its interval as far as there is one


@dataclasses.dataclass(frozen=True, slots=True)
class SideBySide:
    """Old and new in the same stretch of time; seconds from the transition's zero."""

    from_s: float
    to_s: float
    old: Side
    new: Side


def side_by_side(calls: pl.DataFrame, zero_ns: int, from_ns: int, to_ns: int) -> SideBySide | None:
    """Return the comparison; None where fewer than ``FEWEST`` calls of one were answered ok.

    ``calls`` are those sent within whose answers name a release: is_new, ok, latency_ns.
    """
    old, new = (_side(calls.filter(pl.col("is_new") == is_new)) for is_new in (False, True))
    if min(old.ok, new.ok) < FEWEST:
        return None
    return SideBySide((from_ns - zero_ns) / 1e9, (to_ns - zero_ns) / 1e9, old, new)


def _side(calls: pl.DataFrame) -> Side:
    ok = calls.filter("ok")
    fail = calls.height - ok.height
    return Side(ok.height, fail, wilson(fail, calls.height), _bounded(ok["latency_ns"].sort()))


def _bounded(latencies_ns: pl.Series) -> dict[str, Bounded]:
    """Return quantiles with intervals of order statistics, which assume no distribution.

    H. A. David and H. N. Nagaraja, Order Statistics, 2003, section 7.1.
    """
    count = latencies_ns.len()
    values = quantiles_ms(latencies_ns.to_numpy(), SHARES)
    found: dict[str, Bounded] = {}
    for name, share in SHARES.items():
        low, high = (
            binomial_quantile(chance, count, share)
            for chance in ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
        )
        bounds = [
            round(latencies_ns[rank - 1] / 1e6, 6) if 1 <= rank <= count else None
            for rank in (low, high + 1)
        ]
        found[name] = (values[name] or 0.0, bounds[0], bounds[1])
    return found
