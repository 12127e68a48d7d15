"""How long does one front end keep routing to the old version after the alias moved? Pure.

A *lag* is seconds from the switch in the control plane to the moment when one front end has
adopted it. A *lag distribution* goes by a name that the command line takes and the history keeps:
``published``, ``instant``, ``seconds:X``, ``uniform:A,B`` or ``file:PATH``.

Its *stale share* S(t) is the probability that a lag is longer than t: with calls that land on
front ends at random, the probability that a call t seconds after the switch gets the old version.

Invariant: the same name and the same state of the random source give the same lag.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from random import Random
from typing import Protocol


class LagError(ValueError):
    """A lag distribution's name makes no sense; the message says what would."""


class Lag(Protocol):
    """A distribution of lags."""

    def draw_s(self, random: Random) -> float:
        """Return one lag in seconds."""

    def stale_share(self, t_s: float) -> float:
        """Return the probability that a lag is longer than ``t_s``, for ``t_s`` >= 0."""


@dataclasses.dataclass(frozen=True, slots=True)
class Seconds:
    """Every front end takes the same time."""

    value_s: float

    def draw_s(self, random: Random) -> float:
        """See Lag."""
        return self.value_s

    def stale_share(self, t_s: float) -> float:
        """See Lag."""
        return float(t_s < self.value_s)


@dataclasses.dataclass(frozen=True, slots=True)
class Uniform:
    """Any time between two bounds is as likely as any other."""

    least_s: float
    most_s: float

    def draw_s(self, random: Random) -> float:
        """See Lag."""
        return random.uniform(self.least_s, self.most_s)

    def stale_share(self, t_s: float) -> float:
        """See Lag."""
        if self.least_s == self.most_s:
            return float(t_s < self.most_s)
        return min(1.0, max(0.0, (self.most_s - t_s) / (self.most_s - self.least_s)))


@dataclasses.dataclass(frozen=True, slots=True)
class FastAndSlow:
    """A fast majority adopts the switch at once, a slow minority after an exponential time."""

    slow_share: float
    slow_mean_s: float

    def draw_s(self, random: Random) -> float:
        """See Lag. Two numbers are taken whichever way it goes, so that seeds stay comparable."""
        is_slow, slow_s = random.random() < self.slow_share, random.expovariate(1.0)
        return slow_s * self.slow_mean_s if is_slow else 0.0

    def stale_share(self, t_s: float) -> float:
        """See Lag."""
        return self.slow_share * math.exp(-t_s / self.slow_mean_s)


@dataclasses.dataclass(frozen=True, slots=True)
class FittedLag:
    """Lags somebody measured; one of them is drawn, with replacement."""

    values_s: tuple[float, ...]

    def draw_s(self, random: Random) -> float:
        """See Lag."""
        return random.choice(self.values_s)

    def stale_share(self, t_s: float) -> float:
        """See Lag."""
        return sum(value_s > t_s for value_s in self.values_s) / len(self.values_s)


# Maximum likelihood on the 126 published rows; made by studies.propagation.fit, which explains
# it in docs/propagation.md. A test fits anew and holds these two numbers against the result.
PUBLISHED = FastAndSlow(slow_share=0.277, slow_mean_s=3.15)

_NAMES = "published, instant, seconds:X, uniform:A,B or file:PATH"


def parse_lag(name: str, read_text: Callable[[str], str]) -> Lag:
    """Return the distribution of that name; ``read_text`` reads the file that ``file:`` names.

    A file holds one lag in seconds per line. Raises LagError, and whatever ``read_text`` raises.
    """
    kind, _, argument = name.partition(":")
    if name == "published":
        return PUBLISHED
    if name == "instant":
        return Seconds(0.0)
    if kind == "seconds":
        return Seconds(_seconds(name, argument))
    if kind == "uniform":
        least, comma, most = argument.partition(",")
        if not comma:
            raise LagError(f"lag {name!r} needs two bounds, as in uniform:0,5")
        bounds = Uniform(_seconds(name, least), _seconds(name, most))
        if bounds.least_s > bounds.most_s:
            raise LagError(f"lag {name!r} has its bounds the wrong way round")
        return bounds
    if kind == "file" and argument:
        values_s = tuple(_seconds(name, line) for line in read_text(argument).split())
        if not values_s:
            raise LagError(f"{argument} holds no lags; it takes one number of seconds per line")
        return FittedLag(values_s)
    raise LagError(f"there is no lag {name!r}; it is {_NAMES}")


def _seconds(name: str, text: str) -> float:
    try:
        value_s = float(text)
    except ValueError:
        value_s = math.nan
    if not 0 <= value_s < math.inf:
        raise LagError(f"lag {name!r}: {text!r} is not a number of seconds from 0 up")
    return value_s
