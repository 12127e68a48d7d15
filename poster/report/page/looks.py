"""How each kind of answer looks: its name, its colour, and its place or sign in a picture.

An answer looks by its role in the deploy that it fell into: old, new, or none at all. So a colour
means the same in every figure, however many releases a run has; old lies above the middle of its
lane and new below it, so nothing rests on colour alone. Roles are numbers, as in
``poster.report.page.sample``.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from poster.judge.analysis import ReleaseSeen
from poster.judge.releases import name_of
from poster.report.page.sample import FAILED, NEW, OLD, UNKNOWN, UNNAMED
from poster.report.plain import plain

MOST_NAME = 40  # characters of a name that a stranger chose


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """How one kind of answer looks."""

    name: str
    colour: str  # a variable of the style sheet
    shape: Literal["above", "below", "cross", "ring"]
    dot: str = "circle"  # where only a dot fits
    dash: tuple[int, ...] = (1, 0)  # of a line


LOOKS = {
    OLD: Look("old", "var(--old)", "above", dash=(5, 3)),
    NEW: Look("new", "var(--new)", "below", dot="square"),
    UNNAMED: Look("ok, no release named", "var(--muted)", "above"),
    FAILED: Look("failed", "var(--ink)", "cross"),
    UNKNOWN: Look("unknown: no complete answer", "var(--ink)", "ring"),
}


def short(value: object) -> str:
    """Return a stranger's name made plain and no longer than fits."""
    written = plain(value)
    return written if len(written) <= MOST_NAME else f"{written[:MOST_NAME]}..."


def release_name(release: ReleaseSeen) -> str:
    """Return a release's name with its marker, where that is another one."""
    name = short(name_of(release.release))
    if release.marker in (None, release.release):
        return name
    return f"{name} ({short(release.marker)})"
