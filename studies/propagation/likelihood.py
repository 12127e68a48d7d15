"""The likelihood of a lag distribution, given rows that are old or new. Pure.

The model is the fleet's own: N front ends, each keeps the old version for a lag of its own after
the switch, a call lands on any of them with equal chance. Rows of one run are not independent:
while one front end is late, all calls that land there are old. The likelihood respects that. It
follows, row by row, how many front ends are still old: from one row to the next each of them
stays old with probability S(t') / S(t), and a row is old with probability K / N.

Following the K + 1 probabilities themselves would cost a matrix per row. Their factorial moments
E[C(K, j)] only get multiplied by (S(t') / S(t))^j, which is exact and thousands of times cheaper.

The moment of the switch is not in the rows. It is integrated out: any moment in the seconds
before the first new row is as likely as any other.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
import scipy.special

Floats = npt.NDArray[np.float64]
StaleShare = Callable[[Floats], Floats]

SWITCH_WITHIN_S = 3.0  # before the first new row; further back the rows leave nothing
_SWITCH_STEP_S = 0.05


@dataclasses.dataclass(frozen=True, slots=True)
class RunRows:
    """The rows of one run in order of time: seconds since the first new row, and old or not."""

    times_s: Floats
    is_old: npt.NDArray[np.bool_]


def log_likelihood(stale_share: StaleShare, runs: Iterable[RunRows], front_ends: int) -> float:
    """Return the log-likelihood of all runs, with the moments of the switches integrated out.

    ``stale_share`` is S(t) for an array of t >= 0. Runs are independent of each other.
    """
    switches_s = -np.arange(_SWITCH_STEP_S / 2, SWITCH_WITHIN_S, _SWITCH_STEP_S)
    total = 0.0
    for run in runs:
        by_switch = _log_likelihood_by_switch(stale_share, run, switches_s, front_ends)
        total += float(scipy.special.logsumexp(by_switch)) + np.log(1 / len(switches_s))
    return total


def _log_likelihood_by_switch(
    stale_share: StaleShare, run: RunRows, switches_s: Floats, front_ends: int
) -> Floats:
    """Return one log-likelihood per assumed moment of the switch."""
    since_switch_s = run.times_s[None, :] - switches_s[:, None]
    share = np.where(since_switch_s < 0, 1.0, stale_share(np.maximum(since_switch_s, 0.0)))
    order = np.arange(front_ends + 1.0)
    # All are old before the switch: E[C(K, j)] = C(N, j). Column 0 is the likelihood itself.
    moments = np.tile(scipy.special.comb(front_ends, order), (len(switches_s), 1))
    log_likelihood = np.zeros(len(switches_s))
    before = np.ones(len(switches_s))
    for column, is_old in enumerate(run.is_old):
        now = share[:, column]
        stay = np.divide(now, before, out=np.zeros_like(now), where=before > 0)
        before = now
        moments *= stay[:, None] ** order
        # K C(K, j) = j C(K, j) + (j + 1) C(K, j + 1)
        old = moments * order
        old[:, :-1] += moments[:, 1:] * order[1:]
        old /= front_ends
        moments = old if is_old else moments - old
        likelihood = np.maximum(moments[:, 0].copy(), 0.0)
        with np.errstate(divide="ignore"):
            log_likelihood += np.log(likelihood)
        # Scaled back to 1 at each row, so that a long run does not underflow.
        moments /= np.where(likelihood > 0, likelihood, np.inf)[:, None]
    return log_likelihood
