"""What a pipeline is willing to accept, held against what a history proves. Pure.

A *budget* is the most that one measure may be. It is *kept*, *exceeded*, or *open*: the rows
cannot tell. Proven harm outranks doubt: what the rows show to be too much is exceeded, however few
they are; what they do not show is open as long as the verdict is unknown.

Invariant: where the verdict is unknown, no budget is kept.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Literal

import polars as pl

from poster.judge.analysis import Result
from poster.judge.checks import MAX_WITNESSES, Finding
from poster.judge.measures import MEANINGS
from poster.judge.releases import name_of
from poster.judge.transition import Transition
from poster.judge.verdict import mixed_witness
from poster.rows.history import History

Conclusion = Literal["kept", "exceeded", "open"]
NO_TAKEOVER = "no new release was seen to take over"


@dataclasses.dataclass(frozen=True, slots=True)
class Measured:
    """What a measure is, and which rows show it."""

    value: float | None  # None: the rows cannot tell, and the witness says why
    witness: str


@dataclasses.dataclass(frozen=True, slots=True)
class Measure:
    """One thing that can have a budget."""

    meaning: str
    unit: Literal["s", "count"]
    of: Callable[[Result, History], Measured]


@dataclasses.dataclass(frozen=True, slots=True)
class Judged:
    """One budget and what became of it."""

    name: str
    most: float
    measured: Measured
    outcome: Conclusion
    reason: str  # why it is not kept; empty where it is

    @property
    def sentence(self) -> str:
        """What became of it, with the rows that show it; not yet made plain."""
        budget, reason = f"--max-{self.name} {self.most:g}", self.reason and f": {self.reason}"
        if self.outcome == "open":
            return f"{budget}: the rows cannot tell{reason}"
        unit = " s" if MEASURES[self.name].unit == "s" else ""
        return f"{budget} is {self.outcome}, it is {self.measured.value:g}{unit}{reason}"


def judge_budgets(most: Mapping[str, float], result: Result, history: History) -> list[Judged]:
    """Return what became of each budget; ``most`` is by the names of ``MEASURES``."""
    return [_judged(name, limit, result, history) for name, limit in most.items()]


def _judged(name: str, most: float, result: Result, history: History) -> Judged:
    measured = MEASURES[name].of(result, history)
    # Not `>`: nothing is within a budget of NaN.
    if measured.value is not None and not measured.value <= most:
        return Judged(name, most, measured, "exceeded", measured.witness)
    if result.verdict == "unknown":
        return Judged(name, most, measured, "open", result.witness)
    if measured.value is None:
        return Judged(name, most, measured, "open", measured.witness)
    return Judged(name, most, measured, "kept", "")


def _window(result: Result, history: History) -> Measured:
    if not result.transitions:
        return Measured(None, NO_TAKEOVER)
    longest = max(result.transitions, key=lambda each: each.window_s)
    return Measured(longest.window_s, _mixing([longest]))


def _settled(result: Result, history: History) -> Measured:
    latest = 0.0
    for each in result.transitions:
        if each.settled.upper_s is None:
            took_over = f"{name_of(each.to)} took over from {name_of(each.start)}"
            if each.over_ns is not None:
                return Measured(None, each.landing.reason)
            return Measured(None, f"too few calls followed after {took_over} to bound it")
        latest = max(latest, each.settled.upper_s)
    if not result.transitions:
        return Measured(None, NO_TAKEOVER)
    return Measured(latest, _mixing(result.transitions) or "so many calls it took to be sure")


def _stale(result: Result, history: History) -> Measured:
    return _counted(result, lambda each: each.stale)


def _inversions(result: Result, history: History) -> Measured:
    return _counted(result, lambda each: each.inversions)


def _counted(result: Result, count: Callable[[Transition], int]) -> Measured:
    if not result.transitions:
        return Measured(None, NO_TAKEOVER)
    return Measured(sum(map(count, result.transitions)), _mixing(result.transitions))


def _mixing(transitions: list[Transition]) -> str:
    return "; ".join(mixed_witness(each) for each in transitions if each.overlap)


def _outage(result: Result, history: History) -> Measured:
    if not result.transitions:
        return Measured(None, NO_TAKEOVER)
    outages = [each.outage for each in result.transitions if each.outage]
    if not outages:
        return Measured(0.0, "")
    longest = max(outages, key=lambda each: each.s)
    first, last = longest.first_seq, longest.last_seq
    return Measured(longest.s, f"from call {first} to call {last} no ok answer came")


def _fail(result: Result, history: History) -> Measured:
    return Measured(result.calls.fail, _calls_that(history, "fail"))


def _unknown(result: Result, history: History) -> Measured:
    return Measured(result.calls.unknown, _calls_that(history, "unknown"))


def _calls_that(history: History, outcome: str) -> str:
    calls = history.calls.filter(pl.col("outcome") == outcome)
    first = calls.select("seq", "status", "error").head(MAX_WITNESSES).collect()
    return "; ".join(
        f"call {seq}: {error or (f'HTTP {status}' if status is not None else outcome)}"
        for seq, status, error in first.iter_rows()
    )


def _lost(result: Result, history: History) -> Measured:
    if result.checks.rows_read is None:
        return Measured(None, "there is no rows.jsonl, so nobody looked into the store")
    return _found(result.checks["lost_writes"])


def _chimeras(result: Result, history: History) -> Measured:
    return _found(result.checks["chimeras"])


def _found(finding: Finding) -> Measured:
    return Measured(finding.count, "; ".join(finding.witnesses))


_OF: dict[str, Callable[[Result, History], Measured]] = {
    "window": _window,
    "settled": _settled,
    "outage": _outage,
    "stale": _stale,
    "inversions": _inversions,
    "fail": _fail,
    "unknown": _unknown,
    "lost": _lost,
    "chimeras": _chimeras,
}
MEASURES = {name: Measure(*meaning, _OF[name]) for name, meaning in MEANINGS.items()}
