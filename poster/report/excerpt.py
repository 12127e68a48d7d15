"""The published form of a switch: who answered, in the order of the server's clock.

    only aaa above
    1598499497427: t03-0057, aaa
    1598499498051: t01-0057, xxx
    only xxx below

Rows are the ok answers around the mixing window. Where not every answer carries the server's
time, the column is the answer's arrival on our clock, in the same unit (ms since the epoch).
"""

from __future__ import annotations

import dataclasses

import polars as pl

from poster.judge.releases import ok_answers
from poster.judge.transition import Transition
from poster.report.plain import clipped, plain
from poster.rows.history import History, is_probe

CONTEXT_ROWS = 5  # before first new and after last old, as published


@dataclasses.dataclass(frozen=True, slots=True)
class Excerpt:
    """Rows around one switch: (ms since the epoch, todo id, marker or else release)."""

    above: str
    rows: list[tuple[int, str, str]]
    below: str

    def lines(self, most: int | None = None) -> list[str]:
        """Return the published form; of more than ``most`` rows the middle is left out."""
        rows = [clipped(f"{at_ms}: {plain(todo)}, {plain(who)}") for at_ms, todo, who in self.rows]
        if most is not None and len(rows) > most:
            left_out = len(rows) - most
            rows[most // 2 : len(rows) - (most - most // 2)] = [f"... {left_out} rows left out ..."]
        return [clipped(self.above), *rows, clipped(self.below)]


def excerpt(history: History, transition: Transition) -> Excerpt:
    """Return the answers from shortly before first new to shortly after last old."""
    answers = ok_answers(history.calls)
    by_server = transition.is_ordered
    arrived_ns = pl.col("received_ns").fill_null(pl.col("sent_ns"))
    arrived_ms = (arrived_ns + history.run.origin_unix_ns) // 1_000_000
    served = pl.col("server_ms") if by_server else arrived_ns
    placed = answers.select(
        served.alias("served"),
        (served if by_server else arrived_ms).alias("at_ms"),
        "todo_id",
        pl.coalesce("marker", "release").cast(pl.String),
        "seq",
        "poster",
    )
    edges = pl.col("seq").is_in([transition.first_new_seq, transition.last_old_seq])
    start, end = (
        placed.filter(edges)
        .select(pl.col("served").min(), pl.col("served").max().alias("end"))
        .collect()
        .row(0)
    )
    order = ["served", "seq"]
    edge = edges | ~is_probe()  # as published: the posters' answers, and what the window is between
    placed = placed.filter(edge)
    shown = pl.concat(
        [
            placed.filter(pl.col("served") < start).top_k(CONTEXT_ROWS, by=order).sort(order),
            placed.filter(pl.col("served").is_between(start, end)).sort(order),
            placed.filter(pl.col("served") > end).bottom_k(CONTEXT_ROWS, by=order).sort(order),
        ]
    ).collect()
    rows = shown.select("at_ms", "todo_id", "marker").rows()
    return Excerpt(
        above=f"only {plain(rows[0][2])} above",
        rows=rows,
        below=f"only {plain(rows[-1][2])} below",
    )
