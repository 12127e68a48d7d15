"""For how long did callers get no good answer? Pure.

An *outage* is a stretch from one ok answer to the next in which a call was in trouble: it was not
answered ok, or it was kept waiting for longer than callers were used to. The service itself was out
for no less than from the end of the first of the calls that were not answered ok to the sending of
the last, or for as long as a call waited while nobody was answered; and for no more than from the
sending of the last good call before to the first good answer after.

Invariant: lower_s <= s <= upper_s, and where every call was answered ok in time there is no outage.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl

from poster.judge.evidence import under_way

# A call waits for too long beyond this, and beyond twice what 99 % of the calls took before.
PATIENCE_S = 1.0
_USUAL = 0.99


@dataclasses.dataclass(frozen=True, slots=True)
class Outage:
    """The longest one; seconds."""

    s: float
    lower_s: float
    upper_s: float | None  # None: no good answer came before it, or none after it
    first_seq: int
    last_seq: int
    calls: int  # in trouble


def longest_outages(
    every: pl.LazyFrame, begin_ns: int, end_ns: int | None
) -> tuple[Outage | None, Outage | None]:
    """Return the longest outage over all calls, and the longest that one poster had by itself.

    Those count of which a call in trouble was under way between begin and end; None where there
    is none.
    """
    calls = every.select(
        "seq",
        "poster",
        "sent_ns",
        pl.col("received_ns").fill_null(pl.col("sent_ns")).alias("ended_ns"),
        (pl.col("outcome") == "ok").alias("ok"),
        under_way(begin_ns, end_ns).alias("within"),
    )
    waited_ns = pl.col("ended_ns") - pl.col("sent_ns")
    before = calls.filter(pl.col("ok") & (pl.col("ended_ns") < begin_ns))
    usual_ns = before.select(waited_ns.quantile(_USUAL, "higher")).collect().item() or 0
    is_late = waited_ns > max(PATIENCE_S * 1e9, 2 * usual_ns)
    trouble = calls.filter(pl.col("within") & (~pl.col("ok") | is_late)).collect()
    if trouble.is_empty():
        return None, None
    good = calls.filter("ok").select("poster", "sent_ns", "ended_ns").collect().sort("ended_ns")
    of_posters = (
        _longest(own, good.filter(poster=own["poster"][0]))
        for own in trouble.partition_by("poster")
    )
    return _longest(trouble, good), max(of_posters, key=lambda each: each.s)


def _longest(trouble: pl.DataFrame, good: pl.DataFrame) -> Outage:
    """Return the longest outage of calls in trouble among good ones that are sorted by answer."""
    trouble = trouble.sort("sent_ns", "seq")
    sent, answered = trouble["sent_ns"].to_numpy(), good["ended_ns"].to_numpy()
    ended = np.maximum(trouble["ended_ns"].to_numpy(), sent + 1)  # what never ended has no length
    # Stretch i is from edge i to edge i + 1. Before the first good answer and after the last it
    # reaches as far as the calls in trouble do.
    begin, end = min([*sent[:1], *answered[:1]]), max([ended.max(), *answered[-1:]])
    edges = np.concatenate([[begin], answered, [end]])
    first = np.searchsorted(edges, sent, side="right") - 1
    last = np.searchsorted(edges, ended, side="left") - 1
    covering = np.zeros(edges.size, dtype=np.int64)
    np.add.at(covering, first, 1)
    np.add.at(covering, last + 1, -1)
    place = int(np.argmax(np.where(np.cumsum(covering)[:-1] > 0, np.diff(edges), -1)))
    from_ns, to_ns = int(edges[place]), int(edges[place + 1])
    met = (first <= place) & (place <= last)
    bad = met & ~trouble["ok"].to_numpy()
    between_ns = int(sent[bad].max() - ended[bad].min()) if bad.any() else 0
    late = met & ~bad
    waiting_ns = to_ns - max(from_ns, int(sent[late].min())) if late.any() else 0
    is_bounded = 0 < place < answered.size
    seq = trouble["seq"].to_numpy()[met]
    return Outage(
        s=(to_ns - from_ns) / 1e9,
        lower_s=max(0, min(to_ns - from_ns, max(between_ns, waiting_ns))) / 1e9,
        upper_s=(to_ns - int(good["sent_ns"][place - 1])) / 1e9 if is_bounded else None,
        first_seq=int(seq[0]),
        last_seq=int(seq[-1]),
        calls=seq.size,
    )
