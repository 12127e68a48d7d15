"""A run as columns: one Polars frame of its observations, and a short list of its steps. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import polars as pl

from poster.errors import PosterError
from poster.rows.collected import Collected
from poster.rows.record import PROBER, Run, Step

OUTCOMES = pl.Enum(["ok", "fail", "unknown"])
COLUMNS: dict[str, pl.DataType] = {
    "seq": pl.Int64(),
    "poster": pl.Int64(),
    "todo_id": pl.String(),
    "planned_ns": pl.Int64(),
    "sent_ns": pl.Int64(),
    "received_ns": pl.Int64(),
    "outcome": OUTCOMES,
    "status": pl.Int64(),
    "marker": pl.Categorical(),
    "config_marker": pl.Categorical(),
    "function_version": pl.Categorical(),
    "instance_id": pl.Categorical(),
    "cold_start": pl.Boolean(),
    "server_ms": pl.Int64(),
    "request_id": pl.String(),
    "error": pl.String(),
    "pop": pl.Categorical(),
    "cache": pl.Categorical(),
    "connection": pl.Categorical(),
    "remote_ip": pl.Categorical(),
}
# As a line is parsed; what repeats becomes categorical after that, which is faster.
PARSED: Mapping[str, pl.DataType] = {
    "kind": pl.String(),
    **{
        name: pl.String() if dtype == pl.Categorical() else dtype for name, dtype in COLUMNS.items()
    },
    "function_version": pl.Categorical(),  # mostly numbers, of which a String does not say enough
}


class HistoryError(PosterError):
    """The file is no history; the message is one sentence that names the way out."""


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """One of the histories that were merged into one (``poster.rows.merge``)."""

    run_id: str
    calls: int
    skew_ms: float | None  # server's clock minus its own; None: placed by its wall clock
    error_ms: float | None
    steps: tuple[Step, ...] = ()  # its own, where the merged history has them


@dataclasses.dataclass(frozen=True, slots=True)
class History:
    """One run as columns: ``calls`` (its observations) by seq, ``steps`` by time.

    Calls may lie on disk: whoever reads them asks for the columns it needs. A merged history names
    its ``sources``; its calls have two columns more: ``run`` (the place of their source, from 1)
    and ``run_seq`` (their number there).
    """

    run: Run
    calls: pl.LazyFrame
    steps: list[Step]
    malformed_lines: int = 0
    torn_bytes: int = 0
    sources: tuple[Source, ...] = ()
    collected: Collected | None = None
    kept_in: object = None  # what the calls lie in, where that is not memory; theirs to hold

    @property
    def observations(self) -> pl.DataFrame:
        """Return all columns of all calls, in memory."""
        return self.calls.collect()

    @property
    def total(self) -> int:
        """Return how many calls there are."""
        return int(self.calls.select(pl.len()).collect().item())

    @property
    def first_sent_ns(self) -> int:
        """Return when the first call was sent, 0 where there is none."""
        return int(self.calls.select(pl.col("sent_ns").min()).collect().item() or 0)

    @property
    def last_sent_ns(self) -> int:
        """Return when the last call was sent, 0 where there is none."""
        return int(self.calls.select(pl.col("sent_ns").max()).collect().item() or 0)


def is_probe() -> pl.Expr:
    """Return which calls were probes: they write nothing, and no poster made them."""
    return pl.col("poster") == PROBER


def observations_frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Return rows of observation fields as the frame that ``load`` would have made of them."""
    return in_order([pl.DataFrame(rows, schema=COLUMNS)])


def in_order(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """Return frames with these columns as one, by ``seq``."""
    whole = pl.concat([pl.DataFrame(schema=COLUMNS), *frames], rechunk=False)
    return whole if whole["seq"].is_sorted() else whole.sort("seq", maintain_order=True)
