"""Do the intervals cover the truth? Draws histories, analyses them, counts.

    python -m tests.support.coverage docs/method.md

draws 300 histories per setting and writes the tables between their marks in that file, that of
false alarms (``tests.support.alarms``) too; the tests draw fewer.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import multiprocessing
import os
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl

from docs.sections import filled
from poster.judge.statistics import STALE_SHARE
from poster.judge.transition import Transition, transitions_in
from tests.support import alarms
from tests.support.simulation import (
    Setting,
    Truth,
    draw_history,
    instant,
    just_below,
    lingering,
    published,
    uniform,
)

HISTORIES = 300
BAND_TIMES_S = (0.0, 0.5, 1.0, 2.0, 4.0, 6.0, 8.0)

SETTINGS = [
    Setting("at one moment, 3/s", instant, 3),
    Setting("at one moment, 50/s", instant, 50),
    Setting("at one moment, 2,000/s", instant, 2000),
    Setting("evenly over 5 s, 3/s", uniform, 3),
    Setting("evenly over 5 s, 9/s", uniform, 9),
    Setting("evenly over 5 s, 50/s", uniform, 50),
    Setting("evenly over 5 s, 50/s, 10 front ends", uniform, 50, front_ends=10),
    Setting("evenly over 5 s, 2,000/s", uniform, 2000),
    Setting("evenly over 5 s, 2,000/s, 10 front ends", uniform, 2000, front_ends=10),
    Setting("published, 3/s", published, 3),
    Setting("published, 9/s", published, 9),
    Setting("published, 9/s, switch unknown", published, 9, knows_switch=False),
    Setting("published, 9/s, skew 300 ms, 5 % lost", published, 9, skew_ms=300, lost=0.05),
    Setting("published, 50/s", published, 50),
    Setting("published, 200/s", published, 200),
    Setting("published, 500/s", published, 500),
    Setting("published, 2,000/s", published, 2000),
]
# So many front ends that S falls smoothly through 1 %, or lingers below it.
SMOOTH = [
    Setting("0.9 % linger for 60 s, 50/s, 1,000 front ends", just_below, 50, front_ends=1000),
    Setting("0.4 % linger for 60 s, 50/s, 10,000 front ends", lingering, 50, front_ends=10_000),
    Setting("published, 9/s, 10,000 front ends", published, 9, front_ends=10_000),
    Setting("published, 20/s, 10,000 front ends", published, 20, front_ends=10_000),
    Setting("published, 200/s, 400 front ends", published, 200, front_ends=400),
    Setting("published, 200/s, 10,000 front ends", published, 200, front_ends=10_000),
    Setting("published, 2,000/s, 10,000 front ends", published, 2000, front_ends=10_000),
]
# So many posters, each with its connection for good or for 10 calls; or so many calls in a row.
_STICKY = [
    Setting("3 posters, 50/s", published, 50, posters=3, calls_per_connection=math.inf),
    Setting("8 posters, 50/s", published, 50, calls_per_connection=math.inf),
    Setting("50 posters, 50/s", published, 50, posters=50, calls_per_connection=math.inf),
    Setting("renewed every 10 calls, 50/s", published, 50, calls_per_connection=10),
    Setting("no pause, 150/s", published, 150, posters=3, calls_per_connection=math.inf),
]
DEPENDENT = [
    *_STICKY,
    *(
        dataclasses.replace(each, name=f"{each.name}, recorded", is_recorded=True)
        for each in _STICKY
    ),
    Setting("10 calls in a row, 50/s", published, 50, calls_per_burst=10),
    Setting("50 calls in a row, 50/s", published, 50, calls_per_burst=50),
]


TABLES = {"coverage": SETTINGS, "smooth": SMOOTH, "dependent": DEPENDENT}


@dataclasses.dataclass(frozen=True, slots=True)
class Coverage:
    """How often intervals held the truth, of one setting."""

    setting: Setting
    upper: float  # or null
    claimed: float  # the same, or no level claimed
    null: float
    width_s: float  # median from the last old answer seen; infinite where there is no bound
    stale: float
    band: float  # the worst of BAND_TIMES_S

    @property
    def relative_width(self) -> float:
        """The width in units of 3 / (answers per second * 0.01) s, the rule of three's."""
        return self.width_s * self.setting.rate * (1 - self.setting.lost) * STALE_SHARE / 3


