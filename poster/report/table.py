"""Tables of text: in columns for a terminal, with bars for Markdown."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Sequence

from rich.console import Console
from rich.table import Table as Columns

from poster.report.plain import plain

_AS_WIDE_AS_IT_IS = 10_000


def in_columns(
    head: Sequence[str], rows: Iterable[Sequence[str]], right: Collection[str] = ()
) -> str:
    """Return the table in columns, those named in ``right`` aligned there; no line is broken."""
    table = Columns(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for name in head:
        table.add_column(plain(name), justify="right" if name in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*map(plain, row))
    out = io.StringIO()
    console = Console(file=out, width=_AS_WIDE_AS_IT_IS, color_system=None, markup=False)
    console.print(table, highlight=False)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def in_markdown(
    head: Sequence[str], rows: Iterable[Sequence[str]], right: Collection[str] = ()
) -> str:
    """Return the table as Markdown; a bar in a cell does not end it."""
    rule = ["---:" if name in right else "---" for name in head]
    lines = [head, rule, *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(text: str) -> str:
    return plain(text).replace("|", r"\|")
