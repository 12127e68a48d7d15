"""From when is it safe to act on a deploy: purge, migrate, delete the old version? Pure.

*Safe* is the settled upper bound (``poster.judge.statistics``), counted from what the reader can
act on: the end of the deploy command; where no step tells it, the move of the alias; without that,
the first new answer. Where the bound is open, the reason says how many calls were missing and how
long they take.

Invariant: a transition without a settled upper bound is never safe, and of several transitions the
last to be safe counts.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Literal

import polars as pl

from poster.judge.releases import name_of
from poster.judge.statistics import CLEAN_RUN, CONFIDENCE
from poster.judge.transition import Transition
from poster.rows.history import History
from poster.rows.record import Step, StepName

After = Literal["deploy-finished", "alias-updated", "first-new"]
NEW_RELEASE_MISSING = "no new release was seen to take over"
SOON_S = 10.0  # what a reader would wait for an answer: the rate that gives it is said


@dataclasses.dataclass(frozen=True, slots=True)
class Safe:
    """The moment from which under 1 % of the calls get old code, with its confidence."""

    after: After | None  # what it counts from; None: nothing took over
    s: float | None  # None: the rows cannot tell
    reason: str  # why, and what would tell; empty where it is known
    confidence: float | None = CONFIDENCE  # None: nothing shows that each call landed anew


def safe_of(history: History, transition: Transition) -> Safe:
    """Return from when it is safe to act on one transition."""
    after, since_ns = _since(history.steps, transition)
    if transition.settled_ns is None:
        return Safe(after, None, _missing(history, transition))
    s = max(0.0, (transition.settled_ns - since_ns) / 1e9)
    return Safe(after, s, "", transition.landing.confidence)


def safe_in_all(each: Sequence[Safe]) -> Safe:
    """Return from when it was safe in every one of them."""
    if not each:
        return Safe(None, None, NEW_RELEASE_MISSING)
    return max(each, key=lambda safe: math.inf if safe.s is None else safe.s)


def _since(steps: Sequence[Step], transition: Transition) -> tuple[After, int]:
    phase = transition.phase
    has_started = any(
        step.name == StepName.DEPLOY_STARTED and step.at_ns == phase.deploy_ns for step in steps
    )
    ends = [
        step.at_ns
        for step in steps
        if step.name in (StepName.DEPLOY_FINISHED, StepName.DEPLOY_FAILED)
        and step.at_ns >= (phase.deploy_ns if has_started else phase.zero_ns)
        and (phase.next_deploy_ns is None or step.at_ns < phase.next_deploy_ns)
    ]
    if ends:
        return "deploy-finished", ends[0]
    if transition.switch_ns is not None:
        return "alias-updated", transition.switch_ns
    return "first-new", transition.first_new_ns


def _missing(history: History, transition: Transition) -> str:
    """Return what was missing, and what would have given it."""
    if transition.over_ns is not None:
        return transition.landing.reason
    phase = transition.phase
    begin_ns = max(phase.zero_ns, transition.last_old_ns)
    end = pl.lit(True) if phase.next_deploy_ns is None else pl.col("sent_ns") < phase.next_deploy_ns
    later = history.calls.filter(
        (pl.col("outcome") == "ok") & (pl.col("sent_ns") >= begin_ns) & end
    )
    sent = later.select("sent_ns").collect().to_series()
    said = (
        f"{sent.len()} answers followed the last one of {name_of(transition.start)}, and it takes"
        f" {CLEAN_RUN} in a row"
    )
    span_s = (int(sent.max()) - begin_ns) / 1e9 if sent.len() else 0.0  # type: ignore[arg-type]
    soon = f"{CLEAN_RUN / SOON_S:.0f} calls/s give them in {SOON_S:.0f} s"
    if sent.len() < 2 or span_s <= 0:
        return f"{said}: {soon}"
    rate_per_s = sent.len() / span_s
    more_s = max(1, round(CLEAN_RUN / rate_per_s))
    return f"{said}: go on for {more_s} s at {rate_per_s:.1f} calls/s; {soon}"
