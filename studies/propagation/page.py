"""Writes docs/propagation.md: what was fitted to the published rows, how well, and with what doubt.

    python -m studies.propagation.page tests/data/published_runs.csv docs/propagation.md

Every number on the page is computed here, from the rows and with a fixed seed, so that a test can
hold the page against the code.
"""

from __future__ import annotations

import dataclasses
import itertools
import string
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from typing import TypeVar

import numpy as np

from poster.local.front_ends import FRONT_ENDS
from poster.local.lag import PUBLISHED, Lag
from studies.propagation.fit import (
    CHOSEN,
    FAMILIES,
    Fit,
    fit,
    interval,
    load_runs,
    poster_gaps_s,
)
from studies.propagation.likelihood import Floats, RunRows, log_likelihood
from studies.propagation.published import POSTERS

T = TypeVar("T")

SEED = 20200827  # the day of the published runs
SIMULATED_TRIPLES = 100


@dataclasses.dataclass(frozen=True, slots=True)
class Mixing:
    """What callers saw of one switch: seconds from first new to last old, and the stale share."""

    window_s: float
    stale_share: float


def simulate(lag: Lag, gaps_s: Sequence[float], until_s: float, seed: int) -> RunRows:
    """Return the rows that the published posters would see of one switch of the fleet.

    Each poster waits a gap drawn from ``gaps_s`` between its calls. Rows are seen from 5 s before
    the switch to ``until_s`` seconds after it.
    """
    random = Random(f"{seed}/lags")
    lags_s = np.array([lag.draw_s(random) for _ in range(FRONT_ENDS)])
    rng = np.random.default_rng(seed)
    calls = int((until_s + 5) / min(gaps_s)) + 1
    steps = rng.choice(np.asarray(gaps_s), size=(POSTERS, calls))
    times_s = np.sort(
        (np.cumsum(steps, axis=1) - 5 - steps[:, :1] * rng.random(POSTERS)[:, None]).ravel()
    )
    times_s = times_s[times_s < until_s]
    is_old = times_s < lags_s[rng.integers(FRONT_ENDS, size=len(times_s))]
    return RunRows(times_s - times_s[~is_old][0], is_old)


def mixing(run: RunRows) -> Mixing:
    """Return the window and the stale share; 0 and 0 if no old row follows the first new one."""
    old_s = run.times_s[run.is_old & (run.times_s > 0)]
    if not len(old_s):
        return Mixing(0.0, 0.0)
    within = (run.times_s >= 0) & (run.times_s <= old_s[-1])
    return Mixing(float(old_s[-1]), len(old_s) / int(within.sum()))


def render(rows: Path) -> str:
    """Return the page that follows from the published rows."""
    runs = load_runs(rows)
    gaps_s = poster_gaps_s(rows)
    published = [mixing(run) for run in runs]
    fits = {name: fit(name, runs) for name in FAMILIES}
    best = fits[CHOSEN]
    until_s = float(np.mean([run.times_s[-1] for run in runs]))
    simulated = [
        simulate(PUBLISHED, gaps_s, until_s, SEED + number)
        for number in range(SIMULATED_TRIPLES * len(runs))
    ]
    mixed = [mixing(run) for run in simulated]
    share_low, share_high = interval(CHOSEN, best, 0, runs)
    mean_low, mean_high = interval(CHOSEN, best, 1, runs)
    two = fits["two exponentials"].parameters
    return string.Template(_PAGE).substitute(
        front_ends=FRONT_ENDS,
        families=_families_table(fits, runs),
        share=f"{best.parameters['slow share']:.3f}",
        share_interval=f"{share_low:.2f} to {share_high:.2f}",
        mean=f"{best.parameters['slow mean']:.2f}",
        mean_interval=f"{mean_low:.1f} to {mean_high:.1f}",
        fast_mean=f"{two['fast mean']:.2f}",
        counts=_counts_table(runs),
        simulated=len(simulated),
        until=f"{until_s:.1f}",
        quantiles=_quantiles_table(mixed),
        places=_places_table(published, mixed),
        spread=f"{_spread_share(published, mixed):.0%}",
        likelihood=f"{_likelihood_share(runs, simulated):.0%}",
    )


def _families_table(fits: dict[str, Fit], runs: list[RunRows]) -> str:
    with_other_fleets = {
        f"the chosen one, {front_ends} front ends": fit(CHOSEN, runs, front_ends)
        for front_ends in (10, 200)
    }
    lines = []
    for name, found in {**fits, **with_other_fleets}.items():
        values = ", ".join(f"{key} {value:.2f}" for key, value in found.parameters.items())
        lines.append(f"| {name} | {values} | {found.log_likelihood:.1f} | {found.aic:.1f} |")
    return "\n".join(lines)


def _counts_table(runs: list[RunRows]) -> str:
    """Old rows by time since the first new row, against what the fit expects there."""
    lines = []
    edges = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 14.0)
    for low, high in itertools.pairwise(edges):
        inside = [(run.times_s > low) & (run.times_s <= high) for run in runs]
        rows = sum(int(mask.sum()) for mask in inside)
        old = sum(int((run.is_old & mask).sum()) for run, mask in zip(runs, inside, strict=True))
        expected = sum(
            PUBLISHED.stale_share(float(time_s))
            for run, mask in zip(runs, inside, strict=True)
            for time_s in run.times_s[mask]
        )
        lines.append(f"| {low:g} to {high:g} s | {rows} | {old} | {expected:.1f} |")
    return "\n".join(lines)


