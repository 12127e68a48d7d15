"""Histories that a command names: read, merged where there are several, or one sentence and out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click
import polars as pl

from poster.cli import exit_codes
from poster.errors import PosterError
from poster.report.plain import plain_lines
from poster.rows import loading
from poster.rows.history import History
from poster.rows.journal import LATEST
from poster.rows.merge import in_memory, merge, merge_rows
from poster.rows.spill import on_disk


def runs_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the histories that a command reads."""
    paths = click.Path(path_type=Path)
    return click.argument("runs", metavar="[RUN]...", nargs=-1, type=paths)(command)


def read(runs: tuple[Path, ...]) -> tuple[History, pl.DataFrame | None]:
    """Return the history, by default the latest run's, and the dump of the store.

    Several histories of one experiment are merged into one. Ends the command where one cannot be
    read or they do not belong together.
    """
    paths = runs or (Path("runs") / LATEST,)
    try:
        loaded = loading.load_all(paths)
        history = merge(loaded, on_disk if any(each.kept_in for each in loaded) else in_memory)
        dumps = [loading.load_rows(path) for path in paths]
    except PosterError as error:
        end(f"{error}")
    return history, merge_rows([dump for dump in dumps if dump is not None])


def write(out: Path, rendered: str) -> None:
    """Write the file, or end the command."""
    try:
        out.write_text(rendered, encoding="utf-8")
    except OSError as error:
        end(f"cannot write {out}: {error.strerror}")


def end(sentence: str) -> NoReturn:
    """End the command: its input, or where it was to write, makes no sense."""
    click.echo(f"Error: {plain_lines(sentence)}", err=True)
    sys.exit(exit_codes.USAGE)
