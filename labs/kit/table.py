"""A table of findings: for the terminal, and for the README that quotes it. Pure but for one write.

A README holds a table between two marker lines, which name it:

    <!-- measured: NAME -->
    <!-- end: NAME -->

Only a command writes between them, so a table in a README is never older than its last run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from rich.cells import cell_len

from poster.errors import PosterError
from poster.report.plain import plain


class ReadmeError(PosterError):
    """The README has no place for the table."""


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """Named columns and rows of text."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def text(self) -> str:
        """Return the table for a terminal, in columns, with a final newline."""
        lines = [self.columns, *self.rows]
        cells = [[plain(cell) for cell in line] for line in lines]
        widths = [
            max(cell_len(line[place]) for line in cells) for place in range(len(self.columns))
        ]
        aligned = [
            "  ".join(
                _padded(cell, width) for cell, width in zip(line, widths, strict=True)
            ).rstrip()
            for line in cells
        ]
        return "\n".join([self.title, "", *aligned]) + "\n"

    def markdown(self) -> str:
        """Return the table as Markdown, its title above, with a final newline."""
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        drawn = [f"| {' | '.join(_escaped(cell) for cell in line)} |" for line in lines]
        return "\n".join([f"*{self.title}*", "", *drawn]) + "\n"


def write_into(readme: Path, name: str, tables: Sequence[Table]) -> None:
    """Replace what stands between the markers of that name. Raises ReadmeError."""
    begin, end = f"<!-- measured: {name} -->\n", f"<!-- end: {name} -->"
    try:
        before, found, rest = readme.read_text(encoding="utf-8").partition(begin)
    except OSError as error:
        raise ReadmeError(f"cannot read {readme}: {error.strerror}") from None
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ReadmeError(f"{readme} has no lines {begin.strip()} and {end}; put them back")
    body = "\n".join(table.markdown() for table in tables)
    readme.write_text(f"{before}{begin}{body}{end}{after}", encoding="utf-8")


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - cell_len(cell))


def _escaped(cell: str) -> str:
    return plain(cell).replace("|", "\\|")
