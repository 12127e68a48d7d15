"""What callers saw while one release took over from another. Pure.

A *transition* leads into one place of the course (``poster.judge.releases``): answers of that
place and later ones are new, earlier ones are old. *First new* and *last old* are answers, in the
order of the server's clock where every answer carries it, else in the order of arrival. The *zero*
of a transition is its alias-updated step or, without one, the arrival of the first new answer;
S(t) and settled count from it, by the time at which a call was sent.

Invariant: ``window_s`` is 0 exactly if ``stale`` is 0.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from poster.judge.landing import Landing, landing_of
from poster.judge.outage import Outage, longest_outages
from poster.judge.overlap import Overlap, certain_window_ns, overlap_of
from poster.judge.phases import (
    Phase,
    Quantiles,
    errors_in,
    latency_in,
    latency_start,
    ok_and_ng,
    phases_of,
)
from poster.judge.releases import (
    Answers,
    State,
    answers_in,
    course_of,
    least,
    most,
    ranks_of,
    with_release,
)
from poster.judge.side_by_side import SideBySide, side_by_side
from poster.judge.sides import (
    Sides,
    inversions,
    last_before_ns,
    sides_of,
    stale_between,
    window_s,
)
from poster.judge.stages import Stage, stages_of
from poster.judge.statistics import (
    ANYTHING,
    Point,
    settled_by,
    stale_share,
    wilson,
)
from poster.rows.history import History, is_probe
from poster.rows.skew import ClockEstimate, estimate_clock


@dataclasses.dataclass(frozen=True, slots=True)
class Settled:
    """When the stale share fell below ``STALE_SHARE``, seconds after the zero."""

    lower_s: float  # the last old answer seen by then was asked for; a fact, so without a level
    upper_s: float | None  # None: too few calls followed, or they say too little


@dataclasses.dataclass(frozen=True, slots=True)
class Transition:
    """One release taking over from another, as callers saw it; names as in the JSON report."""

    start: str  # "from" in the report
    to: str
    switch_ns: int | None
    phase: Phase
    first_new_ns: int
    last_old_ns: int
    first_new_seq: int
    last_old_seq: int
    window_s: float
    certain_window_s: float
    settled: Settled
    settled_ns: int | None  # settled.upper_s on the run's clock
    over_ns: int | None  # the same if each call had landed anew: where errors cease to count
    landing: Landing
    last_before_ns: int | None  # sending of the last old answer that came before any new one
    is_ordered: bool  # by the server's clock; else by arrival, and only certain overlaps prove
    outage: Outage | None
    poster_outage: Outage | None  # the longest of one poster by itself
    side_by_side: SideBySide | None  # None: hardly any call fell into a mixture
    answered: int
    stale: int
    stale_ci: tuple[float, float]
    inversions: int
    calls_ok: int  # in the whole stretch of the deploy; the first one's begins with the run
    calls_ng: int  # anything but ok, as the published posters counted
    fail: int  # from the zero until settled
    unknown: int
    cold_starts: int  # among the calls that errors are counted in
    latency_ms: dict[str, Quantiles]
    stale_share: list[Point]
    stages: list[Stage]  # of a shift by weights; empty where the alias moved in one step
    overlap: Overlap | None
    old_answers: int  # ok answers of an older release in the whole history
    new_answers: int


@dataclasses.dataclass(frozen=True, slots=True)
class Unseen:
    """A move of the alias of which callers saw only one side."""

    start: str
    to: str
    missing: str  # the release that nobody was answered by
    switch_ns: int | None
    over_ns: int | None  # None: nobody knows, or the new release never answered


def transitions_in(
    history: History, clock: ClockEstimate | None = None
) -> tuple[list[Transition], list[Unseen]]:
    """Return the transitions in the order of the deploys, and the moves that nobody saw.

    ``clock`` is the server's against ours, estimated here where it is not given.
    """
    clock = clock or estimate_clock(history.calls, history.run.origin_unix_ns)
    answers = answers_in(history.calls, clock, history.run.origin_unix_ns)
    if answers.seq.size == 0:
        return [], []
    course = course_of(answers, history.steps)
    ranks = ranks_of(answers, course)
    seen, unseen = [], []
    for place in range(1, len(course)):
        missing = _missing(ranks, course, place)
        if missing is None:
            seen.append(place)
        else:
            unseen.append(_unseen(answers, ranks, course, place, missing))
    zeros = [_zero_ns(answers, ranks, course, place) for place in seen]
    phases = phases_of(zeros, history.steps)
    transitions = [
        _transition(
            history,
            sides_of(answers, ranks, place),
            course[place - 1].release,
            course[place],
            phase,
        )
        for place, phase in zip(seen, phases, strict=True)
    ]
    return transitions, unseen


def _unseen(
    answers: Answers,
    ranks: NDArray[np.signedinteger[Any]],
    course: Sequence[State],
    place: int,
    missing: str,
) -> Unseen:
    start, state = course[place - 1].release, course[place]
    over_ns = None
    if missing == start and state.switch_ns is not None:
        old = (ranks >= 0) & (ranks < place)
        since = _since(answers, old, state.switch_ns)
        over_ns = _on_clock(state.switch_ns, settled_by(since.times_s, since.is_old))
    return Unseen(start, state.release, missing, state.switch_ns, over_ns)


def _on_clock(zero_ns: int, at_s: float | None) -> int | None:
    return None if at_s is None else zero_ns + round(at_s * 1e9)


def _missing(
    ranks: NDArray[np.signedinteger[Any]], course: Sequence[State], place: int
) -> str | None:
    if not (ranks == place).any():
        return course[place].release
    if not ((ranks >= 0) & (ranks < place)).any():
        return course[place - 1].release
    return None


def _zero_ns(
    answers: Answers, ranks: NDArray[np.signedinteger[Any]], course: Sequence[State], place: int
) -> int:
    switch_ns = course[place].switch_ns
    if switch_ns is not None:
        return switch_ns
    return int(answers.received_ns[answers.first(ranks >= place)])


def _transition(
    history: History, sides: Sides, start: str, state: State, phase: Phase
) -> Transition:
    answers, first_new, last_old = sides.answers, sides.first_new, sides.last_old
    stale, answered = stale_between(sides)
    before_ns = last_before_ns(sides)
    outage, poster_outage = _outages(history, phase, before_ns)
    since = _since(answers, sides.is_old, phase.zero_ns)
    landing = landing_of(since.is_old, since.poster, since.is_kept, history.run.target)
    over_ns = _on_clock(phase.zero_ns, settled_by(since.times_s, since.is_old))
    when = _settled(since, landing)
    calls_ok, calls_ng = ok_and_ng(history.calls, phase)
    fail, unknown, cold_starts = errors_in(history.calls, phase, over_ns)
    last_old_ns = int(answers.received_ns[last_old])
    return Transition(
        start=start,
        to=state.release,
        switch_ns=state.switch_ns,
        phase=phase,
        first_new_ns=int(answers.received_ns[first_new]),
        last_old_ns=last_old_ns,
        first_new_seq=int(answers.seq[first_new]),
        last_old_seq=int(answers.seq[last_old]),
        window_s=window_s(sides) if stale else 0.0,
        certain_window_s=certain_window_ns(sides, history.sources) / 1e9,
        settled=when,
        settled_ns=_on_clock(phase.zero_ns, when.upper_s),
        over_ns=over_ns,
        landing=landing,
        last_before_ns=before_ns,
        is_ordered=answers.by_server_clock,
        outage=outage,
        poster_outage=poster_outage,
        side_by_side=_side_by_side(history, sides, phase.zero_ns),
        answered=answered,
        stale=stale,
        stale_ci=_stale_ci(sides, landing),
        inversions=inversions(sides),
        calls_ok=calls_ok,
        calls_ng=calls_ng,
        fail=fail,
        unknown=unknown,
        cold_starts=cold_starts,
        latency_ms=latency_in(history, phase, over_ns or max(phase.zero_ns, last_old_ns)),
        stale_share=_share_of_time(since, landing),
        stages=_stages(history, sides, state, landing),
        overlap=overlap_of(sides, history.sources, is_stale=stale > 0),
        old_answers=int(sides.is_old.sum()),
        new_answers=int(sides.is_new.sum()),
    )


def _outages(
    history: History, phase: Phase, last_before_ns: int | None
) -> tuple[Outage | None, Outage | None]:
    """Return the longest outages from where the deploy surely began to the next one."""
    surely_ns = phase.zero_ns if last_before_ns is None else min(phase.zero_ns, last_before_ns)
    return longest_outages(history.calls, min(phase.deploy_ns, surely_ns), phase.next_deploy_ns)


def _stages(history: History, sides: Sides, state: State, landing: Landing) -> list[Stage]:
    is_known = sides.is_new | sides.is_old
    return stages_of(
        history.steps,
        state.switch_ns,
        sides.answers.sent_ns[is_known],
        sides.is_old[is_known],
        is_bounded=landing.basis == "all",
    )


def _stale_ci(sides: Sides, landing: Landing) -> tuple[float, float]:
    """Return the interval of the stale share, from the answers that may bound it."""
    if landing.basis == "none":
        return ANYTHING
    is_kept = sides.answers.is_kept
    if landing.basis == "new connections" and is_kept is not None:
        sides = sides.narrowed(~is_kept)
    return wilson(*stale_between(sides))


@dataclasses.dataclass(frozen=True, slots=True)
class _Since:
    """The answers to calls sent from the zero on, in the order of sending."""

    times_s: NDArray[np.float64]
    is_old: NDArray[np.bool_]
    poster: NDArray[np.integer[Any]]
    is_kept: NDArray[np.bool_] | None

    def bounding(self, landing: Landing) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return times and flags of those that intervals may rest on."""
        if landing.basis == "all" or self.is_kept is None:
            return self.times_s, self.is_old
        return self.times_s[~self.is_kept], self.is_old[~self.is_kept]


