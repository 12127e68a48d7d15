"""Fits the lag distribution ``published`` to the published rows.

The rows are the excerpts around each of the three deploys, 126 in all, and two more facts about
each run: every row above its excerpt was old, every row below it, up to the run's total, was new.
Rows outside the excerpts have no published time; they are put at the excerpt's mean distance.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import scipy.optimize
import scipy.special

from poster.local.front_ends import FRONT_ENDS
from studies.propagation.likelihood import (
    SWITCH_WITHIN_S,
    Floats,
    RunRows,
    StaleShare,
    log_likelihood,
)
from studies.propagation.published import load_published

# Answers per run: the sums of the three posters' counts in the published table.
PUBLISHED_TOTALS = (252, 280, 274)
OLD_MARKER = "aaa"


@dataclasses.dataclass(frozen=True, slots=True)
class Family:
    """A shape for S(t): its parameters' names, where to start, and S for given parameters.

    Parameters are searched for on the whole real line: shares as logits, times as logarithms.
    """

    parameters: tuple[str, ...]
    start: tuple[float, ...]
    stale_share: Callable[[Floats], StaleShare]


def _tail(x: Floats, tail: Callable[[Floats], Floats]) -> StaleShare:
    return lambda t_s: scipy.special.expit(x[0]) * tail(t_s / np.exp(x[1]))


# "Fast at once" is an atom at lag 0: its front ends adopt the switch before the next row.
FAMILIES: Mapping[str, Family] = {
    "one exponential": Family(("mean",), (0.0,), lambda x: lambda t_s: np.exp(-t_s / np.exp(x[0]))),
    "one Weibull": Family(
        ("scale", "shape"),
        (0.0, -1.0),
        lambda x: lambda t_s: np.exp(-((t_s / np.exp(x[0])) ** np.exp(x[1]))),
    ),
    "fast at once, slow exponential": Family(
        ("slow share", "slow mean"), (-1.0, 1.5), lambda x: _tail(x, lambda u: np.exp(-u))
    ),
    "fast at once, slow uniform": Family(
        ("slow share", "longest"), (-1.5, 2.3), lambda x: _tail(x, lambda u: np.maximum(0, 1 - u))
    ),
    "fast at once, slow Weibull": Family(
        ("slow share", "scale", "shape"),
        (-1.0, 1.5, 0.2),
        lambda x: _tail(x, lambda u: np.exp(-(u ** np.exp(x[2])))),
    ),
    "two exponentials": Family(
        ("slow share", "slow mean", "fast mean"),
        (-1.5, 1.8, -2.0),
        lambda x: (
            lambda t_s: (
                scipy.special.expit(x[0]) * np.exp(-t_s / np.exp(x[1]))
                + scipy.special.expit(-x[0]) * np.exp(-t_s / np.exp(x[2]))
            )
        ),
    ),
}
CHOSEN = "fast at once, slow exponential"
# Where the search ends: 10 ms, far below the rows' distance and so not told from 0 by them; for
# shares, as a logit, the same number is 1 %.
_LEAST = math.log(0.01)


@dataclasses.dataclass(frozen=True, slots=True)
class Fit:
    """The most likely member of a family."""

    x: Floats
    parameters: dict[str, float]
    log_likelihood: float

    @property
    def aic(self) -> float:
        """Return Akaike's criterion; less is better, 2 or more apart means something."""
        return 2 * len(self.parameters) - 2 * self.log_likelihood


def load_runs(path: Path) -> list[RunRows]:
    """Read the published rows, and add those above and below each excerpt."""
    return [
        _whole_run(
            [
                (server_ms / 1000, todo_id, marker == OLD_MARKER)
                for todo_id, marker, server_ms in rows
            ],
            total,
        )
        for rows, total in zip(_excerpts(path), PUBLISHED_TOTALS, strict=True)
    ]


def _excerpts(path: Path) -> list[list[tuple[str, str, int]]]:
    columns = ("todo_id", "marker", "server_ms")
    return [history.observations.select(columns).rows() for history in load_published(path)]


