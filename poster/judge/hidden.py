"""Which calls do not say how they ended, or who answered? Pure.

A call may have an unknown outcome, its answer may name no release, or its row may be missing from
the history. Each was under way between two moments: a call without an answer until its poster sent
the next one (closed loop) or ``LONGEST_CALL_NS`` had passed, a missing one between its neighbours.

Invariant: a call that is taken out of a history, or made unknown, is found here.
"""

from __future__ import annotations

import polars as pl

from poster.judge.releases import with_release
from poster.rows.history import History, is_probe

LONGEST_CALL_NS = 30_000_000_000  # API Gateway answers after 29 s at the latest
MOST_MISSING = 2**40  # in one gap: a number that is nonsense must not overflow the sums
COLUMNS = ["seq", "kind", "count", "sent_ns", "received_ns"]


def hidden_in(history: History) -> pl.DataFrame:
    """Return them: seq, kind ("unknown", "nameless", "missing"), count, from when until when."""
    return pl.concat([_unknown(history), _nameless(history), _missing(history)]).collect()


def _unknown(history: History) -> pl.LazyFrame:
    later = pl.lit(LONGEST_CALL_NS) + pl.col("sent_ns")
    if history.run.loop == "closed":
        # Its poster's next call says that this one was over.
        next_ns = pl.col("sent_ns").shift(-1).over("poster", order_by="sent_ns")
        ends = pl.min_horizontal(later, next_ns.fill_null(later))
        later = pl.when(is_probe()).then(later).otherwise(ends)  # several probes go on at once
    return (
        history.calls.with_columns(later.alias("_later"))
        .filter(pl.col("outcome") == "unknown")
        .with_columns(
            pl.lit("unknown").alias("kind"),
            pl.lit(1, pl.Int64).alias("count"),
            pl.coalesce("received_ns", "_later").alias("received_ns"),
        )
        .select(COLUMNS)
    )


def _nameless(history: History) -> pl.LazyFrame:
    return (
        with_release(history.calls)
        .filter(pl.col("release").is_null())
        .with_columns(pl.lit("nameless").alias("kind"), pl.lit(1, pl.Int64).alias("count"))
        .select(COLUMNS)
    )


def _missing(history: History) -> pl.LazyFrame:
    """Return the gaps in the numbers: sent between its neighbours, over as late as any call."""
    if history.sources:
        numbered = history.calls.with_columns(pl.col("run_seq").alias("seq")).sort("run", "seq")
    else:
        numbered = history.calls.with_columns(pl.lit(1).alias("run"))
    took_ns = pl.col("received_ns") - pl.col("sent_ns")
    is_first = (pl.col("run") != pl.col("run").shift(1)).fill_null(True)
    before = pl.when(is_first).then(0).otherwise(pl.col("seq").shift(1))
    # A call that was sent first may have been written last: the latest sending so far counts.
    return (
        numbered.with_columns((pl.col("sent_ns") + took_ns.max().fill_null(0)).alias("over_ns"))
        .filter(pl.col("seq") > 0)
        .select(
            "sent_ns",
            "over_ns",
            (before + 1).alias("first"),
            (pl.col("seq") - before - 1).clip(upper_bound=MOST_MISSING).alias("count"),
            pl.when(~is_first).then(pl.col("sent_ns").shift(1)).alias("earlier_ns"),
        )
        .filter(pl.col("count") > 0)
        .select(
            pl.col("first").alias("seq"),
            pl.lit("missing").alias("kind"),
            "count",
            pl.min_horizontal(pl.col("earlier_ns").fill_null(-(2**62)), "sent_ns").alias("sent_ns"),
            pl.col("over_ns").alias("received_ns"),
        )
    )
