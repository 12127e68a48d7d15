"""One result from one history: the parts put together.

``analyse`` calls the pure parts in order; every report (text, JSON, plots) renders its ``Result``
and computes nothing of its own.
"""

from __future__ import annotations

import dataclasses

import polars as pl

from poster.judge.account import Account, account_of
from poster.judge.checks import Checks, check
from poster.judge.evidence import evidence_of
from poster.judge.phases import Quantiles
from poster.judge.releases import releases_table
from poster.judge.safe import Safe, safe_of
from poster.judge.statistics import quantiles_ms
from poster.judge.throttling import throttled
from poster.judge.transition import Transition, Unseen, transitions_in
from poster.judge.verdict import VerdictKind, judge
from poster.rows.history import History, Source, is_probe
from poster.rows.merge import shared_todos
from poster.rows.record import Run, Step, StepName
from poster.rows.skew import ClockEstimate, estimate_clock

LATENESS_SHARES = {"p50": 0.5, "p99": 0.99, "max": 1.0}


@dataclasses.dataclass(frozen=True, slots=True)
class Calls:
    """How the calls of a history ended."""

    total: int
    ok: int
    fail: int
    unknown: int
    throttled: int  # failed calls that were turned away
    probes: int  # of the total, whatever became of them


@dataclasses.dataclass(frozen=True, slots=True)
class ReleaseSeen:
    """One release that answered."""

    release: str
    marker: str | None
    function_version: str | None
    ok: int
    instances: int  # execution environments


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What a history proves."""

    run: Run
    sources: tuple[Source, ...]  # of a merged history
    shared_todos: int  # todo ids that several sources called
    steps: list[Step]
    calls: Calls
    releases: list[ReleaseSeen]
    transitions: list[Transition]
    unseen: list[Unseen]
    safe: list[Safe]  # of each transition
    checks: Checks
    clock: ClockEstimate
    lateness_ms: Quantiles
    dropped: int
    verdict: VerdictKind
    witness: str
    account: Account | None


def analyse(history: History, rows: pl.DataFrame | None) -> Result:
    """Return what the history proves; ``rows`` is the store dump, None where there is none."""
    clock = estimate_clock(history.calls, history.run.origin_unix_ns)
    checks = check(history, rows, clock)
    evidence = evidence_of(history)
    transitions, unseen = transitions_in(evidence, clock)
    verdict = judge(evidence, transitions, unseen, checks)
    return Result(
        run=history.run,
        sources=history.sources,
        shared_todos=shared_todos(history.calls) if history.sources else 0,
        steps=history.steps,
        calls=_calls(history),
        releases=[ReleaseSeen(**row) for row in releases_table(evidence.calls)],
        transitions=transitions,
        unseen=unseen,
        safe=[safe_of(evidence, transition) for transition in transitions],
        checks=checks,
        clock=clock,
        lateness_ms=quantiles_ms(
            history.calls.select(pl.col("sent_ns") - pl.col("planned_ns"))
            .collect()
            .to_series()
            .to_numpy(),
            LATENESS_SHARES,
        ),
        dropped=_dropped(history.steps),
        verdict=verdict.kind,
        witness=verdict.witness,
        account=account_of(history),
    )


def _calls(history: History) -> Calls:
    ended = pl.col("outcome")
    counted = history.calls.select(
        pl.len().alias("total"),
        (ended == "ok").sum().alias("ok"),
        (ended == "fail").sum().alias("fail"),
        (ended == "unknown").sum().alias("unknown"),
        throttled().sum().alias("throttled"),
        is_probe().sum().alias("probes"),
    ).collect()
    return Calls(**counted.row(0, named=True))


def _dropped(steps: list[Step]) -> int:
    """Return how many planned calls the engine says it never sent."""
    counts = [step.detail.get("count") for step in steps if step.name == StepName.CALLS_DROPPED]
    return sum(count for count in counts if type(count) is int and count > 0)
