"""Who answers, and is it only the new release by now? Decided as the calls end. Pure.

Nobody says what the new release will be called, so it is whoever did not answer before the deploy:
any text that an answer names, a version or a marker, tells one release from another. Callers are
*settled* when so many answers in a row were by one release that is new; the same number in a row by
one that was there before says that nothing new comes.

*In a row* counts answers to calls that were sent after the last answer by somebody else came in,
and none to a call that was sent before the deploy ended.

Invariant: an answer of another release starts the count again, whenever it comes.
"""

from __future__ import annotations

import dataclasses
import math

from poster.rows.record import Observation

STALE_SHARE, CONFIDENCE = 0.01, 0.99

# So many answers in a row come about with probability 0.01 if 1 % of them were still by another.
IN_A_ROW = math.ceil(math.log1p(-CONFIDENCE) / math.log1p(-STALE_SHARE))

Who = tuple[str | None, str | None]  # version and marker, as an answer names them


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """What ends the wait: so many answers in a row or, where it is given, so long nobody else's."""

    in_a_row: int = IN_A_ROW
    quiet_s: float | None = None


class Settling:
    """The calls of one run."""

    def __init__(self, rule: Rule) -> None:
        self.calls = 0
        self.ok = 0
        self.last_failed: Observation | None = None
        self.in_a_row = 0
        self.current: Who = (None, None)
        self._rule = rule
        self._seen: set[Who] = set()
        self._before: frozenset[Who] = frozenset()
        self._from_ns = 0  # a call sent before that proves nothing
        self._last_ns = 0  # arrival of the newest answer

    @property
    def before(self) -> frozenset[Who]:
        """Return who answered before the deploy."""
        return self._before

    @property
    def is_unnamed(self) -> bool:
        """Whether no answer has named its release."""
        return self._seen == {(None, None)}

    @property
    def is_settled(self) -> bool:
        """Whether only a release answers that did not answer before the deploy."""
        return self._is_alone and self.current not in self._before

    @property
    def is_unchanged(self) -> bool:
        """Whether only a release answers that did so before the deploy."""
        return self._is_alone and self.current in self._before

    @property
    def _is_alone(self) -> bool:
        if self._rule.quiet_s is not None:
            return self.in_a_row > 0 and self._last_ns - self._from_ns >= self._rule.quiet_s * 1e9
        return self.in_a_row >= self._rule.in_a_row

    def deploy_begins(self) -> None:
        """Whoever answered so far is old."""
        self._before = frozenset(self._seen)

    def deploy_ended(self, at_ns: int) -> None:
        """Count from now on."""
        self.in_a_row, self._from_ns = 0, at_ns

    def saw(self, call: Observation) -> None:
        """Take note of a call that has ended; only ok answers say who is there."""
        self.calls += 1
        if call.outcome != "ok" or call.received_ns is None:
            self.last_failed = call
            return
        self.ok += 1
        who = (call.function_version, call.marker)
        self._seen.add(who)
        if who != self.current:
            # The newest of the others' answers may have come in later than this one.
            self._from_ns = max(self._from_ns, self._last_ns)
            self.current, self.in_a_row = who, 0
        self._last_ns = max(self._last_ns, call.received_ns)
        self.in_a_row += call.sent_ns > self._from_ns
