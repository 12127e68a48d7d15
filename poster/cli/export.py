"""``poster export``: the calls of a history as a table, for other programs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import polars as pl

from poster.cli.reading import end, read, runs_argument
from poster.report.csv import write as write_csv

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@runs_argument
@click.option("--csv", type=FILE, metavar="FILE", help="Write CSV.")
@click.option("--parquet", type=FILE, metavar="FILE", help="Write Parquet.")
def export(runs: tuple[Path, ...], csv: Path | None, parquet: Path | None) -> None:
    """Write the calls of a history as CSV or Parquet, one row per call, by seq.

    The columns are the fields of an observation, with their units. RUN is a run directory or a
    history.jsonl, by default the latest run; several are merged, as `poster report` does, and two
    more columns say which run a call is from and which number it had there. In CSV a text that a
    spreadsheet would take for a formula begins with an apostrophe.
    """
    if csv is None and parquet is None:
        raise click.UsageError("name a file: --csv FILE or --parquet FILE")
    history, _ = read(runs)
    if csv is not None:
        _write(csv, partial(write_csv, history.calls))
    if parquet is not None:
        _write(parquet, history.calls.sink_parquet)


def _write(out: Path, writer: Callable[[Path], None]) -> None:
    try:
        writer(out)
    except (OSError, pl.exceptions.PolarsError) as error:
        end(f"cannot write {out}: {getattr(error, 'strerror', None) or error}")
