"""Several histories of one experiment as one: posters on several machines, one deploy. Pure.

Each machine has its own clock. What they share is the server's, so a history's *skew* (server's
clock minus ours, ``poster.rows.skew``) places its times on the server's clock, and the difference
of two skews is the *offset* of two machines. The merged history counts time on the clock of the
*reference*: the first history whose answers carry the server's time. A history without such answers
is placed by the wall clock of its origin, and its error is unknown.

Invariant: every observation and every step of every history is in the merged one, once; ``run`` and
``run_seq`` say which history it is from and which number it had there.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import polars as pl
from msgspec import structs

from poster.rows.history import COLUMNS, History, HistoryError, Source, is_probe
from poster.rows.record import MAX_NS, Run, Step
from poster.rows.skew import ClockEstimate, estimate_clock

MOST_NAMED = 3
_TIMES = ("planned_ns", "sent_ns", "received_ns")


@dataclasses.dataclass(frozen=True, slots=True)
class Offset:
    """How far a source's clock was ahead of the reference's."""

    offset_ms: float
    error_ms: float


class MergeError(HistoryError):
    """The histories are not of one experiment; the message is one sentence."""


def merge(histories: Sequence[History]) -> History:
    """Return the histories as one, with ``sources``; a single one is returned as it is.

    Raises MergeError.
    """
    if len(histories) == 1:
        return histories[0]
    _refuse_what_differs([history.run for history in histories])
    clocks = [estimate_clock(history.calls, history.run.origin_unix_ns) for history in histories]
    origins_ns = _origins_ns([history.run for history in histories], clocks)
    _refuse_what_is_apart(histories, origins_ns)
    shifts_ns = [origin_ns - min(origins_ns) for origin_ns in origins_ns]
    placed = [
        _placed(history, shift_ns, number)
        for number, (history, shift_ns) in enumerate(
            zip(histories, shifts_ns, strict=True), start=1
        )
    ]
    steps = [
        tuple(structs.replace(step, at_ns=step.at_ns + shift_ns) for step in history.steps)
        for history, shift_ns in zip(histories, shifts_ns, strict=True)
    ]
    return History(
        run=structs.replace(
            _run_of([history.run for history in histories]), origin_unix_ns=min(origins_ns)
        ),
        calls=_in_order(_with_own_posters(placed)).lazy(),
        steps=sorted(itertools.chain(*steps), key=lambda step: step.at_ns),
        malformed_lines=sum(history.malformed_lines for history in histories),
        torn_bytes=sum(history.torn_bytes for history in histories),
        sources=tuple(map(_source, histories, clocks, steps)),
    )


def merge_rows(dumps: Sequence[pl.DataFrame]) -> pl.DataFrame | None:
    """Return the dumps of one table as one dump, None where there are none.

    A todo's rows are those of the dump that holds the most of them: dumps made one after the other
    repeat rows, and that is not what a duplicate is.
    """
    if len(dumps) < 2:
        return dumps[0] if dumps else None
    numbered = [dump.with_columns(pl.lit(place).alias("dump")) for place, dump in enumerate(dumps)]
    counted = pl.concat(numbered).with_columns(pl.len().over("todo_id", "dump").alias("times"))
    fullest = pl.col("dump").sort_by("times", "dump", descending=[True, False]).first()
    return counted.filter(pl.col("dump") == fullest.over("todo_id")).drop("dump", "times")


def shared_todos(calls: pl.LazyFrame) -> int:
    """Return how many todo ids were called by more than one run of a merged history."""
    runs = calls.filter(~is_probe()).group_by("todo_id").agg(pl.col("run").n_unique())
    return runs.filter(pl.col("run") > 1).select(pl.len()).collect().item()  # type: ignore[no-any-return]


def offsets(sources: Sequence[Source]) -> list[Offset | None]:
    """Return each source's offset, None where it was placed by its wall clock."""
    reference = next((source for source in sources if source.skew_ms is not None), None)
    return [_offset(source, reference) for source in sources]


def _offset(source: Source, reference: Source | None) -> Offset | None:
    if reference is None or source.skew_ms is None or reference.skew_ms is None:
        return None
    if source is reference:
        return Offset(0.0, 0.0)
    errors_ms = (source.error_ms or 0.0) + (reference.error_ms or 0.0)
    return Offset(round(reference.skew_ms - source.skew_ms, 3), round(errors_ms, 3))


