"""One result from one history: the parts put together, and the JSON that other programs read.

``analyse`` calls the pure parts in order; every report (text, JSON, plots) renders its ``Result``
and computes nothing of its own. Invariant: ``to_json`` holds the documented keys and no others,
and never NaN.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import polars as pl

from poster.judge.checks import CHECKS, Checks, check
from poster.judge.evidence import evidence_of
from poster.judge.outage import Outage
from poster.judge.releases import releases_table
from poster.judge.safe import Safe, safe_in_all, safe_of
from poster.judge.side_by_side import SideBySide
from poster.judge.statistics import CONFIDENCE, STALE_SHARE, quantiles_ms
from poster.judge.throttling import throttled
from poster.judge.transition import Quantiles, Transition, Unseen, transitions_in
from poster.judge.verdict import VerdictKind, judge
from poster.rows.history import History, Source, is_probe
from poster.rows.merge import offsets, shared_todos
from poster.rows.record import SCHEMA, Run, Step, StepName
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

    def to_json(self) -> dict[str, Any]:
        """Return the object of ``poster report --format json``."""
        return {
            "schema": SCHEMA,
            "run_id": self.run.run_id,
            "calls": dataclasses.asdict(self.calls),
            "releases": [dataclasses.asdict(release) for release in self.releases],
            "safe": dataclasses.asdict(safe_in_all(self.safe)),
            "transitions": list(map(_transition_json, self.transitions, self.safe)),
            "checks": {
                "rows_read": self.checks.rows_read,
                **{name: self.checks[name].count for name in CHECKS},
            },
            "merged": [
                {
                    "run_id": source.run_id,
                    "calls": source.calls,
                    "offset_ms": None if offset is None else offset.offset_ms,
                    "error_ms": None if offset is None else offset.error_ms,
                }
                for source, offset in zip(self.sources, offsets(self.sources), strict=True)
            ],
            "clock": {"skew_ms": self.clock.skew_ms, "error_ms": self.clock.error_ms},
            "schedule": {"lateness_ms": self.lateness_ms, "dropped": self.dropped},
            "verdict": self.verdict,
            "witness": self.witness,
        }


def analyse(history: History, rows: pl.DataFrame | None) -> Result:
    """Return what the history proves; ``rows`` is the store dump, None where there is none."""
    clock = estimate_clock(history.observations, history.run.origin_unix_ns)
    checks = check(history, rows, clock)
    evidence = evidence_of(history)
    transitions, unseen = transitions_in(evidence, clock)
    verdict = judge(evidence, transitions, unseen, checks)
    return Result(
        run=history.run,
        sources=history.sources,
        shared_todos=shared_todos(history.observations) if history.sources else 0,
        steps=history.steps,
        calls=_calls(history.observations),
        releases=[ReleaseSeen(**row) for row in releases_table(evidence.observations)],
        transitions=transitions,
        unseen=unseen,
        safe=[safe_of(evidence, transition) for transition in transitions],
        checks=checks,
        clock=clock,
        lateness_ms=quantiles_ms(
            history.observations.select(pl.col("sent_ns") - pl.col("planned_ns"))
            .to_series()
            .to_numpy(),
            LATENESS_SHARES,
        ),
        dropped=_dropped(history.steps),
        verdict=verdict.kind,
        witness=verdict.witness,
    )


def _calls(observations: pl.DataFrame) -> Calls:
    counts = dict(observations.group_by("outcome").len().iter_rows())
    return Calls(
        total=observations.height,
        ok=counts.get("ok", 0),
        fail=counts.get("fail", 0),
        unknown=counts.get("unknown", 0),
        throttled=int(observations.select(throttled().sum()).item()),
        probes=int(observations.select(is_probe().sum()).item()),
    )


def _dropped(steps: list[Step]) -> int:
    """Return how many planned calls the engine says it never sent."""
    counts = [step.detail.get("count") for step in steps if step.name == StepName.CALLS_DROPPED]
    return sum(count for count in counts if type(count) is int and count > 0)


def _plain(found: Outage | SideBySide | None) -> Any:
    """Return it as JSON has it: lists for tuples."""
    return msgspec.json.decode(msgspec.json.encode(found))


def _transition_json(transition: Transition, safe: Safe) -> dict[str, Any]:
    return {
        "from": transition.start,
        "to": transition.to,
        "switch_ns": transition.switch_ns,
        "first_new_ns": transition.first_new_ns,
        "last_old_ns": transition.last_old_ns,
        "window_s": transition.window_s,
        "certain_window_s": transition.certain_window_s,
        "settled": {
            "lower_s": transition.settled.lower_s,
            "upper_s": transition.settled.upper_s,
            "confidence": CONFIDENCE,
            "stale_share": STALE_SHARE,
        },
        "safe": dataclasses.asdict(safe),
        "answered": transition.answered,
        "stale": transition.stale,
        "stale_ci": list(transition.stale_ci),
        "landing": dataclasses.asdict(transition.landing),
        "inversions": transition.inversions,
        "errors": {"fail": transition.fail, "unknown": transition.unknown},
        "latency_ms": transition.latency_ms,
        "side_by_side": _plain(transition.side_by_side),
        "outage": _plain(transition.outage),
        "poster_outage": _plain(transition.poster_outage),
        "stale_share": [list(point) for point in transition.stale_share],
        "stages": [
            {**dataclasses.asdict(stage), "stale_ci": list(stage.stale_ci)}
            for stage in transition.stages
        ],
    }
