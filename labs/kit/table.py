"""A table of findings: for the terminal, and for the README that quotes it. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from poster.report.table import in_columns, in_markdown


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """Named columns and rows of text."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def text(self) -> str:
        """Return the table for a terminal, in columns, with a final newline."""
        return f"{self.title}\n\n{in_columns(self.columns, self.rows)}"

    def markdown(self) -> str:
        """Return the table as Markdown, its title above, with a final newline."""
        return f"*{self.title}*\n\n{in_markdown(self.columns, self.rows)}"