def _refuse_what_differs(runs: Sequence[Run]) -> None:
    way_out = "`poster compare` sets different runs side by side"
    for one, other in itertools.combinations(runs, 2):
        if (one.run_id, one.origin_unix_ns) == (other.run_id, other.origin_unix_ns):
            raise MergeError(f"history {one.run_id} is named twice; name each history once")
    for name in ("target", "loop"):
        values = {getattr(run, name) for run in runs}
        if len(values) > 1:
            raise MergeError(
                f"these histories differ in their {name} ({', '.join(sorted(values))}), so they"
                f" are not one experiment; {way_out}"
            )


def _origins_ns(runs: Sequence[Run], clocks: Sequence[ClockEstimate]) -> list[int]:
    """Return each run's origin on the reference's clock, ns since the epoch."""
    skews_ms = [clock.skew_ms for clock in clocks]
    reference_ms = next((skew_ms for skew_ms in skews_ms if skew_ms is not None), 0.0)
    return [
        run.origin_unix_ns + (0 if skew_ms is None else round((skew_ms - reference_ms) * 1e6))
        for run, skew_ms in zip(runs, skews_ms, strict=True)
    ]


def _refuse_what_is_apart(histories: Sequence[History], origins_ns: Sequence[int]) -> None:
    spans = sorted(
        (origin_ns + begin_ns, origin_ns + end_ns, history.run.run_id)
        for history, origin_ns in zip(histories, origins_ns, strict=True)
        for begin_ns, end_ns in [_span_ns(history)]
    )
    latest_ns, latest_id = spans[0][1:]
    for begin_ns, end_ns, run_id in spans[1:]:
        if begin_ns > latest_ns:
            raise MergeError(
                f"{run_id} began {(begin_ns - latest_ns) / 1e9:.1f} s after {latest_id} had ended,"
                " so they are not one experiment; `poster compare` sets runs side by side"
            )
        if end_ns > latest_ns:
            latest_ns, latest_id = end_ns, run_id
    if latest_ns - min(origins_ns) > MAX_NS or spans[0][0] - min(origins_ns) < -MAX_NS:
        raise MergeError(
            "times of these histories are centuries apart; name runs of one experiment"
        )


def _span_ns(history: History) -> tuple[int, int]:
    times = pl.col(_TIMES)
    edges = history.calls.select(
        times.min().name.suffix("_first"), times.max().name.suffix("_last")
    )
    ends = [*(step.at_ns for step in history.steps), *edges.collect().row(0)]
    known = [0, *(at_ns for at_ns in ends if at_ns is not None)]
    return min(known), max(known)


def _placed(history: History, shift_ns: int, number: int) -> pl.DataFrame:
    return history.observations.with_columns(
        *(pl.col(name) + shift_ns for name in _TIMES),
        pl.lit(number, dtype=pl.Int64).alias("run"),
        pl.col("seq").alias("run_seq"),
    )


def _with_own_posters(placed: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Join the observations; posters keep their numbers unless two runs use the same."""
    whole = pl.concat(placed)
    posters = whole.filter(~is_probe()).select("run", "poster").unique().sort("run", "poster")
    if posters["poster"].n_unique() == posters.height:
        return whole
    own = posters.with_row_index("own", offset=1).with_columns(pl.col("own").cast(pl.Int64))
    joined = whole.join(own, on=["run", "poster"], how="left")
    return joined.with_columns(poster=pl.coalesce("own", "poster")).drop("own")


def _in_order(whole: pl.DataFrame) -> pl.DataFrame:
    ordered = whole.sort("sent_ns", "run", "run_seq", maintain_order=True)
    numbers = pl.int_range(1, pl.len() + 1, dtype=pl.Int64)
    return ordered.with_columns(numbers.alias("seq")).select(*COLUMNS, "run", "run_seq")


def _run_of(runs: Sequence[Run]) -> Run:
    names = [run.run_id for run in runs]
    joined = (
        " + ".join(names) if len(names) <= MOST_NAMED else f"{names[0]} and {len(names) - 1} more"
    )
    rates = [run.rate_per_s for run in runs]
    pauses = {run.pause_s for run in runs}
    settings: dict[str, Any] = {}
    tools: dict[str, str] = {}
    for run in reversed(runs):  # where two say different things, the one named first counts
        settings |= run.settings
        tools |= run.tools
    return structs.replace(
        runs[0],
        run_id=joined,
        endpoint=", ".join(dict.fromkeys(run.endpoint for run in runs)),
        posters=sum(run.posters for run in runs),
        pause_s=pauses.pop() if len(pauses) == 1 else None,
        rate_per_s=None if None in rates else sum(rate for rate in rates if rate is not None),
        settings=settings,
        tools=tools,
    )


def _source(history: History, clock: ClockEstimate, steps: tuple[Step, ...]) -> Source:
    return Source(history.run.run_id, history.total, clock.skew_ms, clock.error_ms, steps)