def coverage_of(setting: Setting, histories: int) -> Coverage:
    """Draw that many histories and return how often the intervals held the truth."""
    upper, claimed, null, widths, stale, band = [], [], [], [], [], []
    for seed in range(histories):
        history, truth = draw_history(setting, seed)
        transitions, _ = transitions_in(history)
        if not transitions:
            continue
        (transition,) = transitions
        zero_s = (transition.phase.zero_ns - truth.switch_ns) / 1e9
        settles_s = max(0.0, truth.settled_s(STALE_SHARE) - zero_s)
        upper_s = transition.settled.upper_s
        null.append(upper_s is None)
        upper_s = math.inf if upper_s is None else upper_s
        upper.append(settles_s <= upper_s)
        claimed.append(upper[-1] or transition.landing.confidence is None)
        widths.append(upper_s - transition.settled.lower_s)
        if transition.answered:
            stale.append(_holds_share(history.observations, transition, truth))
        band.append(_holds_band(transition, truth, zero_s))
    return Coverage(
        setting,
        upper=float(np.mean(upper)),
        claimed=float(np.mean(claimed)),
        null=float(np.mean(null)),
        width_s=float(np.median(widths)),
        stale=float(np.mean(stale)) if stale else math.nan,
        band=float(np.mean(band, axis=0).min()),
    )


def _holds_share(observations: pl.DataFrame, transition: Transition, truth: Truth) -> bool:
    """Whether the interval holds the share that is to be expected of this window.

    A window begins with a new answer and ends with an old one by definition; whether those between
    are old is decided by S alone.
    """
    answers = observations.filter(
        pl.col("outcome") == "ok",
        pl.col("seq").is_between(transition.first_new_seq, transition.last_old_seq),
    )
    sent_s = (answers["sent_ns"].to_numpy() - truth.switch_ns) / 1e9
    expected = (1 + truth.stale_share(sent_s[1:-1]).sum()) / answers.height
    low, high = transition.stale_ci
    return bool(low <= expected <= high)


def _holds_band(transition: Transition, truth: Truth, zero_s: float) -> list[bool]:
    """Whether the band holds S at fixed times; between points S is bounded by its neighbours."""
    points = np.array(transition.stale_share)
    times, low, high = points[:, 0], points[:, 2], points[:, 3]
    shares = truth.stale_share(np.array(BAND_TIMES_S) + zero_s)
    held = []
    for at, share in zip(BAND_TIMES_S, shares, strict=True):
        before, after = times <= at, times >= at
        top = high[before][-1] if before.any() else 1.0
        bottom = low[after][0] if after.any() else 0.0
        held.append(bool(bottom - 1e-6 <= share <= top + 1e-6))
    return held


def table(rows: Iterable[Coverage]) -> str:
    """Return the Markdown table of the coverages."""
    lines = [
        "| lags, rate | settled by | as claimed | null | width, s | of 3/(rate x 0.01)"
        " | stale share | S(t) |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        stale = "no window" if math.isnan(row.stale) else f"{row.stale:.1%}"
        lines.append(
            f"| {row.setting.name} | {row.upper:.1%} | {row.claimed:.1%} | {row.null:.1%}"
            f" | {_width(row)}"
            f" | {stale} | {row.band:.1%} |"
        )
    return "\n".join(lines) + "\n"


def _width(row: Coverage) -> str:
    if math.isinf(row.width_s):
        return "none | none"
    return f"{row.width_s:.3g} | {row.relative_width:.2f}"


def main(path: Path) -> None:
    """Print the tables and write each between its marks of the file."""
    text = path.read_text(encoding="utf-8")
    # Polars has threads of its own, which a forked process would not have.
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        for name, settings in TABLES.items():
            drawn = table(pool.map(coverage_of, settings, itertools.repeat(HISTORIES)))
            text = filled(text, name, drawn)
        text = filled(text, "alarms", alarms.table(pool.map(alarms.alarms_of, alarms.SETTINGS)))
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
