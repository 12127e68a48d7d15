"""Text that is safe on a terminal and fits its width.

Whatever comes out of a history (markers, todo ids, errors, end points) was written by someone
else. ``plain`` is the only way such text reaches a report.
"""

from __future__ import annotations

import textwrap

from rich.cells import cell_len, set_cell_size

WIDTH = 80


def plain(text: object) -> str:
    """Return the text with everything that a terminal might obey, or not show, written out."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode()
        for char in str(text)
    )


def plain_lines(text: str) -> str:
    """Return the same of text that may have several lines."""
    return "\n".join(map(plain, text.split("\n")))


def clipped(line: str, width: int = WIDTH) -> str:
    """Return the line, cut with an ellipsis where it has more than ``width`` columns."""
    return line if cell_len(line) <= width else set_cell_size(line, width - 3).rstrip() + "..."


def wrapped(text: str, indent: str = "") -> list[str]:
    """Return the text as lines that fit the width; words that do not are broken."""
    # An option stays whole: --version-from.
    lines = textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_on_hyphens=False)
    # textwrap counts characters; wide ones take two columns.
    return [clipped(line) for line in lines]