def _since(answers: Answers, is_old: NDArray[np.bool_], zero_ns: int) -> _Since:
    chosen: slice | NDArray[np.int64] = slice(np.searchsorted(answers.sent_ns, zero_ns), None)
    if (answers.sent_ns[1:] < answers.sent_ns[:-1]).any():
        chosen = np.flatnonzero(answers.sent_ns >= zero_ns)
        chosen = chosen[np.argsort(answers.sent_ns[chosen], kind="stable")]
    return _Since(
        (answers.sent_ns[chosen] - zero_ns) / 1e9,
        is_old[chosen],
        answers.poster[chosen],
        None if answers.is_kept is None else answers.is_kept[chosen],
    )


def _settled(since: _Since, landing: Landing) -> Settled:
    upper_s = None if landing.basis == "none" else settled_by(*since.bounding(landing))
    seen_s = since.times_s[since.is_old]
    seen_s = seen_s if upper_s is None else seen_s[seen_s <= upper_s]
    return Settled(float(seen_s[-1]) if seen_s.size else 0.0, upper_s)


def _share_of_time(since: _Since, landing: Landing) -> list[Point]:
    times_s, is_old = since.bounding(landing)
    if landing.basis == "none" or not times_s.size:
        unbounded = stale_share(since.times_s, since.is_old)
        return [(at_s, share, *ANYTHING) for at_s, share, _, _ in unbounded]
    return stale_share(times_s, is_old)


def _side_by_side(history: History, sides: Sides, zero_ns: int) -> SideBySide | None:
    """Compare old and new from the arrival of the first new to the sending of the last old."""
    answers, is_new, is_old = sides.answers, sides.is_new, sides.is_old
    from_ns, to_ns = least(answers.received_ns, is_new), most(answers.sent_ns, is_old)
    if from_ns >= to_ns:
        return None
    # Within a few seconds a release is old or new, whichever visit of the course it was.
    young = {answers.names[code] for code in np.unique(answers.release[is_new])}
    elder = {answers.names[code] for code in np.unique(answers.release[is_old])} - young
    calls = (
        with_release(history.calls.filter(~is_probe()), ("ok", "fail"))
        .filter(pl.col("release").cast(pl.String).is_in([*young, *elder]))
        .select(
            pl.col("release").cast(pl.String).is_in(list(young)).alias("is_new"),
            (pl.col("outcome") == "ok").alias("ok"),
            "sent_ns",
            (pl.col("received_ns") - latency_start(history.run.loop)).alias("latency_ns"),
        )
        .filter(pl.col("sent_ns").is_between(from_ns, to_ns))
    )
    return side_by_side(calls.collect(), zero_ns, from_ns, to_ns)
