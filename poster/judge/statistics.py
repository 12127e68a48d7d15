"""Estimates with intervals, from sending times and who answered. Pure; numpy and scipy only.

A call sent ``t`` seconds after the switch is answered by old code with probability S(t), the
*stale share*. All that is assumed is that calls are independent given S and that S never rises.
``times_s`` below are sorted sending times in seconds after the switch, ``stale`` says of each call
whether old code answered it. Formulas, error rates and measured coverage: ``docs/method.md``.

Invariant: no result is NaN, whatever the input; where the calls cannot tell, a bound is trivial
or None.
"""

from __future__ import annotations

import bisect
import functools
import itertools
import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, bdtrik, betaincinv, gammaln, ndtri

CONFIDENCE = 0.95
STALE_SHARE = 0.01  # traffic counts as settled when less than this share is stale
STALE_PERCENT = f"{100 * STALE_SHARE:g} %"  # as sentences say it

# Settled: rejects "not settled before t" when the calls just before t hold too few
# stale ones. 299 fresh calls in a row happen with probability 0.99**299 = 0.0495 if S is 0.01; with
# the longer runs beside it, all together stay under 1 - CONFIDENCE.
CLEAN_RUN = 299
LONG_RUNS = tuple(CLEAN_RUN * 2**power for power in range(2, 12))
LONG_RUN_LEVEL = 0.00004

BAND_WINDOWS = (8, 32, 128, 512, 2048)
MAX_POINTS = 200

ANYTHING = (0.0, 1.0)  # the interval of a share of which nothing is known

Times = NDArray[np.float64]
Flags = NDArray[np.bool_]
Point = tuple[float, float, float, float]


