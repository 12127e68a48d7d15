"""How each kind of answer looks: its name, its colour, and its place or sign in a strip.

Releases take turns above and below the middle of a lane and through the colours of the style
sheet, so two releases that follow each other differ in both. Answers are numbers, as in
``poster.report.page.sample``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

from poster.judge.analysis import ReleaseSeen
from poster.judge.releases import name_of
from poster.report.page.sample import FAILED, MOST_RELEASES, UNKNOWN, UNNAMED
from poster.report.plain import plain

COLOURS = 6  # in the style sheet
MOST_NAME = 40  # characters of a name that a stranger chose


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """How one kind of answer looks."""

    name: str
    colour: str  # a variable of the style sheet
    shape: Literal["above", "below", "cross", "ring"]


def looks_of(releases: Sequence[ReleaseSeen]) -> dict[int, Look]:
    """Return the look of each answer there may be."""
    looks = {
        number: Look(
            _name(release), f"var(--r{number % COLOURS})", "below" if number % 2 else "above"
        )
        for number, release in enumerate(releases[:MOST_RELEASES])
    }
    if len(releases) > MOST_RELEASES:
        looks[MOST_RELEASES] = Look("later releases", "var(--muted)", "below")
    looks[UNNAMED] = Look("ok, no release named", "var(--muted)", "above")
    looks[FAILED] = Look("failed", "var(--ink)", "cross")
    looks[UNKNOWN] = Look("unknown: no complete answer", "var(--ink)", "ring")
    return looks


def short(value: object) -> str:
    """Return a stranger's name made plain and no longer than fits."""
    written = plain(value)
    return written if len(written) <= MOST_NAME else f"{written[:MOST_NAME]}..."


def _name(release: ReleaseSeen) -> str:
    name = short(name_of(release.release))
    if release.marker in (None, release.release):
        return name
    return f"{name} ({short(release.marker)})"
