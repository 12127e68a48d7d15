"""Ways of deploying side by side, by what their callers saw. Pure.

One run makes one line. Where a run has several deploys, times, shares and latencies are medians
over its deploys, and calls, failures and losses are totals.

Invariant: nothing here is computed from rows; a line only arranges what ``analyse`` found.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterable
from typing import Any, Literal

from poster.judge.analysis import Result
from poster.judge.outage import Outage
from poster.judge.safe import safe_in_all
from poster.judge.side_by_side import Bounded, SideBySide
from poster.judge.stages import Stage
from poster.judge.transition import Transition
from poster.rows.record import Run, StepName


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """One run; None where the run cannot tell. Times in seconds, latency in milliseconds."""

    way: str
    propagation: str  # the lag model that stood in for a region; "real" where none did
    deploys: int
    deploy_s: float | None  # from deploy-started to deploy-finished
    first_new_s: float | None  # from deploy-started
    window_s: float | None
    settled_by_s: float | None  # upper bound; None: too few calls followed
    stale_share: float | None  # from first new to last old
    stale_ci: tuple[float, float] | None
    stage_share: float | None  # stale while a canary's or linear shift's first stage was held
    stage_ci: tuple[float, float] | None
    outage_s: float | None  # the longest of all deploys; None: every call was answered ok in time
    inversions: int
    chimeras: int
    failed: int
    unknown: int
    lost: int
    p50_during_ms: float | None
    p99_during_ms: float | None
    verdict: str
    safe_s: float | None = None  # of the slowest deploy, after its command ended; None: open
    outage: Outage | None = None  # that of outage_s, with its bounds
    side_by_side: tuple[SideBySide | None, ...] = ()  # old and new while both answered, by deploy


def line_of(result: Result) -> Line:
    """Return the line of one run."""
    transitions = result.transitions
    outages = [each.outage for each in transitions if each.outage]
    outage = max(outages, key=lambda each: each.s, default=None)
    first_stages = [each.stages[0] for each in transitions if each.stages]
    propagation = result.run.settings.get("propagation")
    return Line(
        way=_way(result.run),
        propagation=str(propagation.get("lag")) if isinstance(propagation, dict) else "real",
        deploys=len(transitions),
        deploy_s=_median(_deploy_times_s(result)),
        first_new_s=_median(
            (each.first_new_ns - each.phase.deploy_ns) / 1e9 for each in transitions
        ),
        window_s=_median(each.window_s for each in transitions),
        settled_by_s=_median(each.settled.upper_s for each in transitions),
        stale_share=_median(_share(each) for each in transitions),
        stale_ci=_only(each.stale_ci for each in transitions),
        stage_share=_median(_share(stage) for stage in first_stages),
        stage_ci=_only(stage.stale_ci for stage in first_stages),
        outage_s=None if outage is None else outage.s,
        inversions=sum(each.inversions for each in transitions),
        chimeras=result.checks["chimeras"].count,
        failed=result.calls.fail,
        unknown=result.calls.unknown,
        lost=result.checks["lost_writes"].count,
        p50_during_ms=_median(each.latency_ms["during"]["p50"] for each in transitions),
        p99_during_ms=_median(each.latency_ms["during"]["p99"] for each in transitions),
        verdict=result.verdict,
        safe_s=safe_in_all(result.safe).s,
        outage=outage,
        side_by_side=tuple(each.side_by_side for each in transitions),
    )


def _way(run: Run) -> str:
    """Return how the run deployed, with the parameters that were set for it."""
    parameters = run.settings.get("parameters")
    given = parameters.items() if isinstance(parameters, dict) else ()
    return " ".join(
        [str(run.settings.get("strategy", run.run_id)), *(f"{name}={to}" for name, to in given)]
    )


def latency_ms(line: Line, age: Literal["old", "new"], quantile: str) -> Bounded | None:
    """Return a quantile while both answered; of several deploys the median, without an interval."""
    found = [
        getattr(both, age).latency_ms[quantile] for both in line.side_by_side if both is not None
    ]
    if len(found) < 2:
        return found[0] if found else None
    return statistics.median(value for value, _, _ in found), None, None


def to_json(lines: list[Line]) -> list[dict[str, Any]]:
    """Return the lines as JSON takes them."""
    return [dataclasses.asdict(line) for line in lines]


def _deploy_times_s(result: Result) -> Iterable[float]:
    started_ns = None
    # The first deploy of a run makes the stack, before any call: no caller saw it.
    first_call_ns = min((each.phase.deploy_ns for each in result.transitions), default=0)
    for step in result.steps:
        if step.name == StepName.DEPLOY_STARTED and step.at_ns >= first_call_ns:
            started_ns = step.at_ns
        elif step.name == StepName.DEPLOY_FINISHED and started_ns is not None:
            yield (step.at_ns - started_ns) / 1e9
            started_ns = None


def _share(counted: Transition | Stage) -> float:
    return counted.stale / counted.answered if counted.answered else 0.0


def _only(intervals: Iterable[tuple[float, float]]) -> tuple[float, float] | None:
    # An interval of a median would need its own method; several deploys are read one by one.
    found = list(intervals)
    return found[0] if len(found) == 1 else None


def _median(values: Iterable[float | None]) -> float | None:
    """Return the median; None if there is no value, or if one of them is not known."""
    known = list(values)
    if not known or None in known:
        return None
    return statistics.median(value for value in known if value is not None)
