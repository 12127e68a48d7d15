"""Which release answered, and in which order were the releases deployed? Pure.

A *release* is named by the function version, a number or any text in its place, else by the marker;
$LATEST names none. An answer that names only a marker belongs to
the version with which that marker goes, if it goes with one alone; where it goes with several, the
answer names no release. The *course* of a history is the list of states that the deploys went
through: releases in order, with the step that switched to each. A roll-back visits a release twice,
so an answer has a *rank*: the place in the course that it belongs to. For the transition into place
i, an answer of rank i or more is new and one of a lower rank is old.

Invariant: ranks depend on the answers and steps alone, never on wall-clock time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import polars.selectors as cs
from numpy.typing import NDArray

from poster.rows.record import Outcome, Step, StepName
from poster.rows.skew import ClockEstimate, fits_call

LATEST = "$LATEST"
NEVER_NS = -(2**63)  # before any time of a run
MOST_OUTSIDE = 0.05  # of the answers; where more disagree, the server has no one clock


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """One place in the course: the release that was to answer, and when the alias moved to it."""

    release: str
    switch_ns: int | None  # None: the first state, or a deploy that left no alias-updated step
    started_ns: int = NEVER_NS  # before that it did not move


@dataclasses.dataclass(frozen=True, slots=True)
class Answers:
    """The ok answers of a known release, as arrays in the order of ``seq``."""

    seq: NDArray[np.integer[Any]]
    poster: NDArray[np.integer[Any]]
    sent_ns: NDArray[np.int64]
    received_ns: NDArray[np.int64]
    # What the published definition orders by, from anywhere on; unit: served_unit_ns.
    served: NDArray[np.integer[Any]]
    served_unit_ns: int  # 1_000_000: the server's clock; 1: our clock at the answer's arrival
    in_order: NDArray[np.bool_]  # False: its server time fits no moment of the call
    release: NDArray[np.integer[Any]]  # index into names
    names: list[str]
    is_kept: NDArray[np.bool_] | None  # over a connection that had carried calls; None: unsaid
    run: NDArray[np.integer[Any]] | None = (
        None  # of a merged history: the place of the source, from 1
    )

    @property
    def by_server_clock(self) -> bool:
        """Whether the server's clock orders them: all carry its time, and nearly all times fit."""
        return self.served_unit_ns != 1

    def first(self, chosen: NDArray[np.bool_]) -> int:
        """Return the index of the chosen answer that was served first; ties go to the lower seq."""
        chosen = self._ordered(chosen)
        return int(np.argmax(chosen & (self.served == least(self.served, chosen))))

    def last(self, chosen: NDArray[np.bool_]) -> int:
        """Return the index of the chosen answer that was served last; ties go to the lower seq."""
        chosen = self._ordered(chosen)
        return int(np.argmax(chosen & (self.served == most(self.served, chosen))))

    def _ordered(self, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        ordered = chosen & self.in_order
        return ordered if ordered.any() else chosen


def least(values: NDArray[np.integer[Any]], chosen: NDArray[np.bool_]) -> int:
    """Return the least of the chosen values; there may be too many of them to copy."""
    return int(values.min(where=chosen, initial=np.iinfo(values.dtype).max))


def most(values: NDArray[np.integer[Any]], chosen: NDArray[np.bool_]) -> int:
    """Return the greatest of the chosen values."""
    return int(values.max(where=chosen, initial=np.iinfo(values.dtype).min))


def ok_answers(calls: pl.LazyFrame) -> pl.LazyFrame:
    """Return the ok calls of a known release, with that in a column ``release``."""
    return with_release(calls).filter(pl.col("release").is_not_null())


def with_release(calls: pl.LazyFrame, outcomes: Sequence[Outcome] = ("ok",)) -> pl.LazyFrame:
    """Return the calls of these outcomes with their release in a column; null: none is named."""
    chosen = calls.filter(pl.col("outcome").is_in(list(outcomes)))
    return _named(chosen, chosen)


def every_call(calls: pl.LazyFrame) -> pl.LazyFrame:
    """Return all calls, by ``seq``; ``release`` is null where none is named or it was not ok."""
    is_ok = pl.col("outcome") == "ok"
    named = _named(calls, calls.filter(is_ok))
    return named.with_columns(pl.when(is_ok).then("release").alias("release"))


def _named(calls: pl.LazyFrame, answers: pl.LazyFrame) -> pl.LazyFrame:
    """Return the calls with ``release``, as the names that go together in the answers say."""
    # Asked of the few pairs there are, not of every row.
    pairs = answers.select("function_version", "marker").unique().collect()
    names = _release_names(pairs.rows())
    if all(name == version for (version, _), name in names.items()):
        return calls.with_columns(pl.col("function_version").alias("release"))
    if all(name == marker for (_, marker), name in names.items()):
        return calls.with_columns(pl.col("marker").alias("release"))
    named = pairs.with_columns(
        pl.Series("release", [names[pair] for pair in pairs.rows()], dtype=pl.Categorical)
    )
    return calls.join(
        named.lazy(),
        on=["function_version", "marker"],
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )


Pair = tuple[str | None, str | None]  # function version and marker, as an answer names them


def _release_names(pairs: Sequence[Pair]) -> dict[Pair, str | None]:
    """Return the release of each pair of function version and marker that answered."""
    versions: dict[str, set[str]] = {}  # by marker
    for version, marker in pairs:
        number = named_version(version)
        if number is not None and marker is not None:
            versions.setdefault(marker, set()).add(number)
    return {pair: _release_name(*pair, versions) for pair in pairs}


def _release_name(
    version: str | None, marker: str | None, versions: dict[str, set[str]]
) -> str | None:
    own = named_version(version)
    if own is not None or marker is None:
        return own
    numbers = versions.get(marker, set())
    return None if len(numbers) > 1 else next(iter(numbers), marker)


def named_version(version: str | None) -> str | None:
    """Return what names one version: a number, or any text in its place (a commit, a build).

    Numbers are written in one way; $LATEST names no version, as it is whichever came last.
    """
    stripped = (version or "").strip()
    if is_published_version(stripped):
        return stripped.lstrip("0") or "0"
    return None if not stripped or stripped.startswith(LATEST) else stripped


def is_published_version(version: str) -> bool:
    """Whether a function version is a number, not $LATEST or the like."""
    return version.isascii() and version.isdigit()


def name_of(release: str) -> str:
    """Return how a sentence names a release: versions are numbers, markers are words."""
    return f"version {release}" if release.isdigit() else release


def answers_in(calls: pl.LazyFrame, clock: ClockEstimate, origin_unix_ns: int) -> Answers:
    """Return the ok answers of a known release.

    ``clock`` is the server's against ours: it orders the answers where all carry its time and all
    but ``MOST_OUTSIDE`` of these fit; those that do not are left out of the order. Elsewhere the
    arrivals do.
    """
    answers = ok_answers(calls).with_columns(
        fits_call(clock, origin_unix_ns).alias("fits"),
        (pl.col("connection").cast(pl.String) == "kept").alias("is_kept"),
    )
    counted = pl.len(), pl.col("fits").sum(), pl.col("server_ms").null_count()
    total, fitting, timeless = answers.select(counted).collect().row(0)
    outside = total - fitting
    by_server = (
        total > 0 and clock.is_steady and timeless == 0 and outside <= max(1, MOST_OUTSIDE * total)
    )
    # A few columns at a time, each as narrow as it can be: there may be very many answers.
    small = answers.select(cs.by_name("seq", "poster", "run", require_all=False)).collect()
    numbers = {column.name: column.shrink_dtype().to_numpy() for column in small}
    del small
    said = answers.select("release", "fits", "is_kept").collect()
    names, codes = _dictionary(said["release"])
    is_unsaid = said["is_kept"].null_count() == total
    served = ["server_ms"] if by_server else []
    times = answers.select("sent_ns", "received_ns", *served).collect()
    taken = times.drop_in_place
    received_ns = taken("received_ns").to_numpy()
    return Answers(
        seq=numbers["seq"],
        poster=numbers["poster"],
        sent_ns=taken("sent_ns").to_numpy(),
        received_ns=received_ns,
        served=_from_the_least(taken("server_ms")) if by_server else received_ns,
        served_unit_ns=1_000_000 if by_server else 1,
        in_order=said["fits"].to_numpy() | (not by_server),
        release=codes,
        names=names,
        # Where rows say it of some calls, the others may have been kept.
        is_kept=None if is_unsaid else said["is_kept"].fill_null(True).to_numpy(),
        run=numbers.get("run"),
    )


def _from_the_least(values: pl.Series) -> NDArray[np.integer[Any]]:
    return (values - values.min()).shrink_dtype().to_numpy()


def course_of(answers: Answers, steps: Sequence[Step]) -> list[State]:
    """Return the states that the deploys went through.

    The alias-updated steps say so where they name releases that answered. Releases that no step
    names, and histories without such steps, are ordered by first appearance.
    """
    appeared = _names_by_first_appearance(answers)
    moves = _as_answered(_moves_in(steps), appeared)
    if not any(start in appeared or to in appeared for start, to, _ in moves):
        return _by_appearance(appeared, [at_ns for _, _, at_ns in moves])
    course = [State(moves[0][0], None)]
    for start, to, at_ns in moves:
        if start != course[-1].release:
            course.append(State(start, None))
        course.append(State(to, at_ns, _started_ns(steps, at_ns)))
    named = {state.release for state in course}
    begins = appeared.index(course[0].release) if course[0].release in appeared else len(appeared)
    unnamed = [(place, name) for place, name in enumerate(appeared) if name not in named]
    # What an earlier deploy left of a mixture is over before the first move.
    over = set(appeared) - _answered_after(answers, moves[0][2])
    before = [State(name, None) for place, name in unnamed if place < begins or name in over]
    after = [State(name, None) for place, name in unnamed if place >= begins and name not in over]
    return [*before, *course, *after]


def _answered_after(answers: Answers, at_ns: int) -> set[str]:
    """Return the releases that an answer came from later than that."""
    codes = np.unique(answers.release[answers.received_ns > at_ns])
    return {answers.names[code] for code in codes}


def _started_ns(steps: Sequence[Step], switch_ns: int) -> int:
    """Return before when the alias cannot have moved, whatever the answers say."""
    before = [step for step in steps if step.at_ns <= switch_ns]
    moves = [step for step in before if step.name == StepName.ALIAS_UPDATED]
    if len(moves) > 1 and moves[-2].detail.get("weight", 1) != 1:
        return switch_ns  # a shift by weights is taken back: until then both were to answer
    starts = [step.at_ns for step in before if step.name == StepName.DEPLOY_STARTED]
    return max(starts, default=NEVER_NS)


def ranks_of(answers: Answers, course: Sequence[State]) -> NDArray[np.signedinteger[Any]]:
    """Return each answer's place in the course.

    An answer of a release that the course visits again belongs to the later visit if it came in
    after that visit's switch, or before it with no other release's answer since: a switch may be
    stamped late, but not before its deploy started. Else it belongs to the earlier visit.
    """
    ranks = np.full(answers.seq.size, -1, dtype=np.min_scalar_type(-1 - len(course)))
    code_of = {name: code for code, name in enumerate(answers.names)}
    for place, state in enumerate(course):
        chosen = answers.release == code_of.get(state.release, -2)
        again = chosen & (ranks != -1)
        if state.switch_ns is not None and again.any():
            since_ns = min(state.switch_ns, _since_ns(answers, ~chosen, state))
            ranks[again & (answers.received_ns > since_ns)] = place
        ranks[chosen & (ranks == -1)] = place
    return ranks


def _since_ns(answers: Answers, is_other: NDArray[np.bool_], state: State) -> int:
    """Return when the last of the others' answers was asked for, of those in by the switch.

    No earlier than when the deploy started, and the switch itself where there is no such answer.
    """
    assert state.switch_ns is not None
    others = answers.sent_ns[is_other & (answers.received_ns <= state.switch_ns)]
    return max(int(others.max()), state.started_ns) if others.size else state.switch_ns


def releases_table(calls: pl.LazyFrame) -> list[dict[str, Any]]:
    """Return what answered, in order of first appearance: names, ok answers, environments."""
    most_common = {
        name: pl.col(name).sort_by("ok", "seq", descending=[True, False]).drop_nulls().first()
        for name in ("marker", "function_version")
    }
    return (
        ok_answers(calls)
        .group_by("release", "marker", "function_version", "instance_id")
        .agg(pl.len().alias("ok"), pl.col("seq").min())
        .group_by("release")
        .agg(
            pl.col("ok").sum(),
            pl.col("instance_id").drop_nulls().n_unique().alias("instances"),
            pl.col("seq").min(),
            **most_common,
        )
        .sort("seq")
        .select("release", "marker", "function_version", "ok", "instances")
        .collect()
        .to_dicts()
    )


def _dictionary(releases: pl.Series) -> tuple[list[str], NDArray[np.integer[Any]]]:
    """Return the names that occur and each row's index among them."""
    physical = releases.to_physical().to_numpy()
    present = releases.unique()
    narrow = np.min_scalar_type(-1 - present.len())  # signed
    code_of = np.zeros(int(physical.max(initial=0)) + 1, dtype=narrow)
    code_of[present.to_physical().to_numpy()] = np.arange(present.len())
    return present.cast(pl.String).to_list(), code_of[physical]


def _names_by_first_appearance(answers: Answers) -> list[str]:
    firsts = {
        name: (int(answers.served[index]), int(answers.seq[index]))
        for code, name in enumerate(answers.names)
        for index in [answers.first(answers.release == code)]
    }
    return sorted(firsts, key=lambda name: firsts[name])


def _moves_in(steps: Sequence[Step]) -> list[tuple[str, str, int]]:
    """Return the alias's moves as (from, to, at_ns).

    Steps in a row with the same from and to (canary, linear) are one move, which begins with the
    first of them.
    """
    moves: list[tuple[str, str, int]] = []
    for step in steps:
        start, to = step.detail.get("from"), step.detail.get("to")
        if step.name != StepName.ALIAS_UPDATED or start == to:
            continue
        # An alias that is only just made comes from nowhere.
        if not isinstance(start, str) or not isinstance(to, str):
            continue
        if not moves or moves[-1][:2] != (start, to):
            moves.append((start, to, step.at_ns))
    return moves


def _as_answered(
    moves: list[tuple[str, str, int]], appeared: list[str]
) -> list[tuple[str, str, int]]:
    """Return the moves by the names that answers use, where steps use others.

    Steps name versions, answers may name markers. Where none is in both and there are as many of
    the one as of the other, they go together in the order in which they were met.
    """
    named = list(dict.fromkeys(name for move in moves for name in move[:2]))
    if set(named) & set(appeared) or len(named) != len(appeared):
        return moves
    name_of = dict(zip(named, appeared, strict=True))
    return [(name_of[start], name_of[to], at_ns) for start, to, at_ns in moves]


def _by_appearance(appeared: list[str], switches_ns: list[int]) -> list[State]:
    """Order releases by first appearance; the alias's moves are theirs if there are as many."""
    if len(switches_ns) != len(appeared) - 1:
        switches_ns = []
    return [
        State(name, switches_ns[place - 1] if place and switches_ns else None)
        for place, name in enumerate(appeared)
    ]
