"""A run's folder gets its result: for programs, for the terminal, and as a page."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from poster.errors import PosterError
from poster.judge.analysis import Result, analyse
from poster.report import json as report_json
from poster.report import text
from poster.rows import loading
from poster.rows.history import History

PAGE = "report.html"


class SavingError(PosterError):
    """A file of the result cannot be written; the history is as it was."""


def save_result(directory: Path) -> Result:
    """Analyse a run directory and save the result in it. Raises SavingError."""
    history = loading.load(directory)
    result = analyse(history, loading.load_rows(directory))
    save(result, history, directory)
    return result


def save(result: Result, history: History, directory: Path) -> None:
    """Write ``result.json``, ``report.txt`` and the page. Raises SavingError."""
    from poster.report import html  # the drawing library takes a second to load

    _write(directory / "result.json", lambda: report_json.render(result))
    _write(directory / "report.txt", lambda: text.render(result, history))
    _write(directory / PAGE, lambda: html.render(result, history))


def _write(path: Path, render: Callable[[], str]) -> None:
    rendered = render()
    try:
        path.write_text(rendered, encoding="utf-8")
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()  # half a file would be taken for a whole one
        raise SavingError(
            f"cannot write {path}: {error.strerror}; the history is whole, for"
            f" `poster report {path.parent}`"
        ) from error
