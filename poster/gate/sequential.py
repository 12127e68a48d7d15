"""Do callers get the new version? A test over probes, decided as they end. Pure.

A *probe* is one call; it *says* new or old (which version answered), or nothing (a cache answered,
it failed, or its outcome is unknown). New answers *in a row* are a *run*; any old answer ends it.

If a share p of the calls were still old, n new answers in a row would come about with probability
(1 - p)^n. A wait sees many runs, and the bound is to hold for all of them together. So a run is
only looked at when it has reached m = ceil(1 / p) answers: that makes it *attempt* j, which passes
with n_j more, where (1 - p)^n_j <= alpha w_j. The weights w add up to 1: P(ever passed while the
stale share is p or more) <= alpha (``docs/gate.md`` has the proof).

The *deciding probes* are those of the run, with the ones that said nothing. They must also be shown
to keep the limits: failures, slow ones (``limits``). A run that is shown to exceed one is thrown
away as by an old answer; when nothing else has come for as many probes as a pass would have taken,
the release is *broken*.

*In a row* is in the order of sending: an answer counts when every probe sent before it has ended.
Otherwise the quick answers would decide and the slow ones, which may be the old ones, would not.
A probe that was sent before an old answer arrived never counts towards the run after it.

Invariant: whatever the order in which probes end, the run holds only probes sent after the arrival
of the last old answer.
"""

from __future__ import annotations

import collections
import dataclasses
import math
from typing import Literal

from poster.gate.limits import exceeded, kept

Said = Literal["new", "old", "cached", "fail", "unknown"]

_FIRST_WEIGHT = 0.8  # of alpha, for the first attempt: most waits need no other
SLOW_SHARE = 0.01  # a 99th percentile over its limit is a share of slow probes over this one


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """What the gate may get wrong, with probability 1 - confidence at most, and what may fail."""

    stale_share: float = 0.01
    confidence: float = 0.99
    max_fail_share: float = 0.02  # of the deciding probes; unknown outcomes are failures
    max_p99_ms: float | None = None

    @property
    def attempt_at(self) -> int:
        """Return m: a run of that many new answers becomes an attempt."""
        return math.ceil(1 / self.stale_share)

    def alpha(self, attempt: int) -> float:
        """Return what attempt 1, 2, 3 ... may add to the probability of a false release."""
        weight = (1 - _FIRST_WEIGHT) / ((attempt - 1) * attempt) if attempt > 1 else _FIRST_WEIGHT
        return (1 - self.confidence) * weight

    def needed(self, attempt: int) -> int:
        """Return k_j: how many new answers in a row that attempt takes."""
        more = math.log(self.alpha(attempt)) / math.log1p(-self.stale_share)
        return self.attempt_at + math.ceil(more)


@dataclasses.dataclass(slots=True)
class Run:
    """The deciding probes."""

    probes: int = 0
    new: int = 0
    failed: int = 0
    slow: int = 0
    first_sent_ns: int = 0
    last_ended_ns: int = 0


class SequentialTest:
    """The test at one endpoint. ``seq`` numbers its probes 1, 2, 3 ... in the order of sending."""

    def __init__(self, rule: Rule) -> None:
        self.said: collections.Counter[Said] = collections.Counter()
        self.run = Run()
        self.attempts = 0
        self.restarts = 0  # runs that an old answer ended
        self.spoilt: Literal["failures", "p99"] | None = None  # the limit last exceeded
        self._rule = rule
        self.spoilt_probes = self.spoilt_bad = 0
        self._last_old_ns = -1
        self._next_seq = 1
        self._ahead: dict[int, tuple[int, int, Said]] = {}

    @property
    def in_a_row(self) -> int:
        """Return the new answers of the run."""
        return self.run.new

    @property
    def needed(self) -> int:
        """Return how many of them it takes in this attempt, or in the next one."""
        is_attempt = self.run.new >= self._rule.attempt_at
        return self._rule.needed(self.attempts + (not is_attempt))

    @property
    def passed(self) -> bool:
        """Return whether the run is long enough and keeps the limits."""
        if self.run.new < self._rule.attempt_at or self.run.new < self.needed:
            return False
        return self._keeps_limits(self._rule.alpha(self.attempts))

    @property
    def is_broken(self) -> bool:
        """Return whether limits were exceeded for as many probes as a pass would have taken."""
        return self.spoilt_probes >= self._rule.needed(1)

    def ended(self, seq: int, sent_ns: int, ended_ns: int, said: Said) -> None:
        """Take note of a probe, as soon as it has ended."""
        self.said[said] += 1
        if said == "old":
            # At once, not in its turn: a run that is complete must not outlive it.
            self.restarts += self.run.new > 0
            self._last_old_ns = max(self._last_old_ns, ended_ns)
            self.run = Run()
            self._forgive()
        self._ahead[seq] = (sent_ns, ended_ns, said)
        while self._next_seq in self._ahead:
            self._count(*self._ahead.pop(self._next_seq))
            self._next_seq += 1

    def _count(self, sent_ns: int, ended_ns: int, said: Said) -> None:
        if said == "old" or sent_ns <= self._last_old_ns:
            return
        run, most_ms = self.run, self._rule.max_p99_ms
        if run.probes == 0:
            run.first_sent_ns = sent_ns
        run.probes += 1
        run.failed += said in ("fail", "unknown")
        run.slow += said == "unknown" or (
            most_ms is not None and ended_ns - sent_ns > most_ms * 1e6
        )
        if said == "new":
            run.new += 1
            run.last_ended_ns = max(run.last_ended_ns, ended_ns)
            self.attempts += run.new == self._rule.attempt_at
        if run.failed or run.slow or self.spoilt:
            self._hold_against_limits()

    def _hold_against_limits(self) -> None:
        alpha, run = 1 - self._rule.confidence, self.run
        for name, bad, limit in self._limits():
            if exceeded(run.probes - bad, bad, limit, alpha):
                self.spoilt = name
                self.spoilt_probes += run.probes
                self.spoilt_bad += bad
                self.run = Run()
                return
        if self.spoilt and self._keeps_limits(alpha):
            self._forgive()

    def _forgive(self) -> None:
        self.spoilt, self.spoilt_probes, self.spoilt_bad = None, 0, 0

    def _keeps_limits(self, alpha: float) -> bool:
        probes = self.run.probes
        return all(kept(probes - bad, bad, limit, alpha) for _, bad, limit in self._limits())

    def _limits(self) -> list[tuple[Literal["failures", "p99"], int, float]]:
        rule, run = self._rule, self.run
        limits: list[tuple[Literal["failures", "p99"], int, float]] = [
            ("failures", run.failed, rule.max_fail_share)
        ]
        if rule.max_p99_ms is not None:
            limits.append(("p99", run.slow, SLOW_SHARE))
        return limits