def wilson(hits: int, trials: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the Wilson score interval of a share; (0, 1) without trials.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 1927.
    """
    if trials == 0:
        return ANYTHING
    z = float(ndtri(0.5 + confidence / 2))
    share = hits / trials
    centre = share + z * z / (2 * trials)
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    # The formula gives 0 and 1 exactly at the ends; floating point does not.
    low = 0.0 if hits == 0 else max(0.0, (centre - spread) / scale)
    high = 1.0 if hits == trials else min(1.0, (centre + spread) / scale)
    return low, high


def settled_by(times_s: Times, stale: Flags) -> float | None:
    """Return the last moment that is not rejected as "S was at least 0.01 until then".

    It needs no model of how the switch spreads: it keeps its error rate for every S that never
    rises. None: too few calls followed to reject the end.
    """
    counts = _counts(stale)
    rejected = np.zeros(counts.size, dtype=bool)  # by the number of calls sent before the moment
    for window, most in _clean_windows():
        if window < counts.size:
            rejected[window:] |= counts[window:] - counts[:-window] <= most
    last_accepted = int(np.flatnonzero(~rejected)[-1])
    return None if last_accepted == stale.size else float(times_s[last_accepted])


def _counts(flags: Flags) -> NDArray[np.int32]:
    """Return how many flags are set among the first 0, 1, 2 ... of them."""
    counts = np.zeros(flags.size + 1, dtype=np.int32)
    np.cumsum(flags, out=counts[1:])
    return counts


@functools.cache
def _clean_windows() -> list[tuple[int, int]]:
    """Return (calls, most stale among them) that would be rare if S were still 0.01."""
    windows = [(CLEAN_RUN, 0)]
    for calls in LONG_RUNS:
        counts = range(calls)  # the chance grows with the count
        chance = functools.partial(_chance_of_at_most, calls=calls)
        windows.append((calls, bisect.bisect_right(counts, LONG_RUN_LEVEL, key=chance) - 1))
    return windows


def _chance_of_at_most(count: int, calls: int) -> float:
    return float(bdtr(count, calls, STALE_SHARE))


def stale_share(times_s: Times, stale: Flags) -> list[Point]:
    """Return S(t) as (t in s, estimate, low, high), at most ``MAX_POINTS`` points in time order.

    The estimate is the isotonic maximum likelihood (Ayer et al., Annals of Mathematical
    Statistics 1955). The band holds at each point for itself, not for all points at once.
    """
    if stale.size == 0:
        return []
    fit = never_rising(stale)
    places = _places_to_show(fit)
    low, high = _band(stale, places)
    shares = fit[places]
    return [
        (round(float(t), 6), round(float(s), 6), round(min(a, s), 6), round(max(b, s), 6))
        for t, s, a, b in zip(
            times_s[places], shares.tolist(), low.tolist(), high.tolist(), strict=True
        )
    ]


def never_rising(flags: Flags) -> NDArray[np.float64]:
    """Return the fit to flags that never rises and is most likely, by pooling what rises.

    As scipy.optimize.isotonic_regression does, which takes longer to load than to run.
    """
    edges = np.concatenate([[0], np.flatnonzero(np.diff(flags)) + 1, [flags.size]])
    pools: list[tuple[int, int]] = []  # flags that are set, and flags
    for begin, end in itertools.pairwise(edges.tolist()):
        hits, size = (end - begin) * int(flags[begin]), end - begin
        while pools and pools[-1][0] * size <= hits * pools[-1][1]:
            more, sizes = pools.pop()
            hits, size = hits + more, size + sizes
        pools.append((hits, size))
    shares = [hits / size for hits, size in pools]
    return np.repeat(shares, [size for _, size in pools])


def _places_to_show(fit: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return both ends of every step of the fit, thinned where there are too many."""
    edges = np.flatnonzero(fit[1:] != fit[:-1])
    places = np.unique(np.concatenate([[0], edges, edges + 1, [fit.size - 1]]))
    # A long step still needs points inside: the band narrows along it.
    inside = np.linspace(0, fit.size - 1, num=min(fit.size, MAX_POINTS // 4)).astype(np.int64)
    room = MAX_POINTS - inside.size
    if places.size > room:
        places = places[np.linspace(0, places.size - 1, num=room).astype(np.int64)]
    return np.unique(np.concatenate([places, inside]))


def _band(
    stale: Flags, places: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return bounds of S at the places.

    S never rises: the calls up to a place have at least its stale share, so their exact upper
    bound (Clopper and Pearson, Biometrika 1934) bounds it too; those from it on bound it below.
    The tightest of several window lengths counts, each with its part of the error rate.
    """
    counts = _counts(stale)
    error = (1 - CONFIDENCE) / 2 / len(BAND_WINDOWS)
    low, high = np.zeros(places.size), np.ones(places.size)
    for window in BAND_WINDOWS:
        before = places + 1 >= window
        ends = places[before] + 1
        hits = counts[ends] - counts[ends - window]
        bound = np.where(hits == window, 1.0, betaincinv(hits + 1, window - hits, 1 - error))
        high[before] = np.minimum(high[before], bound)
        after = places + window <= stale.size
        starts = places[after]
        hits = counts[starts + window] - counts[starts]
        bound = np.where(hits == 0, 0.0, betaincinv(hits, window - hits + 1, error))
        low[after] = np.maximum(low[after], bound)
    return low, high


def chance_of_more_failures(
    failed_before: int, calls_before: int, failed: int, calls: int
) -> float:
    """Return the chance of so many failures or more among ``calls``, if nothing had changed.

    One-sided exact test (R. A. Fisher, Statistical Methods for Research Workers, 1934): the
    failures of both periods fall on the calls of both at random.
    """
    all_failed, all_calls = failed_before + failed, calls_before + calls
    counts = np.arange(failed, min(all_failed, calls) + 1)
    ways = (
        _log_choose(all_failed, counts)
        + _log_choose(all_calls - all_failed, calls - counts)
        - _log_choose(all_calls, calls)
    )
    return min(1.0, float(np.exp(ways).sum()))


def _log_choose(count: int, chosen: NDArray[np.int64] | int) -> NDArray[np.float64]:
    logarithm: NDArray[np.float64] = (
        gammaln(count + 1) - gammaln(np.add(chosen, 1)) - gammaln(np.subtract(count + 1, chosen))
    )
    return logarithm


def binomial_quantile(chance: float, count: int, share: float) -> int:
    """Return the least count of hits in ``count`` trials that is not exceeded with that chance.

    As scipy.stats.binom.ppf does, which takes a second to load.
    """
    found = max(0, math.ceil(bdtrik(chance, count, share))) if count else 0
    return found - 1 if found and bdtr(found - 1, count, share) >= chance else found


def quantiles_ms(
    durations_ns: NDArray[np.int64], shares: dict[str, float]
) -> dict[str, float | None]:
    """Return the named quantiles (nearest rank) in ms, None each when there are no durations."""
    count = durations_ns.size
    if count == 0:
        return dict.fromkeys(shares)
    ranks = {name: max(0, math.ceil(share * count) - 1) for name, share in shares.items()}
    ordered = np.partition(durations_ns, sorted(set(ranks.values())))
    return {name: round(int(ordered[rank]) / 1e6, 6) for name, rank in ranks.items()}
