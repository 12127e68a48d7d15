"""The published experiment's rows as histories, so that one analysis judges both.

The table (run, created_at_ms, todo_id, marker) holds excerpts around three deploys, sorted by the
server's clock. When the calls were sent and answered is not known: both are set to the server's
time, so windows by the server's clock are right and nothing can be said about latency or skew.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from poster.rows.history import History, observations_frame
from poster.rows.record import Run

PAUSE_S = 0.3
POSTERS = 3


def load_published(path: Path) -> list[History]:
    """Return one history per run of the table, in the order of the runs."""
    table = pl.read_csv(path).sort("run", "created_at_ms", maintain_order=True)
    return [_history(key[0], rows) for key, rows in table.group_by("run", maintain_order=True)]


def _history(run: object, rows: pl.DataFrame) -> History:
    origin_ms = int(rows["created_at_ms"][0])
    observations = []
    for seq, (_, created_at_ms, todo_id, marker) in enumerate(rows.iter_rows(), start=1):
        at_ns = (created_at_ms - origin_ms) * 1_000_000
        observations.append(
            {
                "seq": seq,
                "poster": int(todo_id[1:3]),
                "todo_id": todo_id,
                "planned_ns": at_ns,
                "sent_ns": at_ns,
                "received_ns": at_ns,
                "outcome": "ok",
                "status": 200,
                "marker": marker,
                "server_ms": created_at_ms,
            }
        )
    return History(
        run=Run(
            run_id=f"published-{run}",
            origin_unix_ns=origin_ms * 1_000_000,
            target="aws",
            endpoint="",
            loop="closed",
            posters=POSTERS,
            pause_s=PAUSE_S,
        ),
        calls=observations_frame(observations).lazy(),
        steps=[],
    )
