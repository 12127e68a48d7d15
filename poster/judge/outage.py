"""For how long did callers get no good answer? Pure.

An *outage* is a row of calls, in the order of sending, of which none was answered ok. As callers
see it, it lasts from the last ok answer before to the first one after. The service itself was out
for no less than from the answer to the first of these calls to the sending of the last, and for no
more than from the sending of the last good call before to the first good answer after.

Invariant: lower_s <= upper_s, and there is no outage where every call was answered ok.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl

from poster.judge.evidence import under_way


@dataclasses.dataclass(frozen=True, slots=True)
class Outage:
    """The longest one; seconds."""

    s: float
    lower_s: float
    upper_s: float | None  # None: no good answer came before it, or none after it
    first_seq: int
    last_seq: int
    calls: int


def longest_outages(
    every: pl.LazyFrame, begin_ns: int, end_ns: int | None
) -> tuple[Outage | None, Outage | None]:
    """Return the longest outage over all calls, and the longest that one poster had by itself.

    Those count of which a call was under way between begin and end; None where there is none.
    """
    bad = every.filter(pl.col("outcome") != "ok").select("poster").unique().collect().to_series()
    if bad.is_empty():
        return None, None
    # Calls are by seq, and stay so where they were sent at once.
    by_sending = every.select(
        "seq",
        "poster",
        "sent_ns",
        pl.col("received_ns").fill_null(pl.col("sent_ns")),
        (pl.col("outcome") == "ok").alias("ok"),
        under_way(begin_ns, end_ns).alias("within"),
    ).sort("sent_ns", maintain_order=True)
    over_all = by_sending.with_columns(pl.lit(0, pl.Int64).alias("poster"))
    of_some = by_sending.filter(pl.col("poster").is_in(bad.implode()))
    by_poster = of_some.sort("poster", maintain_order=True)
    return _longest(_edges(over_all)), _longest(_edges(by_poster))


def _edges(calls: pl.LazyFrame) -> pl.DataFrame:
    """Return the calls that were not answered ok, and their neighbours."""
    bad = ~pl.col("ok")
    beside = bad.shift(1, fill_value=False) | bad.shift(-1, fill_value=False)
    return calls.filter(bad | beside).collect()


def _longest(calls: pl.DataFrame) -> Outage | None:
    """Return the longest outage of calls that are sorted by poster and sending."""
    ok, within = calls["ok"].to_numpy(), calls["within"].to_numpy()
    seq, poster, sent, received = (
        calls[name].to_numpy() for name in ("seq", "poster", "sent_ns", "received_ns")
    )
    if ok.all():
        return None
    turns = (np.diff(ok.astype(np.int8)) != 0) | (np.diff(poster) != 0)
    starts = np.concatenate([[0], np.flatnonzero(turns) + 1])
    ends = np.concatenate([starts[1:] - 1, [ok.size - 1]])
    bad = ~ok[starts] & (np.add.reduceat(within.astype(np.int64), starts) > 0)
    starts, ends = starts[bad], ends[bad]
    if starts.size == 0:
        return None
    before, after = np.maximum(starts - 1, 0), np.minimum(ends + 1, ok.size - 1)
    has_before = ok[before] & (poster[before] == poster[starts])
    has_after = ok[after] & (poster[after] == poster[starts])
    from_ns = np.where(has_before, received[before], sent[starts])
    to_ns = np.where(has_after, received[after], np.maximum(received[ends], sent[ends]))
    place = int(np.argmax(to_ns - from_ns))
    first, last = starts[place], ends[place]
    # Calls overlap, so an answer to an earlier call may come after one to a later call.
    lower_ns = max(0, int(sent[last] - received[first]))
    upper_ns = max(lower_ns, int(received[after[place]] - sent[before[place]]))
    return Outage(
        s=max(0, int(to_ns[place] - from_ns[place])) / 1e9,
        lower_s=lower_ns / 1e9,
        upper_s=upper_ns / 1e9 if has_before[place] and has_after[place] else None,
        first_seq=int(seq[first]),
        last_seq=int(seq[last]),
        calls=int(last - first + 1),
    )
