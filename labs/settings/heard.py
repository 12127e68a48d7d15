"""What callers heard while something was done to the function. Pure.

A call is *throttled* when it was turned away, which a REST API and an HTTP API do not say: their
answer is the code that is theirs for it. A call is *cold* when it was the first of its environment
and took at least as long as the init: it met the init.
"""

from __future__ import annotations

import collections
import dataclasses

import polars as pl

from poster.rows.history import History
from poster.rows.record import StepName

UNWARMED, KEPT = "nothing is warmed", "provisioned concurrency"  # settings, as tables name them
MIXED_NS = 2_500_000_000  # from the switch: both versions are called; the lag is shorter
INIT_NS = 400_000_000  # the function's, see function/app.py


@dataclasses.dataclass(frozen=True, slots=True)
class Heard:
    """The calls of one door while one thing was done under one setting."""

    setting: str
    door: str
    what: str
    history: History

    @property
    def calls(self) -> int:
        """Return how many there were."""
        return self.history.observations.height

    @property
    def failed(self) -> int:
        """Return how many were told no."""
        return self._count(pl.col("outcome") == "fail")

    @property
    def cold(self) -> int:
        """Return how many met an init."""
        took = pl.col("received_ns") - pl.col("sent_ns")
        return self._count(pl.col("cold_start").fill_null(False) & (took >= INIT_NS))

    @property
    def before_switch(self) -> tuple[int, int]:
        """Return how many failed of how many calls, until the alias moved."""
        return self._failed_of(pl.col("sent_ns") < self._switch_ns)

    @property
    def at_switch(self) -> tuple[int, int]:
        """Return how many failed of how many calls, while both versions were called."""
        since_ns = pl.col("sent_ns") - self._switch_ns
        return self._failed_of((since_ns >= 0) & (since_ns < MIXED_NS))

    @property
    def answer(self) -> str:
        """Return what most of those that failed were told; "-" where none was."""
        failed = self.history.observations.filter(pl.col("outcome") == "fail")
        told = collections.Counter(failed["error"].drop_nulls().to_list())
        return told.most_common(1)[0][0] if told else "-"

    @property
    def outage_s(self) -> float:
        """Return the seconds from the first failed call to the last, by when they were sent."""
        sent = self.history.observations.filter(pl.col("outcome") == "fail")["sent_ns"].to_list()
        return (max(sent) - min(sent)) / 1e9 if sent else 0.0

    @property
    def _switch_ns(self) -> int:
        return next(
            step.at_ns for step in self.history.steps if step.name == StepName.ALIAS_UPDATED
        )

    def _failed_of(self, which: pl.Expr) -> tuple[int, int]:
        return self._count(which & (pl.col("outcome") == "fail")), self._count(which)

    def _count(self, which: pl.Expr) -> int:
        return self.history.observations.filter(which).height


@dataclasses.dataclass(frozen=True, slots=True)
class Gated:
    """How the gate ended under a limit."""

    limit: str
    outcome: str
    waited_s: float
    at_a_time: int  # probes
    probes: int
    failed: int
    sentence: str
