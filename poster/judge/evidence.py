"""What of a history counts as evidence. Pure.

A row that stands there twice is one call, and a call whose times cannot be (an answer before its
call was sent, an ok without an answer) proves nothing about any order: its outcome is unknown. The
checks count both; everything else looks at what is left.

Invariant: evidence never holds more calls, or more answers, than the history does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import polars as pl

from poster.rows.history import OUTCOMES, History


def is_possible() -> pl.Expr:
    """Return whether a call's times can be; never null."""
    answered = pl.col("received_ns").is_not_null()
    return (answered & (pl.col("received_ns") >= pl.col("sent_ns"))) | (
        ~answered & (pl.col("outcome") != "ok")
    )


def under_way(begin_ns: int, end_ns: int | None) -> pl.Expr:
    """Return which calls were under way at some moment from begin to end."""
    ended = pl.coalesce("received_ns", "sent_ns") >= begin_ns
    return ended if end_ns is None else ended & (pl.col("sent_ns") < end_ns)


def parts_on_one_clock(history: History) -> list[History]:
    """Return the parts of a merged history whose times can be compared; else the history alone.

    A source that was placed by its wall clock is a part of its own.
    """
    numbered = list(enumerate(history.sources, start=1))
    placed = [run for run, source in numbered if source.error_ms is not None]
    alone = [[run] for run, source in numbered if source.error_ms is None]
    parts = [placed, *alone] if placed else alone
    return [_part(history, runs) for runs in parts] if len(parts) > 1 else [history]


def _part(history: History, runs: Sequence[int]) -> History:
    steps = (step for run in runs for step in history.sources[run - 1].steps)
    return dataclasses.replace(
        history,
        calls=history.calls.filter(pl.col("run").is_in(runs)),
        steps=sorted(steps, key=lambda step: step.at_ns),
    )


def evidence_of(history: History) -> History:
    """Return the history without repeated rows and with impossible calls of unknown outcome."""
    # Repeats are neighbours: calls are in order of seq, merged ones of sending, run and run_seq.
    numbers = ("run", "run_seq") if history.sources else ("seq",)
    has_number_of_one_before = pl.all_horizontal(pl.col(numbers).diff() == 0).fill_null(False)
    faults = has_number_of_one_before.any().alias("repeated"), (~is_possible()).any().alias("odd")
    are_repeated, are_impossible = history.calls.select(faults).collect().row(0)
    calls = _without_repeats(history, has_number_of_one_before) if are_repeated else history.calls
    if are_impossible:
        impossible = ~pl.col("_possible")
        calls = (
            calls.with_columns(is_possible().alias("_possible"))
            .with_columns(
                pl.when(impossible)
                .then(pl.lit("unknown", OUTCOMES))
                .otherwise("outcome")
                .alias("outcome"),
                pl.when(impossible).then(None).otherwise("received_ns").alias("received_ns"),
            )
            .drop("_possible")
        )
    return dataclasses.replace(history, calls=calls)


def _without_repeats(history: History, has_number_of_one_before: pl.Expr) -> pl.LazyFrame:
    placed = history.calls.with_row_index("_place")
    is_suspect = has_number_of_one_before | has_number_of_one_before.shift(-1, fill_value=False)
    suspects = placed.filter(is_suspect).collect()
    same = pl.struct(pl.exclude("_place", *(["seq"] if history.sources else [])))
    repeats = suspects.filter(~same.is_first_distinct())["_place"]
    return placed.filter(~pl.col("_place").is_in(repeats.implode())).drop("_place")
