"""What the starts say: tables, and the advice of guides held against them. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

from labs.kit.table import Table
from labs.settings.intervals import Estimate, median, ratio
from labs.settings.starts import BASE, VARIANTS, Start

Measure = Callable[[Start], float]


def cold(start: Start) -> float:
    """Return what stands between a caller and a first answer, in milliseconds."""
    return start.unpack_ms + start.init_ms + start.first_ms


def warm(start: Start) -> float:
    """Return the median of the environment's later calls, in milliseconds."""
    return statistics.median(start.warm_ms)


class Starts:
    """The starts of every variant, in the order of their rounds."""

    def __init__(self, starts: Sequence[Start]) -> None:
        self._by_variant: Mapping[str, list[Start]] = {
            variant.name: sorted(
                (each for each in starts if each.variant == variant.name), key=lambda s: s.round
            )
            for variant in VARIANTS
        }
        self.rounds = len(self._by_variant[BASE.name])

    def median(self, variant: str, measure: Measure) -> Estimate:
        """Return the variant's own, in milliseconds."""
        return median([measure(each) for each in self._by_variant[variant]])

    def ratio(self, variant: str, measure: Measure) -> Estimate:
        """Return how often the base's that is."""
        theirs = [measure(each) for each in self._by_variant[BASE.name]]
        return ratio([measure(each) for each in self._by_variant[variant]], theirs)


def starts_table(starts: Starts) -> Table:
    """Return what a first answer and the later ones take."""
    rows = [
        (
            variant.name,
            f"{starts.median(variant.name, cold):.0f}",
            "1" if variant == BASE else f"{starts.ratio(variant.name, cold):.2f}",
            *(
                f"{starts.median(variant.name, part).value:.0f}"
                for part in (lambda s: s.unpack_ms, lambda s: s.init_ms, lambda s: s.first_ms)
            ),
            f"{starts.median(variant.name, warm):.1f}",
            "1" if variant == BASE else f"{starts.ratio(variant.name, warm):.2f}",
        )
        for variant in VARIANTS
    ]
    return Table(
        f"Measured on RIE: {starts.rounds} environments of each variant, started in turns;"
        " medians, 95 % intervals in brackets, ratios to the first row within a round",
        (
            *("variant", "cold ms", "ratio", "unpack ms", "init ms", "first call ms"),
            *("warm call ms", "ratio"),
        ),
        rows,
    )
