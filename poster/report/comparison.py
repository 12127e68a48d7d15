"""The comparison of runs as a table: for a terminal, for Markdown, for programs."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Sequence
from typing import Literal

from poster.judge.compare import Line, latency_ms, to_json
from poster.judge.statistics import STALE_PERCENT
from poster.report.table import in_columns, in_markdown

# Heading, its explanation, and how a line fills the cell.
Column = tuple[str, str, Callable[[Line], str]]
_WHICH: tuple[Column, ...] = (
    ("way", "", lambda line: line.way),
    ("lag", "simulated propagation, or real", lambda line: line.propagation),
)
_ANSWER: tuple[Column, ...] = (
    ("deploy", "deploy-started to deploy-finished", lambda line: _seconds(line.deploy_s)),
    ("window", "first new to last old", lambda line: _seconds(line.window_s)),
    ("safe", "after the deploy command, upper bound", lambda line: _seconds(line.safe_s)),
    ("stale", "old answers within the window", lambda line: _stale(line)),
    ("back to old", "new, then old again, for one poster", lambda line: str(line.inversions)),
    ("failed", "calls", lambda line: str(line.failed)),
    ("unknown", "calls without an answer", lambda line: str(line.unknown)),
    ("lost", "acknowledged writes", lambda line: str(line.lost)),
    ("verdict", "", lambda line: line.verdict),
)
_MORE: tuple[Column, ...] = (
    ("first new", "from deploy-started", lambda line: _seconds(line.first_new_s)),
    (
        "settled by",
        f"upper bound, under {STALE_PERCENT} stale",
        lambda line: _seconds(line.settled_by_s),
    ),
    ("in stage", "old answers while the first weight was held", lambda line: _in_stage(line)),
    ("outage", "longest without an ok answer", lambda line: _outage(line)),
    ("chimeras", "old code with new configuration", lambda line: str(line.chimeras)),
    ("p50", "ms, from the switch until settled", lambda line: _milliseconds(line.p50_during_ms)),
    ("p99", "ms, from the switch until settled", lambda line: _milliseconds(line.p99_during_ms)),
)
_OF_MIXTURES: tuple[Column, ...] = (
    ("old p50", "ms, while both answered", lambda line: _beside(line, "old", "p50")),
    ("new p50", "ms, while both answered", lambda line: _beside(line, "new", "p50")),
    ("old p99", "ms, while both answered", lambda line: _beside(line, "old", "p99")),
    ("new p99", "ms, while both answered", lambda line: _beside(line, "new", "p99")),
)
_COLUMNS = {each[0]: each for each in (*_WHICH, *_ANSWER, *_MORE, *_OF_MIXTURES)}
_LEFT = {"way", "lag", "verdict"}


def render_text(lines: Sequence[Line]) -> str:
    """Return the runs in columns: tables below one another, each for 120 characters."""
    tables = _tables(lines)
    notes = [textwrap.fill(note, 100) for note in _notes(lines, tables)]
    return "\n".join([*(in_columns(*_cells(lines, each)) for each in tables), *notes]) + "\n"


def render_markdown(lines: Sequence[Line], only: Sequence[str] = ()) -> str:
    """Return the same tables for Markdown, or one table of the columns named."""
    tables = [_named(only)] if only else _tables(lines)
    shown = [in_markdown(*_cells(lines, each)) for each in tables]
    return "\n".join([*shown, *_notes(lines, tables)]) + "\n"


def markdown_table(lines: Sequence[Line], only: Sequence[str]) -> str:
    """Return one table for Markdown, of the columns named and without notes."""
    return in_markdown(*_cells(lines, _named(only)))


def render_json(lines: Sequence[Line]) -> str:
    """Return the lines with their numbers unrounded."""
    return json.dumps(to_json(list(lines)), indent=2, ensure_ascii=False) + "\n"


def _named(names: Sequence[str]) -> list[Column]:
    return [_COLUMNS[name] for name in names]


def _tables(lines: Sequence[Line]) -> list[list[Column]]:
    """Return the columns of each table, the answer first; that of mixtures where there was one."""
    is_mixed = any(any(line.side_by_side) for line in lines)
    return [[*_WHICH, *each] for each in (_ANSWER, _MORE, *([_OF_MIXTURES] if is_mixed else []))]


def _cells(
    lines: Sequence[Line], columns: Sequence[Column]
) -> tuple[list[str], list[list[str]], set[str]]:
    """Return the headings, the rows, and which columns are aligned to the right."""
    head = [name for name, _, _ in columns]
    return head, [[fill(line) for _, _, fill in columns] for line in lines], set(head) - _LEFT


def _notes(lines: Sequence[Line], tables: Sequence[Sequence[Column]]) -> list[str]:
    meanings = {name: meaning for table in tables for name, meaning, _ in table if meaning}
    said = ["; ".join(f"{name}: {meaning}" for name, meaning in meanings.items()) + "."]
    if any(line.deploys > 1 for line in lines):
        said.append("Several deploys in a run: times and shares are medians, counts are totals.")
    if any(line.propagation != "real" for line in lines):
        said.append("Lags are simulated propagation: a model, not a measurement of a region.")
    return said


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def _outage(line: Line) -> str:
    if line.outage is None:
        return _seconds(line.outage_s or 0.0)
    upper_s = line.outage.upper_s
    upper = "open" if upper_s is None else f"{upper_s:.2f}"
    return f"{_seconds(line.outage.s)} ({line.outage.lower_s:.2f} to {upper})"


def _beside(line: Line, age: Literal["old", "new"], quantile: str) -> str:
    found = latency_ms(line, age, quantile)
    if found is None:
        return "-"
    value, low, high = found
    interval = f" ({_milliseconds(low)} to {_milliseconds(high)})"
    return _milliseconds(value) + ("" if low is None and high is None else interval)


def _stale(line: Line) -> str:
    return _share(line.stale_share, None if line.window_s == 0 else line.stale_ci)


def _in_stage(line: Line) -> str:
    return _share(line.stage_share, line.stage_ci)


def _share(share: float | None, interval: tuple[float, float] | None) -> str:
    if share is None:
        return "-"
    if interval is None:
        return f"{share:.0%}"
    low, high = interval
    return f"{share:.0%} ({low:.0%} to {high:.0%})"
