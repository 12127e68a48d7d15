"""The parts of a page that a command writes: each stands between two lines that name it.

<!-- NAME: begin -->
<!-- NAME: end -->
"""

from __future__ import annotations


class NoSectionError(Exception):
    """The page has no place for it."""


def section(page: str, name: str) -> str:
    """Return what stands in the section. Raises NoSectionError."""
    return _parted(page, name)[1]


def filled(page: str, name: str, text: str) -> str:
    """Return the page with that text in the section of that name. Raises NoSectionError."""
    before, _, after = _parted(page, name)
    return f"{before}{text}{after}"


def _parted(page: str, name: str) -> tuple[str, str, str]:
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
    before, found, rest = page.partition(begin)
    text, closed, after = rest.partition(end)
    if not found or not closed:
        raise NoSectionError(f"the page has no lines {begin.strip()} and {end}; put them back")
    return f"{before}{begin}", text, f"{end}{after}"
