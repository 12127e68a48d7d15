"""When is a call due? Pure: functions of what has happened so far, no clock.

*Closed loop*: a poster calls, waits for the answer, pauses, calls again. Its rate falls when the
server slows down, which is how the published experiment ran. *Open loop*: calls are due at planned
instants, whatever has come back by then.

An *agenda* is one run of a loop: it says when the next call is due, hands calls out in the order
in which they are due, and is told when they end. Times are nanoseconds on the run's clock.

Invariant: an open loop's planned instants depend on its settings and its start alone, never on
when a call was taken or ended.
"""

from __future__ import annotations

import dataclasses
import heapq
import random
from collections.abc import Iterator
from typing import Literal, Protocol

from poster.rows.record import PROBER

Arrivals = Literal["constant", "poisson"]

MAX_IN_FLIGHT = 500
POSTERS, PAUSE_S = 3, 0.3  # of the published experiment, and where nothing else is said


class Agenda(Protocol):
    """The calls of one run that are still to be made."""

    def next_due_ns(self) -> int | None:
        """Return when the next call is due; None until a call ends or, with none open, for ever."""

    def take(self) -> tuple[int, int]:
        """Take the next call off the agenda: its planned instant and its poster."""

    def ended(self, poster: int, ended_ns: int) -> None:
        """Take note that a call of this poster has ended."""


@dataclasses.dataclass(frozen=True, slots=True)
class ClosedLoop:
    """Call, wait, pause, call.

    The posters start ``pause / posters`` apart, so that they do not call in step. Beside them some
    ``probers`` may do the same with a pause of their own; all go by the one number ``PROBER``.
    """

    posters: int
    pause_s: float
    probers: int = 0
    probe_pause_s: float = 0.0

    @property
    def max_in_flight(self) -> int:
        """Return how many calls there can be at once."""
        return self.posters + self.probers

    def first_due_ns(self, poster: int) -> int:
        """Return when the poster (1..posters) is due for its first call, ns after the start."""
        return round(self.pause_s * 1e9) * (poster - 1) // self.posters

    def next_due_ns(self, ended_ns: int) -> int:
        """Return when a poster is due again whose last call ended at ``ended_ns``."""
        return ended_ns + round(self.pause_s * 1e9)

    def agenda(self, posters: tuple[int, ...], start_ns: int) -> Agenda:
        """Return the agenda of a run that starts at ``start_ns``."""
        first = [
            (start_ns + self.first_due_ns(place), poster)
            for place, poster in enumerate(posters, start=1)
        ]
        probe_pause_ns = round(self.probe_pause_s * 1e9)
        first += [
            (start_ns + probe_pause_ns * place // self.probers, PROBER)
            for place in range(self.probers)
        ]
        return _ClosedAgenda(first, self.next_due_ns(0), probe_pause_ns)


@dataclasses.dataclass(frozen=True, slots=True)
class OpenLoop:
    """A planned instant for every call: evenly spaced, or a Poisson process of that rate.

    Ends after ``duration_s`` (which no instant reaches) or ``calls``, whichever comes first, and
    otherwise not by itself.
    """

    rate_per_s: float
    arrivals: Arrivals = "constant"
    seed: int = 0
    duration_s: float | None = None
    calls: int | None = None
    max_in_flight: int = MAX_IN_FLIGHT  # what is due beyond it is dropped and counted

    def planned_ns(self) -> Iterator[int]:
        """Yield the planned instants, ns after the start."""
        end_ns = None if self.duration_s is None else round(self.duration_s * 1e9)
        for count, at_ns in enumerate(self._instants_ns()):
            if count == self.calls or (end_ns is not None and at_ns >= end_ns):
                return
            yield at_ns

    def agenda(self, posters: tuple[int, ...], start_ns: int) -> Agenda:
        """Return the agenda of a run that starts at ``start_ns``; posters take turns."""
        return _OpenAgenda((start_ns + at_ns for at_ns in self.planned_ns()), posters)

    def _instants_ns(self) -> Iterator[int]:
        if self.arrivals == "constant":
            count = 0
            while True:
                # From the count, not by adding up: rounding must not make the rate drift.
                yield round(count * 1e9 / self.rate_per_s)
                count += 1
        draw = random.Random(self.seed)
        at_s = 0.0
        while True:
            at_s += draw.expovariate(self.rate_per_s)
            yield round(at_s * 1e9)


Loop = ClosedLoop | OpenLoop


class _ClosedAgenda:
    def __init__(self, first: list[tuple[int, int]], pause_ns: int, probe_pause_ns: int) -> None:
        self._pause_ns = pause_ns
        self._probe_pause_ns = probe_pause_ns
        self._due = first
        heapq.heapify(self._due)

    def next_due_ns(self) -> int | None:
        return self._due[0][0] if self._due else None

    def take(self) -> tuple[int, int]:
        return heapq.heappop(self._due)

    def ended(self, poster: int, ended_ns: int) -> None:
        pause_ns = self._probe_pause_ns if poster == PROBER else self._pause_ns
        heapq.heappush(self._due, (ended_ns + pause_ns, poster))


class _OpenAgenda:
    def __init__(self, instants_ns: Iterator[int], posters: tuple[int, ...]) -> None:
        self._instants_ns = instants_ns
        self._posters = posters
        self._taken = 0
        self._next_ns = next(instants_ns, None)

    def next_due_ns(self) -> int | None:
        return self._next_ns

    def take(self) -> tuple[int, int]:
        if self._next_ns is None:
            raise IndexError("no call is left on the agenda")
        planned_ns, self._next_ns = self._next_ns, next(self._instants_ns, None)
        poster = self._posters[self._taken % len(self._posters)]
        self._taken += 1
        return planned_ns, poster

    def ended(self, poster: int, ended_ns: int) -> None:
        """An open loop does not care."""
