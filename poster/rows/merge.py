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
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import polars as pl
from msgspec import structs

from poster.rows.history import COLUMNS, History, HistoryError, Source, is_probe
from poster.rows.record import MAX_NS, Run, Step
from poster.rows.skew import ClockEstimate, estimate_clock

MOST_NAMED = 3
PIECE_CALLS = 8_192  # of one history at a time: as many of each lie in memory
TODOS_AT_ONCE = 5_000_000
FRAME_CALLS = 500_000  # of all histories, between two sorts
_TIMES = ("planned_ns", "sent_ns", "received_ns")


@dataclasses.dataclass(frozen=True, slots=True)
class Offset:
    """How far a source's clock was ahead of the reference's."""

    offset_ms: float
    error_ms: float


@dataclasses.dataclass(frozen=True, slots=True)
class _Piece:
    """Calls in a row of one source."""

    calls: pl.LazyFrame
    earliest_ns: int  # sending of any of these calls and the later ones of their source


class MergeError(HistoryError):
    """The histories are not of one experiment; the message is one sentence."""


Kept = tuple[pl.LazyFrame, object]  # calls, and what they lie in


def in_memory(frames: Iterable[pl.DataFrame]) -> Kept:
    """Keep the frames of a merged history in memory."""
    return pl.concat([*frames], rechunk=False).lazy(), None


def merge(
    histories: Sequence[History], keep: Callable[[Iterable[pl.DataFrame]], Kept] = in_memory
) -> History:
    """Return the histories as one, with ``sources``; a single one is returned as it is.

    ``keep`` takes the calls frame by frame, in their order. Raises MergeError.
    """
    if len(histories) == 1:
        return histories[0]
    _refuse_what_differs([history.run for history in histories])
    clocks = [estimate_clock(history.calls, history.run.origin_unix_ns) for history in histories]
    origins_ns = _origins_ns([history.run for history in histories], clocks)
    _refuse_what_is_apart(histories, origins_ns)
    shifts_ns = [origin_ns - min(origins_ns) for origin_ns in origins_ns]
    steps = [
        tuple(structs.replace(step, at_ns=step.at_ns + shift_ns) for step in history.steps)
        for history, shift_ns in zip(histories, shifts_ns, strict=True)
    ]
    calls, kept_in = keep(_with_own_posters(_in_order(histories, shifts_ns), histories))
    return History(
        run=structs.replace(
            _run_of([history.run for history in histories]), origin_unix_ns=min(origins_ns)
        ),
        calls=calls,
        steps=sorted(itertools.chain(*steps), key=lambda step: step.at_ns),
        malformed_lines=sum(history.malformed_lines for history in histories),
        torn_bytes=sum(history.torn_bytes for history in histories),
        sources=tuple(map(_source, histories, clocks, steps)),
        kept_in=kept_in,
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
    of_callers = calls.filter(~is_probe()).select("todo_id", "run")
    total = of_callers.select(pl.len()).collect().item()
    parts = 1 + total // TODOS_AT_ONCE
    return sum(
        of_callers.filter(pl.col("todo_id").hash() % parts == part)
        .group_by("todo_id")
        .agg(pl.col("run").min().alias("first"), pl.col("run").max().alias("last"))
        .select((pl.col("first") < pl.col("last")).sum())
        .collect()
        .item()
        for part in range(parts)
    )


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


def _in_order(histories: Sequence[History], shifts_ns: Sequence[int]) -> Iterator[pl.DataFrame]:
    """Yield all calls by sending, numbered; what a later piece has calls before is held back."""
    pieces = sorted(
        itertools.chain(*map(_pieces, histories, shifts_ns, itertools.count(1))),
        key=lambda piece: piece.earliest_ns,
    )
    at_once = FRAME_CALLS // PIECE_CALLS
    held, numbered = pl.DataFrame(schema={**COLUMNS, "run": pl.Int64, "run_seq": pl.Int64}), 0
    for place in range(0, max(1, len(pieces)), at_once):
        some = pl.collect_all([piece.calls for piece in pieces[place : place + at_once]])
        held = pl.concat([held, *some]).sort("sent_ns", "run", "run_seq", maintain_order=True)
        later = pieces[place + at_once : place + at_once + 1]
        ready = held.height
        if later:
            ready = int(held["sent_ns"].search_sorted(later[0].earliest_ns, side="left"))
        numbers = pl.int_range(numbered + 1, numbered + ready + 1, dtype=pl.Int64)
        yield held.head(ready).with_columns(numbers.alias("seq"))
        held, numbered = held.slice(ready), numbered + ready


def _pieces(history: History, shift_ns: int, number: int) -> list[_Piece]:
    sent_ns = history.calls.select("sent_ns").collect().to_series()
    places = range(0, sent_ns.len(), PIECE_CALLS)
    # What was sent first may have been numbered last.
    least = [int(sent_ns.slice(place, PIECE_CALLS).min()) for place in reversed(places)]  # type: ignore[arg-type]
    earliest = reversed([*itertools.accumulate(least, min)])
    return [
        _Piece(_placed(history.calls.slice(place, PIECE_CALLS), shift_ns, number), ns + shift_ns)
        for place, ns in zip(places, earliest, strict=True)
    ]


def _placed(calls: pl.LazyFrame, shift_ns: int, number: int) -> pl.LazyFrame:
    return calls.with_columns(
        *(pl.col(name) + shift_ns for name in _TIMES),
        pl.lit(number, dtype=pl.Int64).alias("run"),
        pl.col("seq").alias("run_seq"),
    )


def _with_own_posters(
    frames: Iterable[pl.DataFrame], histories: Sequence[History]
) -> Iterator[pl.DataFrame]:
    """Yield the calls; posters keep their numbers unless two runs use the same."""
    of_runs = [
        history.calls.filter(~is_probe())
        .select(pl.lit(number, dtype=pl.Int64).alias("run"), "poster")
        .unique()
        for number, history in enumerate(histories, start=1)
    ]
    posters = pl.concat(pl.collect_all(of_runs)).sort("run", "poster")
    if posters["poster"].n_unique() == posters.height:
        yield from frames
        return
    own = posters.with_row_index("own", offset=1).with_columns(pl.col("own").cast(pl.Int64))
    for frame in frames:
        joined = frame.join(own, on=["run", "poster"], how="left", maintain_order="left")
        yield joined.with_columns(poster=pl.coalesce("own", "poster")).drop("own")


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
