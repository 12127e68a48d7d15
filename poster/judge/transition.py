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
from poster.judge.overlap import Overlap, certain_window_ns, first_certain
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
from poster.judge.stages import Stage, stages_of
from poster.judge.statistics import (
    ANYTHING,
    Point,
    settled_by,
    stale_share,
    wilson,
)
from poster.rows.history import History, is_probe
from poster.rows.record import PROBER
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
    return [
        _transition(history, answers, ranks, course, place, phase)
        for place, phase in zip(seen, phases, strict=True)
    ], unseen


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
    history: History,
    answers: Answers,
    ranks: NDArray[np.signedinteger[Any]],
    course: Sequence[State],
    place: int,
    phase: Phase,
) -> Transition:
    is_known = ranks >= 0
    is_new, is_old = ranks >= place, is_known & (ranks < place)
    first_new, last_old = answers.first(is_new), answers.last(is_old)
    stale, answered = _stale_between(answers, is_new, is_old, first_new, last_old)
    span = max(0, int(answers.served[last_old]) - int(answers.served[first_new])) if stale else 0
    certain = first_certain(answers, is_new, is_old, history.sources)
    last_before_ns = _last_before_ns(answers, is_new, is_old)
    surely_ns = phase.zero_ns if last_before_ns is None else min(phase.zero_ns, last_before_ns)
    outage, poster_outage = longest_outages(
        history.calls, min(phase.deploy_ns, surely_ns), phase.next_deploy_ns
    )
    since = _since(answers, is_old, phase.zero_ns)
    landing = landing_of(since.is_old, since.poster, since.is_kept, history.run.target)
    over_ns = _on_clock(phase.zero_ns, settled_by(since.times_s, since.is_old))
    when = _settled(since, landing)
    bounding = Overlap(int(answers.seq[first_new]), int(answers.seq[last_old]), certain=False)
    calls_ok, calls_ng = ok_and_ng(history.calls, phase)
    fail, unknown, cold_starts = errors_in(history.calls, phase, over_ns)
    return Transition(
        start=course[place - 1].release,
        to=course[place].release,
        switch_ns=course[place].switch_ns,
        phase=phase,
        first_new_ns=int(answers.received_ns[first_new]),
        last_old_ns=int(answers.received_ns[last_old]),
        first_new_seq=int(answers.seq[first_new]),
        last_old_seq=int(answers.seq[last_old]),
        window_s=span * answers.served_unit_ns / 1e9,
        certain_window_s=certain_window_ns(answers, is_new, is_old, history.sources) / 1e9,
        settled=when,
        settled_ns=_on_clock(phase.zero_ns, when.upper_s),
        over_ns=over_ns,
        landing=landing,
        last_before_ns=last_before_ns,
        is_ordered=answers.by_server_clock,
        outage=outage,
        poster_outage=poster_outage,
        side_by_side=_side_by_side(history, answers, ranks, place, phase.zero_ns),
        answered=answered,
        stale=stale,
        stale_ci=_stale_ci(answers, is_new, is_old, landing, first_new, last_old),
        inversions=_inversions(answers, is_new, is_old),
        calls_ok=calls_ok,
        calls_ng=calls_ng,
        fail=fail,
        unknown=unknown,
        cold_starts=cold_starts,
        latency_ms=latency_in(
            history, phase, over_ns or max(phase.zero_ns, int(answers.received_ns[last_old]))
        ),
        stale_share=_share_of_time(since, landing),
        stages=stages_of(
            history.steps,
            course[place].switch_ns,
            answers.sent_ns[is_known],
            is_old[is_known],
            is_bounded=landing.basis == "all",
        ),
        overlap=certain or (bounding if stale else None),
        old_answers=int(is_old.sum()),
        new_answers=int(is_new.sum()),
    )


def _stale_between(
    answers: Answers,
    is_new: NDArray[np.bool_],
    is_old: NDArray[np.bool_],
    first_new: int,
    last_old: int,
) -> tuple[int, int]:
    """Return (stale, answered) from first new to last old.

    An old answer served in the same millisecond as the first new one may have come before it, so
    it is not called stale.
    """
    begins, ends = answers.served[first_new], answers.served[last_old]
    stale = int((is_old & answers.in_order & (answers.served > begins)).sum())
    if stale == 0:
        return 0, 0
    within = (answers.served >= begins) & (answers.served <= ends) & (is_new | is_old)
    within &= answers.in_order
    return stale, int(within.sum())


def _stale_ci(
    answers: Answers,
    is_new: NDArray[np.bool_],
    is_old: NDArray[np.bool_],
    landing: Landing,
    first_new: int,
    last_old: int,
) -> tuple[float, float]:
    """Return the interval of the stale share, from the answers that may bound it."""
    if landing.basis == "none":
        return ANYTHING
    if landing.basis == "new connections" and answers.is_kept is not None:
        is_new, is_old = is_new & ~answers.is_kept, is_old & ~answers.is_kept
    return wilson(*_stale_between(answers, is_new, is_old, first_new, last_old))


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


def _last_before_ns(
    answers: Answers, is_new: NDArray[np.bool_], is_old: NDArray[np.bool_]
) -> int | None:
    """Return when the last old answer was asked for that came in before any new one."""
    before = is_old & (answers.received_ns <= least(answers.received_ns, is_new))
    return most(answers.sent_ns, before) if before.any() else None


def _side_by_side(
    history: History,
    answers: Answers,
    ranks: NDArray[np.signedinteger[Any]],
    place: int,
    zero_ns: int,
) -> SideBySide | None:
    """Compare old and new from the arrival of the first new to the sending of the last old."""
    is_new, is_old = ranks >= place, (ranks >= 0) & (ranks < place)
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


def _inversions(answers: Answers, is_new: NDArray[np.bool_], is_old: NDArray[np.bool_]) -> int:
    """Count how often one poster saw new and then old, in the order of arrival."""
    # Before the first new and after the last old answer there is nothing to count.
    begins, ends = least(answers.received_ns, is_new), most(answers.received_ns, is_old)
    window = np.flatnonzero(
        (answers.received_ns >= begins) & (answers.received_ns <= ends) & (is_new | is_old)
    )
    window = window[answers.poster[window] != PROBER]
    order = np.lexsort((answers.seq[window], answers.received_ns[window], answers.poster[window]))
    posters, new = answers.poster[window][order], is_new[window][order]
    return int(((posters[1:] == posters[:-1]) & new[:-1] & ~new[1:]).sum())
