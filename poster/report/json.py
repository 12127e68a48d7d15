"""The result as JSON; ``docs/method.md`` shows the object, ``docs/schemas/result.json`` its schema.

Programs read it: a class of this file, or one of the result's own that it holds, gains fields and
never changes or loses one. Every field is always there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

import msgspec

from poster.judge.analysis import Calls, ReleaseSeen, Result
from poster.judge.budgets import Conclusion, Judged
from poster.judge.checks import CHECKS, Checks
from poster.judge.landing import Landing
from poster.judge.outage import Outage
from poster.judge.safe import Safe, safe_in_all
from poster.judge.side_by_side import SideBySide
from poster.judge.stages import Stage
from poster.judge.statistics import CONFIDENCE, STALE_SHARE, Point
from poster.judge.transition import Transition
from poster.judge.verdict import VerdictKind
from poster.rows.merge import offsets
from poster.rows.record import SCHEMA


class Settled(msgspec.Struct):
    """Seconds after the switch at which old answers had become rare."""

    lower_s: float
    upper_s: float | None
    confidence: float | None
    stale_share: float


class Errors(msgspec.Struct):
    """Calls without a good answer, from the switch until settled."""

    fail: int
    unknown: int


class Latency(msgspec.Struct):
    """Quantiles in milliseconds; null where there is no call to take them from."""

    p50: float | None
    p90: float | None
    p99: float | None
    max: float | None


class Phases(msgspec.Struct):
    """The latency before the switch, while both answered, and after."""

    before: Latency
    during: Latency
    after: Latency


class OneTransition(msgspec.Struct, rename={"start": "from"}):
    """One release taking over from another."""

    start: str
    to: str
    switch_ns: int | None
    first_new_ns: int
    last_old_ns: int
    window_s: float
    certain_window_s: float
    settled: Settled
    safe: Safe
    answered: int
    stale: int
    stale_ci: tuple[float, float]
    landing: Landing
    inversions: int
    errors: Errors
    latency_ms: Phases
    side_by_side: SideBySide | None
    outage: Outage | None
    poster_outage: Outage | None
    stale_share: list[Point]
    stages: list[Stage]


class Merged(msgspec.Struct):
    """One of several histories, and how far its clock was from the first one's."""

    run_id: str
    calls: int
    offset_ms: float | None
    error_ms: float | None


class Clock(msgspec.Struct):
    """The server's clock less ours; null where no answer carries the server's time."""

    skew_ms: float | None
    error_ms: float | None


class Lateness(msgspec.Struct):
    """How late calls were sent, in milliseconds."""

    p50: float | None
    p99: float | None
    max: float | None


class Schedule(msgspec.Struct):
    """What became of the planned instants."""

    lateness_ms: Lateness
    dropped: int


class Budget(msgspec.Struct):
    """One budget and what became of it."""

    budget: str
    allowed: float
    seen: float | None
    concluded: Conclusion
    why: str


# Every check is a field: how often it is violated.
Checked = msgspec.defstruct(
    "Checked",
    [("rows_read", int | None), *((name, int) for name in CHECKS)],
    module=__name__,
    namespace={"__doc__": "How often each check was violated, and the rows of the store read."},
)


class Report(msgspec.Struct):
    """What a history proves."""

    schema: Literal[1]
    run_id: str
    calls: Calls
    releases: list[ReleaseSeen]
    safe: Safe
    transitions: list[OneTransition]
    checks: Checked  # type: ignore[valid-type]
    merged: list[Merged]
    clock: Clock
    schedule: Schedule
    verdict: VerdictKind
    witness: str
    budgets: list[Budget]


def render(result: Result, budgets: Sequence[Judged] = ()) -> str:
    """Return the result, and what became of budgets, as indented JSON with a final newline."""
    report = msgspec.to_builtins(_report(result, budgets))
    return json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _report(result: Result, budgets: Sequence[Judged]) -> Report:
    return Report(
        schema=SCHEMA,
        run_id=result.run.run_id,
        calls=result.calls,
        releases=result.releases,
        safe=safe_in_all(result.safe),
        transitions=list(map(_transition, result.transitions, result.safe)),
        checks=_checked(result.checks),
        merged=_merged(result),
        clock=Clock(result.clock.skew_ms, result.clock.error_ms),
        schedule=Schedule(Lateness(**result.lateness_ms), result.dropped),
        verdict=result.verdict,
        witness=result.witness,
        budgets=[
            Budget(each.name, each.most, each.measured.value, each.outcome, each.reason)
            for each in budgets
        ],
    )


def _checked(checks: Checks) -> msgspec.Struct:
    found = {name: checks[name].count for name in CHECKS}
    return Checked(rows_read=checks.rows_read, **found)


def _merged(result: Result) -> list[Merged]:
    placed = zip(result.sources, offsets(result.sources), strict=True)
    return [
        Merged(source.run_id, source.calls, None, None)
        if offset is None
        else Merged(source.run_id, source.calls, offset.offset_ms, offset.error_ms)
        for source, offset in placed
    ]


def _transition(transition: Transition, safe: Safe) -> OneTransition:
    latency = {name: Latency(**each) for name, each in transition.latency_ms.items()}
    settled = transition.settled
    confidence = CONFIDENCE if settled.upper_s is None else transition.landing.confidence
    return OneTransition(
        start=transition.start,
        to=transition.to,
        switch_ns=transition.switch_ns,
        first_new_ns=transition.first_new_ns,
        last_old_ns=transition.last_old_ns,
        window_s=transition.window_s,
        certain_window_s=transition.certain_window_s,
        settled=Settled(settled.lower_s, settled.upper_s, confidence, STALE_SHARE),
        safe=safe,
        answered=transition.answered,
        stale=transition.stale,
        stale_ci=transition.stale_ci,
        landing=transition.landing,
        inversions=transition.inversions,
        errors=Errors(transition.fail, transition.unknown),
        latency_ms=Phases(**latency),
        side_by_side=transition.side_by_side,
        outage=transition.outage,
        poster_outage=transition.poster_outage,
        stale_share=transition.stale_share,
        stages=transition.stages,
    )
