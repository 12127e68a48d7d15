"""Histories drawn from a known S(t): what the analysis must find is known before it looks.

A fleet of front ends learns of the switch at different moments (their lags). A call lands on a
front end at random and is answered by new code if that front end has learned of it, so S(t) is the
share of front ends whose lag is longer than t: the truth of one history, drawn with it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from poster.rows.history import COLUMNS, History
from poster.rows.record import Run, Step, StepName

Lags = Callable[[np.random.Generator, int], NDArray[np.float64]]
ORIGIN_UNIX_NS = 1_700_000_000_000_000_000
BEFORE_S = 3.0
LATENCY_S = 0.02  # the front end decides when half of it has passed


def instant(draw: np.random.Generator, front_ends: int) -> NDArray[np.float64]:
    """All front ends learn of the switch within the same moment, 2 s after it."""
    return np.full(front_ends, 2.0)


def lingering(draw: np.random.Generator, front_ends: int) -> NDArray[np.float64]:
    """As ``instant``, but 0.4 % of the front ends take a minute longer."""
    return np.where(draw.random(front_ends) < 0.004, 62.0, instant(draw, front_ends))


def just_below(draw: np.random.Generator, front_ends: int) -> NDArray[np.float64]:
    """As ``instant``, but 0.9 % of the front ends take a minute longer."""
    return np.where(np.arange(front_ends) < 0.009 * front_ends, 62.0, instant(draw, front_ends))


def published(draw: np.random.Generator, front_ends: int) -> NDArray[np.float64]:
    """A fast majority and a slow minority, like the lags fitted to the published runs."""
    fast = draw.exponential(0.05, front_ends)
    return np.where(draw.random(front_ends) < 0.7, fast, draw.exponential(2.3, front_ends))


def uniform(draw: np.random.Generator, front_ends: int) -> NDArray[np.float64]:
    """Lags spread evenly over 5 s."""
    return draw.uniform(0, 5, front_ends)


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """What a set of histories has in common."""

    name: str
    lags: Lags
    rate: float  # calls per second, at Poisson moments
    front_ends: int = 40
    skew_ms: float = 0.0  # the server's clock minus ours
    lost: float = 0.0  # share of calls that fail or time out
    knows_switch: bool = True  # an alias-updated step is in the history
    posters: int = 8
    calls_per_connection: float = 1  # a connection stays at one front end
    calls_per_burst: int = 1  # so many calls in a row go to one front end, whoever sends them
    is_recorded: bool = False  # the rows say how connections were made


@dataclasses.dataclass(frozen=True, slots=True)
class Truth:
    """What was drawn: when each front end learned of the switch, seconds after it, as sent."""

    lags_s: NDArray[np.float64]
    switch_ns: int

    def stale_share(self, sent_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return S at times of sending, seconds after the switch."""
        learned = np.searchsorted(np.sort(self.lags_s), sent_s, side="right")
        share: NDArray[np.float64] = 1 - learned / self.lags_s.size
        return share

    def settled_s(self, share: float) -> float:
        """Return when S fell below the share."""
        left = np.sort(self.lags_s)[::-1]
        most_late = int(np.ceil(share * left.size)) - 1  # as many may lag on
        return max(0.0, float(left[most_late]))


def draw_history(setting: Setting, seed: int) -> tuple[History, Truth]:
    """Return one history and its truth."""
    draw = np.random.default_rng([seed, *setting.name.encode()])
    lags_s = setting.lags(draw, setting.front_ends)
    duration_s = BEFORE_S + float(lags_s.max()) + 8 + 700 / setting.rate
    count = int(draw.poisson(duration_s * setting.rate))
    sent_ns = (np.sort(draw.random(count)) * duration_s * 1e9).astype(np.int64)
    switch_ns = round(BEFORE_S * 1e9)
    # A call reaches its front end half a latency after sending, so S by sending leads by that.
    truth = Truth(lags_s - LATENCY_S / 2, switch_ns)
    reached_s = (sent_ns - switch_ns) / 1e9
    front_end, is_kept = _landed(setting, draw, count)
    is_old = (reached_s < truth.lags_s[front_end]) | (reached_s < -LATENCY_S / 2)
    return _history(setting, draw, sent_ns, is_old, is_kept, switch_ns), truth


def _landed(
    setting: Setting, draw: np.random.Generator, count: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return each call's front end, and whether its connection had carried calls before."""
    number = np.arange(count)
    if setting.calls_per_connection == 1:
        drawn = draw.integers(0, setting.front_ends, count)
        return drawn[number // setting.calls_per_burst], np.zeros(count, dtype=bool)
    turn = number // setting.posters
    of_poster = np.floor(turn / setting.calls_per_connection).astype(np.int64)
    table = draw.integers(0, setting.front_ends, (setting.posters, int(of_poster.max()) + 1))
    kept = of_poster[setting.posters :] == of_poster[: -setting.posters]
    is_kept = np.concatenate([np.zeros(setting.posters, dtype=bool), kept])
    return table[number % setting.posters, of_poster], is_kept


def _history(
    setting: Setting,
    draw: np.random.Generator,
    sent_ns: NDArray[np.int64],
    is_old: NDArray[np.bool_],
    is_kept: NDArray[np.bool_],
    switch_ns: int,
) -> History:
    count = sent_ns.size
    lost = draw.random(count) < setting.lost
    served_unix_ns = ORIGIN_UNIX_NS + sent_ns + int(LATENCY_S / 2 * 1e9)
    version = np.where(is_old, "1", "2")
    drawn = pl.DataFrame(
        {
            "seq": np.arange(1, count + 1),
            "poster": np.arange(count) % setting.posters + 1,
            "todo_id": [f"t{n}" for n in range(count)],
            "planned_ns": sent_ns,
            "sent_ns": sent_ns,
            "received_ns": sent_ns + round(LATENCY_S * 1e9),
            "outcome": np.where(lost, np.where(np.arange(count) % 2, "fail", "unknown"), "ok"),
            "function_version": version,
            "server_ms": (served_unix_ns / 1e6 + setting.skew_ms).astype(np.int64),
            "connection": np.where(is_kept, "kept", "new"),
        }
    )
    if not setting.is_recorded:
        drawn = drawn.drop("connection")
    empty = {name: dtype for name, dtype in COLUMNS.items() if name not in drawn.columns}
    observations = drawn.with_columns(
        pl.lit(None, dtype=dtype).alias(name) for name, dtype in empty.items()
    ).select(pl.col(name).cast(dtype) for name, dtype in COLUMNS.items())
    run = Run(
        run_id=setting.name,
        origin_unix_ns=ORIGIN_UNIX_NS,
        target="url",
        endpoint="",
        loop="open",
        posters=setting.posters,
        rate_per_s=setting.rate,
    )
    moved = Step(StepName.ALIAS_UPDATED, switch_ns, {"from": "1", "to": "2"})
    return History(run, observations.lazy(), [moved] if setting.knows_switch else [])
