"""What the probes of each endpoint said, counted, and said to a person. Pure.

An *answer* is a probe that ended ``ok``. It is *new* if it names what is expected, else *old*: also
when it names nothing, since the release before the first one that names itself is an old one too.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Sequence

from poster.gate.sequential import Rule, Said, SequentialTest
from poster.rows.record import Observation


@dataclasses.dataclass(frozen=True, slots=True)
class Expected:
    """What tells a new answer: its version, its marker, or both."""

    version: str | None = None
    marker: str | None = None

    def said_by(self, observation: Observation) -> Said:
        """Return what a probe says."""
        if observation.outcome != "ok":
            return observation.outcome
        is_new = self.version in (None, observation.function_version)
        is_new &= self.marker in (None, observation.marker)
        return "new" if is_new else "old"

    def named_by(self, observation: Observation) -> str | None:
        """Return what an answer names of what is asked for."""
        return observation.marker if self.version is None else observation.function_version

    def __str__(self) -> str:
        asked = (("version", self.version), ("marker", self.marker))
        return " and ".join(f"{kind} {name}" for kind, name in asked if name is not None)


class Tally:
    """The probes of one endpoint."""

    def __init__(self, name: str, rule: Rule, expected: Expected) -> None:
        self.name = name
        self.test = SequentialTest(rule)
        self.answered_by: collections.Counter[str | None] = collections.Counter()
        self.last_error: str | None = None
        self._rule = rule
        self._expected = expected

    def take(self, observation: Observation, now_ns: int) -> None:
        """Count one probe that has ended."""
        said = self._expected.said_by(observation)
        if said in ("new", "old"):
            self.answered_by[self._expected.named_by(observation)] += 1
        else:
            self.last_error = observation.error
        ended_ns = now_ns if observation.received_ns is None else observation.received_ns
        self.test.ended(observation.seq, observation.sent_ns, ended_ns, said)

    @property
    def answers(self) -> int:
        """Return how many probes were answered."""
        return self.answered_by.total()

    @property
    def is_silent(self) -> bool:
        """Return whether answers came and none named what is asked for."""
        return set(self.answered_by) == {None}

    def count(self) -> EndpointCount:
        """Return the counts so far."""
        test = self.test
        over_ns = test.last_ended_ns - test.first_sent_ns if test.in_a_row else 0
        return EndpointCount(
            name=self.name,
            in_a_row=test.in_a_row,
            over_s=over_ns / 1e9,
            bound=self._rule.bound(test.in_a_row),
            new=test.said["new"],
            old=test.said["old"],
            fail=test.said["fail"],
            unknown=test.said["unknown"],
            restarts=test.restarts,
            answered_by={name or "": count for name, count in self.answered_by.items()},
            last_error=self.last_error,
        )


@dataclasses.dataclass(frozen=True, slots=True)
class EndpointCount:
    """One endpoint's part of the decision."""

    name: str
    in_a_row: int
    over_s: float  # from the first of them being sent to the last one's answer
    bound: float  # the probability of such a run if the stale share were the rule's
    new: int
    old: int
    fail: int
    unknown: int
    restarts: int
    answered_by: dict[str, int]  # "": the answer did not say
    last_error: str | None


def sentence_of_passing(counts: Sequence[EndpointCount], rule: Rule) -> str:
    """Return on what the decision rests.

    It takes every endpoint to pass, so the bound of all is the bound of the least sure one.
    """
    least = min(counts, key=lambda count: count.in_a_row)
    where = "" if len(counts) == 1 else f"at each of {len(counts)} endpoints at least "
    return (
        f"{where}{least.in_a_row} new answers in a row over {least.over_s:.1f} s; if"
        f" {100 * rule.stale_share:g} % of calls were still old, this would happen with"
        f" probability {least.bound:.2g}"
    )


def sentence_of_time_out(
    counts: Sequence[EndpointCount], rule: Rule, expected: Expected, waited_s: float
) -> str:
    """Return how far the wait came at the endpoint that was furthest from passing."""
    least = min(counts, key=lambda count: count.in_a_row)
    by = sorted(least.answered_by.items(), key=lambda item: -item[1])
    said = ", ".join(f"{count} by {name or 'no version'}" for name, count in by)
    lost = f", {least.fail + least.unknown} failed or unknown" if least.fail + least.unknown else ""
    return (
        f"after {waited_s:.1f} s it is not sure that callers of {least.name} get {expected}:"
        f" {least.in_a_row} of the {rule.answers_needed} new answers in a row that it takes;"
        f" answers: {said}{lost}"
    )
