"""The calls of one deploy's phase: how they ended, and how long they took. Pure.

A *phase* is the part of a run that belongs to one deploy: from its deploy-started step, or its
zero, to the next deploy's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import polars as pl

from poster.judge.statistics import quantiles_ms
from poster.rows.history import History, is_probe
from poster.rows.record import LoopKind, Step, StepName

LATENCY_SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}

Quantiles = dict[str, float | None]


@dataclasses.dataclass(frozen=True, slots=True)
class Phase:
    """The part of the run that belongs to one deploy; on the run's clock."""

    before_ns: int | None  # the zero of the deploy before; None: the first deploy
    deploy_ns: int  # the deploy-started step, where there is one, else the zero
    zero_ns: int
    next_deploy_ns: int | None  # None: the last deploy


def phases_of(zeros: Sequence[int], steps: Sequence[Step]) -> list[Phase]:
    """Give every deploy its phase: from its deploy-started step to the next deploy's."""
    started = [step.at_ns for step in steps if step.name == StepName.DEPLOY_STARTED]
    befores = [None, *zeros]
    deploys: list[int] = []
    for before, zero in zip(befores, zeros, strict=False):
        own = [at for at in started if at <= zero and (before is None or at > before)]
        deploys.append(own[-1] if own else zero)
    ends = [*deploys[1:], None]
    return [Phase(*phase) for phase in zip(befores, deploys, zeros, ends, strict=False)]


def errors_in(calls: pl.LazyFrame, phase: Phase, over_ns: int | None) -> tuple[int, int, int]:
    """Return failed and unknown calls and cold starts from the zero until settled."""
    during = calls.filter(sent_within(phase.zero_ns, end_of_errors_ns(phase, over_ns)))
    fail, unknown, cold_starts = (
        during.select(
            (pl.col("outcome") == "fail").sum().alias("fail"),
            (pl.col("outcome") == "unknown").sum().alias("unknown"),
            pl.col("cold_start").sum(),
        )
        .collect()
        .row(0)
    )
    return int(fail), int(unknown), int(cold_starts)


def end_of_errors_ns(phase: Phase, over_ns: int | None) -> int | None:
    """Return until when errors count against the deploy: callers settled, or the next deploy."""
    ends = [end for end in (over_ns, phase.next_deploy_ns) if end is not None]
    return min(ends, default=None)


def sent_within(start_ns: int | None, end_ns: int | None) -> pl.Expr:
    """Return which calls were sent from the start on and before the end; None: without bound."""
    within = pl.lit(True)
    if start_ns is not None:
        within &= pl.col("sent_ns") >= start_ns
    if end_ns is not None:
        within &= pl.col("sent_ns") < end_ns
    return within


def ok_and_ng(calls: pl.LazyFrame, phase: Phase) -> tuple[int, int]:
    """Return the calls answered ok, and all others; the first phase begins with the run."""
    own = sent_within(
        phase.deploy_ns if phase.before_ns is not None else None, phase.next_deploy_ns
    )
    is_ok = pl.col("outcome") == "ok"
    counted = calls.filter(own, ~is_probe()).select(is_ok.sum(), (~is_ok).sum().alias("ng"))
    ok, ng = counted.collect().row(0)
    return int(ok), int(ng)


def latency_in(history: History, phase: Phase, over_ns: int) -> dict[str, Quantiles]:
    """Return latency before the deploy's switch, until it was over, and after."""
    answered = history.calls.filter(
        pl.col("received_ns").is_not_null(),
        sent_within(phase.before_ns, phase.next_deploy_ns),
        ~is_probe(),
    )
    took_ns = pl.col("received_ns") - latency_start(history.run.loop)
    sent, latencies = answered.select("sent_ns", took_ns.alias("took_ns")).collect()
    is_before = (sent < phase.zero_ns).to_numpy()
    is_after = ~is_before & (sent >= over_ns).to_numpy()
    parts = {"before": is_before, "during": ~is_before & ~is_after, "after": is_after}
    return {
        name: quantiles_ms(latencies.to_numpy()[part], LATENCY_SHARES)
        for name, part in parts.items()
    }


def latency_start(loop: LoopKind) -> pl.Expr:
    """Return what latency counts from: in open loop the plan, so that no wait is omitted.

    G. Tene, How NOT to Measure Latency (coordinated omission), 2013.
    """
    return pl.col("planned_ns" if loop == "open" else "sent_ns")
