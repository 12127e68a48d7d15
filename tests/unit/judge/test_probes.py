"""Probes beside the posters: they sharpen what is measured, and are nobody's write."""

from __future__ import annotations

import dataclasses

import polars as pl
from msgspec import structs

from poster.judge.analysis import analyse
from poster.judge.transition import transitions_in
from poster.report import text
from poster.report.excerpt import excerpt
from poster.rows.history import History
from poster.rows.merge import merge
from poster.rows.record import PROBER, Observation
from tests.support.histories import RUN, history_of, rows


def probed(calls: str, every: int = 2) -> History:
    """Return a history in which every other call is a probe."""
    return history_of(
        structs.replace(row, poster=PROBER, todo_id=f"t00-{row.seq:04d}")
        if isinstance(row, Observation) and row.seq % every
        else row
        for row in rows(calls)
    )


def test_a_probe_without_a_row_in_the_table_is_no_lost_write() -> None:
    made = probed("aaaa|" + "b" * 300)
    written = made.observations.filter(pl.col("poster") != PROBER)
    table = written.select(
        "todo_id",
        pl.lit("x").alias("title"),
        pl.col("server_ms").alias("created_at"),
        pl.col("marker").cast(pl.String),
    )
    result = analyse(made, table)
    assert (result.checks["lost_writes"].count, result.calls.probes) == (0, 152)
    assert result.verdict == "clean"


def test_a_probe_answered_by_old_code_is_a_stale_answer() -> None:
    # Call 7 is a probe.
    result = analyse(probed("aaaa|bba" + "b" * 300), None)
    assert result.verdict == "mixed"
    assert result.witness.startswith("call 7, ")


def test_a_probe_that_fails_is_a_failure() -> None:
    assert analyse(probed("a" * 300 + "|" + "!b" * 20 + "b" * 300), None).verdict == "broken"


def test_what_is_said_of_posters_leaves_probes_out() -> None:
    (transition,), _ = transitions_in(probed("aaaa|bba" + "b" * 300))
    assert transition.inversions == 0
    assert transition.calls_ok == 153


def test_the_published_excerpt_shows_posters_and_the_edges_of_the_window() -> None:
    made = probed("aaaaaa|bbabbbb")
    (transition,), _ = transitions_in(made)
    shown = [todo for _, todo, _ in excerpt(made, transition).rows]
    assert [todo for todo in shown if todo.startswith("t00")] == ["t00-0007", "t00-0009"]


def test_merged_probes_stay_probes_whatever_number_the_posters_get() -> None:
    first = probed("aaaa|" + "b" * 300)
    second = dataclasses.replace(first, run=structs.replace(RUN, run_id="other"))
    merged = merge([first, second])
    assert analyse(merged, None).calls.probes == 304
    assert analyse(merged, None).shared_todos == 152


def test_the_report_tells_probes_apart() -> None:
    made = probed("aaaa|" + "b" * 300)
    assert "304: 304 ok, 0 failed, 0 unknown; 152 of them probes" in text.render(
        analyse(made, None), made
    )