def _quantiles_table(mixed: list[Mixing]) -> str:
    at = (5, 25, 50, 75, 95)
    windows = np.percentile([each.window_s for each in mixed], at)
    shares = np.percentile([each.stale_share for each in mixed], at)
    return "\n".join(
        [
            "| window, s | " + " | ".join(f"{value:.1f}" for value in windows) + " |",
            "| stale share | " + " | ".join(f"{value:.0%}" for value in shares) + " |",
        ]
    )


def _places_table(published: list[Mixing], mixed: list[Mixing]) -> str:
    lines = []
    for number, run in enumerate(published, start=1):
        shorter = np.mean([each.window_s <= run.window_s for each in mixed])
        less = np.mean([each.stale_share <= run.stale_share for each in mixed])
        lines.append(
            f"| {number} | {run.window_s:.3f} | {shorter:.0%}"
            f" | {run.stale_share:.0%} | {less:.0%} |"
        )
    return "\n".join(lines)


def _spread_share(published: list[Mixing], mixed: list[Mixing]) -> float:
    """Return how often three simulated windows lie at least as far apart as the published ones."""

    def spread(triple: Iterable[Mixing]) -> float:
        windows = [each.window_s for each in triple]
        return max(windows) - min(windows)

    return float(np.mean([spread(each) >= spread(published) for each in _triples(mixed)]))


def _likelihood_share(runs: list[RunRows], simulated: list[RunRows]) -> float:
    """Return how often three simulated runs are less likely under the fit than the published."""

    def stale_share(t_s: Floats) -> Floats:
        return PUBLISHED.slow_share * np.exp(-t_s / PUBLISHED.slow_mean_s)

    def likelihood(triple: Sequence[RunRows]) -> float:
        return log_likelihood(stale_share, triple, FRONT_ENDS)

    observed = likelihood(runs)
    return float(np.mean([likelihood(triple) <= observed for triple in _triples(simulated)]))


def _triples(items: Sequence[T]) -> list[Sequence[T]]:
    return [items[start : start + 3] for start in range(0, len(items), 3)]


_PAGE = """\
# How long an alias switch takes to reach callers: the lag distribution `published`

Written by `python -m studies.propagation.page`; a test holds this page against the code.
It describes simulated propagation: a model fitted to a public table, not a measurement of AWS.

## The model

Lambda's invoke front ends are many and each learns of an alias switch by itself. Each keeps the
old version for a *lag* of its own; a call lands on any front end with equal chance. So a call t
seconds after the switch gets the old version with probability S(t) = P(lag > t).

The rows are the 126 published ones (Tokyo, August 2020, three runs), and what was said about the
rest: every row above an excerpt was old, every row below it, up to 252, 280 and 274 rows, was new.
The likelihood is exact for a fleet of ${front_ends} front ends: rows that land on the same late
one are old together, so rows are not independent. The switch itself is in no row. Its moment is
integrated out for each run: uniform over the 3 s before the first new row.

## Which shape

| shape of S(t) | most likely parameters (times in s) | log-likelihood | AIC |
|---|---|---|---|
${families}

One exponential is some 5 AIC units worse than the rest; all others say the same with different
curves: a fast majority that switches before the next row, and a slow minority. If the fast ones get
a mean time of their own it goes to ${fast_mean} s, the least that was tried. The shape of the slow
tail cannot be told from 14 old rows: uniform is 1 unit better than exponential, which says nothing,
and Weibull only adds a parameter. The exponential is used: it has no longest lag, so no gate looks
right merely because the model ends. How many front ends there are cannot be told either, and hardly
matters to the fit.

## `published`

| parameter | most likely | 95 % profile-likelihood interval |
|---|---|---|
| share of slow front ends | ${share} | ${share_interval} |
| mean lag of a slow one, s | ${mean} | ${mean_interval} |

S(t) = ${share} exp(-t / ${mean} s). Two parameters from three deploys: the intervals are wide, and
these lags tell little about another region, year or function.

A delay that all front ends share cannot be seen without the moment of the switch, and is not in
the model. Rows above and below the excerpts have no published time; they are put at the excerpt's
mean distance.

## Does it describe the rows?

Old rows by time since a run's first new row. Expected: the sum of S over the same rows, as if the
switch had been at the first new row; it was up to 0.8 s earlier, so a little less is right.

| since first new | rows | old | expected |
|---|---|---|---|
${counts}

${simulated} simulated runs: ${front_ends} front ends with lags from `published`, and three
posters until ${until} s after the switch, whose calls follow each other at distances drawn from
the published ones (0.3 s pause and the answer's time).

| quantile | 5 % | 25 % | 50 % | 75 % | 95 % |
|---|---|---|---|---|---|
${quantiles}

Where the published runs lie among them:

| run | window, s | simulated windows no longer | stale share | simulated shares no greater |
|---|---|---|---|---|
${places}

Three simulated windows lie as far apart as the published three in ${spread} of cases. Three
simulated runs are no more likely under the fit than the published three in ${likelihood} of cases
(parametric bootstrap without refitting, which errs towards a high number). Nothing here speaks
against the model; three deploys could not speak loudly.
"""


def main(arguments: list[str]) -> None:
    """Read the rows named first, write the page named second."""
    rows, page = arguments
    Path(page).write_text(render(Path(rows)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
