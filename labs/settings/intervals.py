"""Medians and ratios with intervals that presume no distribution. Pure.

The interval of a median lies between two of the sorted values: the chance that the median is
outside is that of so many heads or tails among as many throws of a coin (H. A. David, H. N.
Nagaraja, Order Statistics, 2003, 7.1). A *ratio* is taken within each round, and the median of
these is given: what slowed the machine in a round slowed both.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence
from math import comb

CONFIDENCE = 0.95


@dataclasses.dataclass(frozen=True, slots=True)
class Estimate:
    """A median, and the bounds between which it lies with 95 %; None where values are too few."""

    value: float
    low: float | None
    high: float | None

    def __format__(self, spec: str) -> str:
        """Return the value and its bounds, each in that format."""
        if self.low is None or self.high is None:
            return f"{self.value:{spec}}"
        return f"{self.value:{spec}} ({self.low:{spec}} to {self.high:{spec}})"


def median(values: Sequence[float]) -> Estimate:
    """Return the median of at least one value."""
    ordered, place = sorted(values), _lowest(len(values))
    low, high = (None, None) if place is None else (ordered[place], ordered[-1 - place])
    return Estimate(statistics.median(ordered), low, high)


def ratio(values: Sequence[float], bases: Sequence[float]) -> Estimate:
    """Return the median of what each value is of the base of its round."""
    return median([value / base for value, base in zip(values, bases, strict=True)])


def _lowest(count: int) -> int | None:
    """Return the place of the lower bound among so many sorted values; None: too few for any."""
    below, place = 0.0, None
    for each in range(count // 2):
        below += comb(count, each) / 2**count
        if 1 - 2 * below < CONFIDENCE:
            return place
        place = each
    return place
