"""N front ends that learn of an alias switch at different moments. Pure: time is passed in.

A *routing* is what an alias says: a version, and weights of other versions if it has any. Each
front end holds a routing of its own. When the alias *changes*, each front end draws a lag and
adopts the new routing that much later.

Invariant: a front end never goes back: once it has adopted a change it adopts no earlier one. A
change that overtakes an earlier one at a front end therefore replaces it there.
"""

from __future__ import annotations

import dataclasses
from random import Random

from poster.local.lag import Lag

FRONT_ENDS = 40  # nobody outside AWS knows how many there are: docs/propagation.md


@dataclasses.dataclass(frozen=True, slots=True)
class Routing:
    """What an alias says: its version, and the share of calls that goes to each other version."""

    version: str
    weights: tuple[tuple[str, float], ...] = ()

    def version_for(self, draw: float) -> str:
        """Return the version of the call whose draw, uniform in [0, 1), this is."""
        for version, weight in self.weights:
            if draw < weight:
                return version
            draw -= weight
        return self.version


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """One change of the alias, and when each front end adopts it.

    ``adopted_ns`` has one time per front end, on the clock of ``at_ns``; None where a later change
    overtook this one, so that the front end never had this routing.
    """

    at_ns: int
    before: Routing
    after: Routing
    lags_s: tuple[float, ...]
    adopted_ns: tuple[int | None, ...]

    @property
    def settled_ns(self) -> int:
        """Return when the last front end that adopts this change does."""
        return max((each for each in self.adopted_ns if each is not None), default=self.at_ns)


class FrontEnds:
    """The views of all front ends, and the changes that made them."""

    def __init__(self, count: int, lag: Lag, seed: str, routing: Routing) -> None:
        """Let every front end start with ``routing``."""
        self._lag = lag
        self._seed = seed
        self._newest = routing
        # Per front end: (from when, number of the change or None, routing), in order of time.
        self._views: list[list[tuple[int, int | None, Routing]]] = [
            [(0, None, routing)] for _ in range(count)
        ]
        self._changes: list[tuple[int, Routing, Routing, tuple[float, ...]]] = []

    def __len__(self) -> int:
        return len(self._views)

    @property
    def newest(self) -> Routing:
        """Return what the alias says now, adopted or not."""
        return self._newest

    @property
    def changes(self) -> list[Change]:
        """Return all changes so far, in order."""
        return [
            Change(at_ns, before, after, lags_s, self._adopted(number))
            for number, (at_ns, before, after, lags_s) in enumerate(self._changes)
        ]

    def change(self, routing: Routing, at_ns: int) -> None:
        """Take note that the alias says ``routing`` since ``at_ns``, and draw everybody's lag."""
        number = len(self._changes)
        # A random source per change: lags depend on the seed and the number of the change, not on
        # how many calls were served or drawn for before it.
        random = Random(f"{self._seed}/lags/{number}")
        lags_s = tuple(self._lag.draw_s(random) for _ in self._views)
        for view, lag_s in zip(self._views, lags_s, strict=True):
            adopted_ns = at_ns + round(lag_s * 1e9)
            while view[-1][1] is not None and view[-1][0] >= adopted_ns:
                view.pop()
            view.append((adopted_ns, number, routing))
        self._changes.append((at_ns, self._newest, routing, lags_s))
        self._newest = routing

    def routing(self, front_end: int, at_ns: int) -> Routing:
        """Return what that front end (0..count-1) believes at that time."""
        for since_ns, _, routing in reversed(self._views[front_end]):
            if since_ns <= at_ns:
                return routing
        return self._views[front_end][0][2]

    def _adopted(self, number: int) -> tuple[int | None, ...]:
        return tuple(
            next((since_ns for since_ns, change, _ in view if change == number), None)
            for view in self._views
        )
