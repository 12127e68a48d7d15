"""Do callers get the new version? A test over probes, decided as they end. Pure.

A *probe* is one call; it *says* new or old (which version answered), or nothing (it failed, or its
outcome is unknown). If a share p of the calls were still answered by old code, k new answers in a
row would come about with probability (1 - p)^k. So k = ln(1 - confidence) / ln(1 - p) of them are
needed, and any old answer starts the count again.

*In a row* is in the order of sending: an answer counts when every probe sent before it has ended.
Otherwise the quick answers would decide and the slow ones, which may be the old ones, would not.
A probe that was sent before an old answer arrived never counts towards the run after it.

Invariant: whatever the order in which probes end, ``in_a_row`` counts only probes sent after the
arrival of the last old answer.
"""

from __future__ import annotations

import collections
import dataclasses
import math
from typing import Literal

Said = Literal["new", "old", "fail", "unknown"]


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """What the gate may get wrong: at most this share of stale calls, but for 1 - confidence."""

    stale_share: float = 0.01
    confidence: float = 0.99

    @property
    def answers_needed(self) -> int:
        """Return k: how many new answers in a row it takes."""
        return math.ceil(math.log1p(-self.confidence) / math.log1p(-self.stale_share))

    def bound(self, in_a_row: int) -> float:
        """Return the probability of a run that long if the stale share were ``stale_share``."""
        return (1.0 - self.stale_share) ** in_a_row


class SequentialTest:
    """The test at one endpoint. ``seq`` numbers its probes 1, 2, 3 ... in the order of sending."""

    def __init__(self, rule: Rule) -> None:
        self.said: collections.Counter[Said] = collections.Counter()
        self.in_a_row = 0
        self.restarts = 0  # old answers that ended a run
        self.first_sent_ns = 0  # of the run
        self.last_ended_ns = 0
        self.needed = rule.answers_needed
        self._last_old_ns = -1
        self._next_seq = 1
        self._ahead: dict[int, tuple[int, int, Said]] = {}

    @property
    def passed(self) -> bool:
        """Return whether the run is long enough."""
        return self.in_a_row >= self.needed

    def ended(self, seq: int, sent_ns: int, ended_ns: int, said: Said) -> None:
        """Take note of a probe, as soon as it has ended."""
        self.said[said] += 1
        if said == "old":
            # At once, not in its turn: a run that is complete must not outlive it.
            self.restarts += self.in_a_row > 0
            self.in_a_row = 0
            self._last_old_ns = max(self._last_old_ns, ended_ns)
        self._ahead[seq] = (sent_ns, ended_ns, said)
        while self._next_seq in self._ahead:
            self._count(*self._ahead.pop(self._next_seq))
            self._next_seq += 1

    def _count(self, sent_ns: int, ended_ns: int, said: Said) -> None:
        if said != "new" or sent_ns <= self._last_old_ns:
            return
        if self.in_a_row == 0:
            self.first_sent_ns = sent_ns
        self.in_a_row += 1
        self.last_ended_ns = max(self.last_ended_ns, ended_ns)
