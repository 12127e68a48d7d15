"""What can have a budget: the names, their meaning and unit. Pure, and standard library only.

How each is measured stands in ``poster.judge.budgets``, which needs the analysis; a command line
needs the names alone.
"""

from __future__ import annotations

from typing import Literal, NamedTuple


class Meaning(NamedTuple):
    """What one budget is the most of."""

    said: str
    unit: Literal["s", "count"]


MEANINGS = {
    "window": Meaning("the longest mixing window", "s"),
    "settled": Meaning("until callers are settled, upper bound", "s"),
    "outage": Meaning("the longest stretch without an ok answer", "s"),
    "stale": Meaning("stale answers", "count"),
    "inversions": Meaning("times a poster got new code, then old", "count"),
    "fail": Meaning("calls that failed", "count"),
    "unknown": Meaning("calls of unknown outcome", "count"),
    "lost": Meaning("acknowledged writes that are not in the store", "count"),
    "chimeras": Meaning("answers of one release's code, another's settings", "count"),
}
