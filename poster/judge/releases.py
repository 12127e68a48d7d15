"""Which release answered, and in which order were the releases deployed? Pure.

A *release* is named by the function version where that is a published version (a number), else by
the marker. The *course* of a history is the list of states that the deploys went through:
releases in order, with the step that switched to each. A roll-back visits a release twice, so an
answer has a *rank*: the place in the course that it belongs to. For the transition into place i,
an answer of rank i or more is new and one of a lower rank is old.

Invariant: ranks depend on the answers and steps alone, never on wall-clock time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from poster.rows.record import Step

ALIAS_UPDATED = "alias-updated"


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """One place in the course: the release that was to answer, and when the alias moved to it."""

    release: str
    switch_ns: int | None  # None: the first state, or a deploy that left no alias-updated step


@dataclasses.dataclass(frozen=True, slots=True)
class Answers:
    """The ok answers of a known release, as arrays in the order of ``seq``."""

    seq: NDArray[np.int64]
    poster: NDArray[np.int64]
    sent_ns: NDArray[np.int64]
    received_ns: NDArray[np.int64]
    served: NDArray[np.int64]  # what the published definition orders by; unit: served_unit_ns
    served_unit_ns: int  # 1_000_000: the server's clock; 1: our clock at the answer's arrival
    release: NDArray[np.int64]  # index into names
    names: list[str]
    run: NDArray[np.int64] | None = None  # of a merged history: the place of the source, from 1

    @property
    def by_server_clock(self) -> bool:
        """Whether every answer carries the server's time."""
        return self.served_unit_ns != 1

    def first(self, chosen: NDArray[np.bool_]) -> int:
        """Return the index of the chosen answer that was served first; ties go to the lower seq."""
        indices = np.flatnonzero(chosen)
        return int(indices[np.argmin(self.served[indices])])

    def last(self, chosen: NDArray[np.bool_]) -> int:
        """Return the index of the chosen answer that was served last; ties go to the lower seq."""
        indices = np.flatnonzero(chosen)
        return int(indices[np.argmax(self.served[indices])])


def ok_answers(observations: pl.DataFrame) -> pl.LazyFrame:
    """Return the ok observations of a known release, with that in a column ``release``."""
    # Asked of the few versions there are, not of every row.
    seen = observations["function_version"].unique().drop_nulls().cast(pl.String).to_list()
    published = [version for version in seen if is_published_version(version)]
    release = (
        pl.when(pl.col("function_version").is_in(published))
        .then("function_version")
        .otherwise("marker")
    )
    if not published:
        release = pl.col("marker")
    return (
        observations.lazy()
        .filter(pl.col("outcome") == "ok")
        .with_columns(release.alias("release"))
        .filter(pl.col("release").is_not_null())
    )


def is_published_version(version: str) -> bool:
    """Whether a function version is a number, not $LATEST or the like."""
    return version.isascii() and version.isdigit()


def answers_in(observations: pl.DataFrame) -> Answers:
    """Return the ok answers of a known release."""
    answers = (
        ok_answers(observations)
        .select(
            "seq",
            "poster",
            "sent_ns",
            pl.col("received_ns").fill_null(pl.col("sent_ns")),
            "server_ms",
            "release",
            *(["run"] if "run" in observations.columns else []),
        )
        .collect()
    )
    by_server = answers.height > 0 and answers["server_ms"].null_count() == 0
    names, codes = _dictionary(answers["release"])
    return Answers(
        seq=answers["seq"].to_numpy(),
        poster=answers["poster"].to_numpy(),
        sent_ns=answers["sent_ns"].to_numpy(),
        received_ns=answers["received_ns"].to_numpy(),
        served=answers["server_ms" if by_server else "received_ns"].to_numpy(),
        served_unit_ns=1_000_000 if by_server else 1,
        release=codes,
        names=names,
        run=answers["run"].to_numpy() if "run" in answers.columns else None,
    )


def course_of(answers: Answers, steps: Sequence[Step]) -> list[State]:
    """Return the states that the deploys went through.

    The alias-updated steps say so where they name releases that answered. Releases that no step
    names, and histories without such steps, are ordered by first appearance.
    """
    appeared = _names_by_first_appearance(answers)
    moves = _moves_in(steps)
    if not any(start in appeared or to in appeared for start, to, _ in moves):
        return _by_appearance(appeared, [at_ns for _, _, at_ns in moves])
    course = [State(moves[0][0], None)]
    for start, to, at_ns in moves:
        if start != course[-1].release:
            course.append(State(start, None))
        course.append(State(to, at_ns))
    named = {state.release for state in course}
    begins = appeared.index(course[0].release) if course[0].release in appeared else len(appeared)
    unnamed = [(place, name) for place, name in enumerate(appeared) if name not in named]
    before = [State(name, None) for place, name in unnamed if place < begins]
    after = [State(name, None) for place, name in unnamed if place >= begins]
    return [*before, *course, *after]


def ranks_of(answers: Answers, course: Sequence[State]) -> NDArray[np.int64]:
    """Return each answer's place in the course.

    An answer of a release that the course visits again belongs to the later visit if it came in
    after that visit's switch, else to the earlier one.
    """
    ranks = np.full(answers.seq.size, -1, dtype=np.int64)
    code_of = {name: code for code, name in enumerate(answers.names)}
    for place, state in enumerate(course):
        chosen = answers.release == code_of.get(state.release, -2)
        due = state.switch_ns is not None and answers.received_ns > state.switch_ns
        ranks[chosen & (due | (ranks == -1))] = place
    return ranks


def releases_table(observations: pl.DataFrame) -> list[dict[str, Any]]:
    """Return what answered, in order of first appearance: names, ok answers, environments."""
    combinations = (
        ok_answers(observations)
        .group_by("release", "marker", "function_version", "instance_id")
        .agg(pl.len().alias("ok"), pl.col("seq").min())
        .collect()
    )
    most_common = {
        name: pl.col(name).sort_by("ok", "seq", descending=[True, False]).drop_nulls().first()
        for name in ("marker", "function_version")
    }
    return (
        combinations.group_by("release")
        .agg(
            pl.col("ok").sum(),
            pl.col("instance_id").drop_nulls().n_unique().alias("instances"),
            pl.col("seq").min(),
            **most_common,
        )
        .sort("seq")
        .select("release", "marker", "function_version", "ok", "instances")
        .to_dicts()
    )


def _dictionary(releases: pl.Series) -> tuple[list[str], NDArray[np.int64]]:
    """Return the names that occur and each row's index among them."""
    physical = releases.to_physical().to_numpy()
    present = releases.unique()
    code_of = np.zeros(int(physical.max(initial=0)) + 1, dtype=np.int64)
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
        if step.name != ALIAS_UPDATED or start == to:
            continue
        # An alias that is only just made comes from nowhere.
        if not isinstance(start, str) or not isinstance(to, str):
            continue
        if not moves or moves[-1][:2] != (start, to):
            moves.append((start, to, step.at_ns))
    return moves


def _by_appearance(appeared: list[str], switches_ns: list[int]) -> list[State]:
    """Order releases by first appearance; the alias's moves are theirs if there are as many."""
    if len(switches_ns) != len(appeared) - 1:
        switches_ns = []
    return [
        State(name, switches_ns[place - 1] if place and switches_ns else None)
        for place, name in enumerate(appeared)
    ]