def _whole_run(rows: list[tuple[float, str, bool]], total: int) -> RunRows:
    first_new_s = next(time_s for time_s, _, is_old in rows if not is_old)
    times_s = np.array([time_s for time_s, _, _ in rows]) - first_new_s
    # Each poster numbers its calls: the highest numbers add up to the rows until the excerpt's end.
    last_number = {todo_id[:3]: int(todo_id[4:]) for _, todo_id, _ in rows}
    above = sum(last_number.values()) - len(rows)
    below = total - above - len(rows)
    gap_s = (times_s[-1] - times_s[0]) / (len(rows) - 1)
    return RunRows(
        np.concatenate(
            [
                times_s[0] - gap_s * np.arange(above, 0, -1),
                times_s,
                times_s[-1] + gap_s * np.arange(1, below + 1),
            ]
        ),
        np.array([True] * above + [is_old for _, _, is_old in rows] + [False] * below),
    )


def poster_gaps_s(path: Path) -> list[float]:
    """Return the seconds between consecutive published calls of one poster, of all posters."""
    gaps_s = []
    for rows in _excerpts(path):
        at_ms = {todo_id: server_ms for todo_id, _, server_ms in rows}
        for todo_id, server_ms in at_ms.items():
            next_id = f"{todo_id[:4]}{int(todo_id[4:]) + 1:04d}"
            if next_id in at_ms:
                gaps_s.append((at_ms[next_id] - server_ms) / 1000)
    return gaps_s


def fit(name: str, runs: list[RunRows], front_ends: int = FRONT_ENDS) -> Fit:
    """Return the most likely member of the family."""
    family = FAMILIES[name]
    recent = [_recent(run) for run in runs]

    def cost(x: Floats) -> float:
        bounded = np.maximum(x, _LEAST)
        return -log_likelihood(family.stale_share(bounded), recent, front_ends)

    found = scipy.optimize.minimize(
        cost, family.start, method="Nelder-Mead", options={"xatol": 1e-4, "fatol": 1e-5}
    )
    x = np.maximum(found.x, _LEAST)
    return Fit(x, _named(family, x), -float(found.fun))


def interval(name: str, best: Fit, index: int, runs: list[RunRows]) -> tuple[float, float]:
    """Return the 95 % profile-likelihood interval of one parameter of a family of two.

    The other parameter takes its best value at every trial (Wilks: twice the drop in
    log-likelihood is about chi-squared with one degree of freedom; 3.84 is its 95 % point).
    """
    family = FAMILIES[name]
    recent = [_recent(run) for run in runs]
    other = 1 - index

    def drop(value: float) -> float:
        def cost(free: float) -> float:
            x = np.empty(2)
            x[index], x[other] = value, free
            return -log_likelihood(family.stale_share(x), recent, FRONT_ENDS)

        near = (best.x[other] - 2, best.x[other] + 2)
        found = scipy.optimize.minimize_scalar(
            cost, bounds=near, method="bounded", options={"xatol": 1e-2}
        )
        return 2 * (best.log_likelihood + float(found.fun)) - 3.84

    at = float(best.x[index])
    ends = (
        scipy.optimize.brentq(drop, at - 3, at, xtol=5e-3),
        scipy.optimize.brentq(drop, at, at + 3, xtol=5e-3),
    )
    low, high = (_natural(family.parameters[index], end) for end in ends)
    return low, high


def _recent(run: RunRows) -> RunRows:
    """Leave out rows that are old whenever the switch was: they say nothing."""
    kept = run.times_s > -SWITCH_WITHIN_S
    return RunRows(run.times_s[kept], run.is_old[kept])


def _named(family: Family, x: Floats) -> dict[str, float]:
    return {name: _natural(name, value) for name, value in zip(family.parameters, x, strict=True)}


def _natural(name: str, value: float) -> float:
    return float(scipy.special.expit(value) if name.endswith("share") else np.exp(value))
