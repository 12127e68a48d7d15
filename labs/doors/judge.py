"""What the callers of each door saw, and whether the doors change together. Pure.

A *door* is a way into the function; every door has a history of its own. Two doors *change
together* if at any moment a call of the one is as likely to be stale as a call of the other: then
the same front ends may stand behind both. The test for it shuffles, within each quarter of a
second after the switch, which answers came through which door; the chance is that of a difference
as large as the one seen, if the doors were alike (R. A. Fisher, The Design of Experiments, 1935).

Invariant: the chance depends on the answers and the seed alone.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from labs.kit.table import Table
from poster.judge.analysis import Result, analyse
from poster.judge.statistics import quantiles_ms
from poster.judge.transition import Transition
from poster.rows.history import History

BIN_S = 0.25
SHUFFLES = 2_000
SEED = 0
ALIKE = 0.05  # a chance below it is taken for a difference


@dataclasses.dataclass(frozen=True, slots=True)
class Round:
    """Releases deployed under the calls of all doors, with one history a door."""

    front_ends: str  # what stands behind the doors, as the tables say it
    results: Mapping[str, Result]  # by door
    histories: Mapping[str, History]


def round_of(front_ends: str, histories: Mapping[str, History]) -> Round:
    """Return the round that left these histories."""
    results = {door: analyse(history, rows=None) for door, history in histories.items()}
    return Round(front_ends, results, histories)


def tables(rounds: Sequence[Round]) -> list[Table]:
    """Return what callers saw by door, and which doors change together."""
    seen = Table(
        "What callers saw, by door: two posters each, all deploys of a round together",
        (
            *("front ends", "door", "calls", "failed", "longest window", "stale"),
            *("settled by, at most", "inversions", "p50 ms", "p99 ms", "verdict"),
        ),
        [_row(each, door) for each in rounds for door in each.results],
    )
    pairs = Table(
        "Do two doors change together? The chance of such a difference if they did",
        ("front ends", "doors", "chance", "so they"),
        [row for each in rounds for row in _pairs(each)],
    )
    return [seen, pairs]


def faults_in(rounds: Sequence[Round]) -> list[str]:
    """Return what makes the lab's answer worthless, a sentence each."""
    found = []
    for each in rounds:
        for door, result in each.results.items():
            lost = result.calls.total - result.calls.ok
            if lost:
                found.append(f"{lost} of {result.calls.total} calls of {door} were not ok")
            if not result.transitions:
                found.append(f"callers of {door} saw no deploy")
    return found


def _row(each: Round, door: str) -> tuple[str, ...]:
    result = each.results[door]
    moves = result.transitions
    stale, answered = sum(move.stale for move in moves), sum(move.answered for move in moves)
    uppers = [move.settled.upper_s for move in moves]
    observations = each.histories[door].observations
    took = (observations["received_ns"] - observations["sent_ns"]).drop_nulls().to_numpy()
    quantiles = quantiles_ms(took, {"p50": 0.5, "p99": 0.99})
    return (
        each.front_ends,
        door,
        str(result.calls.total),
        str(result.calls.total - result.calls.ok),
        f"{max((move.window_s for move in moves), default=0):.2f} s",
        f"{stale} of {answered}" if answered else "none",
        "-"
        if not uppers or None in uppers
        else f"{max(upper for upper in uppers if upper is not None):.1f} s",
        str(sum(move.inversions for move in moves)),
        *("-" if value is None else f"{value:.1f}" for value in quantiles.values()),
        result.verdict,
    )


def _pairs(each: Round) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    deploys = min(len(result.transitions) for result in each.results.values())
    for one, other in itertools.combinations(each.results, 2):
        chance = chance_if_alike(
            [
                (_stale_after(each, one, place), _stale_after(each, other, place))
                for place in range(deploys)
            ]
        )
        so = "cannot be told apart" if chance >= ALIKE else "change each at its own time"
        rows.append((each.front_ends, f"{one}, {other}", f"{chance:.3f}", so))
    return rows


Times = tuple[NDArray[np.float64], NDArray[np.bool_]]  # seconds after the switch; stale or not


def _stale_after(each: Round, door: str, place: int) -> Times:
    move: Transition = each.results[door].transitions[place]
    answered = each.histories[door].observations.filter(
        (pl.col("outcome") == "ok") & (pl.col("sent_ns") >= move.phase.zero_ns)
    )
    if move.phase.next_deploy_ns is not None:
        answered = answered.filter(pl.col("sent_ns") < move.phase.next_deploy_ns)
    since_s = (answered["sent_ns"] - move.phase.zero_ns).to_numpy() / 1e9
    is_stale = answered["function_version"].cast(pl.String) == move.start
    return since_s, is_stale.fill_null(False).to_numpy()


def chance_if_alike(deploys: Sequence[tuple[Times, Times]], seed: int = SEED) -> float:
    """Return the chance of such a difference between two doors, if they were alike.

    ``deploys`` has the answers of the one and of the other door after each deploy.
    """
    strata = [stratum for one, other in deploys for stratum in _strata(one, other)]
    if not strata:
        return 1.0
    draw = np.random.default_rng(seed)
    seen, shuffled = 0.0, np.zeros(SHUFFLES)
    for each in strata:
        seen += float(each.deviation(np.array(each.stale)))
        # How many of the first answers are stale once all are shuffled.
        shuffled += each.deviation(
            draw.hypergeometric(each.all_stale, each.size - each.all_stale, each.count, SHUFFLES)
        )
    return float((shuffled >= seen - 1e-9).sum() + 1) / (SHUFFLES + 1)


@dataclasses.dataclass(frozen=True, slots=True)
class _Stratum:
    """The answers of two doors within a quarter of a second."""

    size: int
    all_stale: int
    count: int  # of the one door
    stale: int  # of these

    def deviation(self, stale: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return by how much so many stale ones are off their share, squared and scaled."""
        share = self.all_stale / self.size
        spread = self.count * (self.size - self.count) / self.size * share * (1 - share)
        return np.asarray((stale - self.count * share) ** 2 / spread)


def _strata(one: Times, other: Times) -> Iterator[_Stratum]:
    places = np.concatenate([one[0], other[0]]) // BIN_S
    stale = np.concatenate([one[1], other[1]])
    is_one = np.arange(stale.size) < one[1].size
    for place in np.unique(places):
        within = places == place
        size, all_stale = int(within.sum()), int(stale[within].sum())
        count = int(is_one[within].sum())
        # Where all answers are alike, or all of one door, there is nothing to compare.
        if 0 < all_stale < size and 0 < count < size:
            yield _Stratum(size, all_stale, count, int(stale[within & is_one].sum()))
