"""A run's folder gets its result: for programs, for the terminal, and as a page."""

from __future__ import annotations

from pathlib import Path

from poster.judge.analysis import Result, analyse
from poster.report import json as report_json
from poster.report import text
from poster.rows import loading

PAGE = "report.html"


def save_result(directory: Path) -> Result:
    """Analyse a run directory and write ``result.json``, ``report.txt`` and the page into it."""
    from poster.report import html  # the drawing library takes a second to load

    run_history = loading.load(directory)
    result = analyse(run_history, loading.load_rows(directory))
    (directory / "result.json").write_text(report_json.render(result), encoding="utf-8")
    (directory / "report.txt").write_text(text.render(result, run_history), encoding="utf-8")
    (directory / PAGE).write_text(html.render(result, run_history), encoding="utf-8")
    return result
