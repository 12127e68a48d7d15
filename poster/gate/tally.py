"""What the probes of each endpoint said, counted, and said to a person. Pure.

An *answer* is a probe that ended ``ok``. It is *new* if it names what is expected, else *old*: also
when it names nothing, since the release before the first one that names itself is an old one too.
A new answer that a cache gave says nothing of the function.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Sequence

from poster.gate.sequential import Rule, Said, SequentialTest
from poster.rows.record import Observation

MOST_NAMED = 5  # releases in a sentence; an API may name another one with every answer


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
        if not is_new:
            return "old"
        return "new" if observation.cache is None else "cached"

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
        self.expected = expected
        self.test = SequentialTest(rule)
        self.answered_by: collections.Counter[str | None] = collections.Counter()
        self.failures: collections.Counter[str] = collections.Counter()
        self.first_failure: Observation | None = None  # since the last old answer
        self.last_error: str | None = None
        self.last_cache: str | None = None
        self.has_spoken = False  # an answer, or a failure that the function or its front made
        self._addresses: set[str] = set()
        self._pops: set[str] = set()
        self._rule = rule

    def take(self, observation: Observation, now_ns: int) -> None:
        """Count one probe that has ended."""
        said = self.expected.said_by(observation)
        if said == "old":
            self.first_failure = None
        if said in ("fail", "unknown"):
            self.failures[(observation.error or said).partition(":")[0]] += 1
            self.first_failure = self.first_failure or observation
            self.last_error = observation.error
        else:
            self.answered_by[self.expected.named_by(observation)] += 1
        self.last_cache = observation.cache or self.last_cache
        status = observation.status or 0
        self.has_spoken |= said not in ("fail", "unknown") or status >= 500 or 200 <= status < 300
        self._addresses.add(observation.remote_ip or "")
        self._pops.add(observation.pop or "")
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

    @property
    def is_cached(self) -> bool:
        """Return whether answers came and all of them were a cache's."""
        return 0 < self.answers == self.test.said["cached"]

    def count(self) -> EndpointCount:
        """Return the counts so far."""
        test, run, first = self.test, self.test.run, self.first_failure
        over_ns = run.last_ended_ns - run.first_sent_ns if run.new else 0
        return EndpointCount(
            name=self.name,
            expected=self.expected,
            in_a_row=run.new,
            needed=test.needed,
            over_s=over_ns / 1e9,
            attempts=test.attempts,
            bound=1 - self._rule.confidence,
            deciding=run.probes,
            deciding_failed=run.failed,
            deciding_slow=run.slow if self._rule.max_p99_ms is not None else None,
            **{said: test.said[said] for said in ("new", "old", "cached", "fail", "unknown")},
            restarts=test.restarts,
            spoilt_by=test.spoilt,
            spoilt_probes=test.spoilt_probes,
            spoilt_bad=test.spoilt_bad,
            answered_by={name or "": count for name, count in self.answered_by.items()},
            failures=dict(self.failures),
            first_failure=None if first is None else first.error,
            first_failure_request_id=None if first is None else first.request_id,
            last_error=self.last_error,
            cache=self.last_cache,
            addresses=sorted(self._addresses - {""}),
            pops=sorted(self._pops - {""}),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class EndpointCount:
    """One endpoint's part of the decision."""

    name: str
    expected: Expected
    in_a_row: int
    needed: int  # of them, in this attempt
    over_s: float  # from the first of them being sent to the last one's answer
    attempts: int  # runs that were long enough to be looked at
    bound: float  # P(a wait ever ends well while the stale share is the rule's or more), at most
    deciding: int  # probes of the run, with those that said nothing
    deciding_failed: int
    deciding_slow: int | None  # over the limit of the 99th percentile; None: there is no limit
    new: int
    old: int
    cached: int
    fail: int
    unknown: int
    restarts: int  # runs that an old answer ended
    spoilt_by: str | None  # the limit that was exceeded since: failures, p99
    spoilt_probes: int
    spoilt_bad: int
    answered_by: dict[str, int]  # "": the answer did not say
    failures: dict[str, int]  # by kind
    first_failure: str | None  # since the last old answer
    first_failure_request_id: str | None
    last_error: str | None
    cache: str | None  # the last header by which a cache said that it answered
    addresses: list[str]
    pops: list[str]

    @property
    def lost(self) -> int:
        """Return the probes that failed or whose outcome is unknown."""
        return self.fail + self.unknown

    @property
    def probes(self) -> int:
        """Return all that have ended."""
        return self.new + self.old + self.cached + self.lost


def sentence_of_passing(counts: Sequence[EndpointCount], rule: Rule) -> str:
    """Return on what the decision rests.

    It takes every endpoint to pass, so the bound of all is the bound of the least sure one.
    """
    least = min(counts, key=lambda count: count.in_a_row)
    where = "" if len(counts) == 1 else f"at each of {len(counts)} endpoints at least "
    return (
        f"{where}{least.in_a_row} new answers in a row over {least.over_s:.1f} s, in attempt"
        f" {max(count.attempts for count in counts)}; a wait ends like this with probability"
        f" {least.bound:.2g} at most, ever, while {100 * rule.stale_share:g} % of calls or more are"
        f" old; {_failures(counts, rule)}{_caches(counts)}; {_addresses(counts)}"
    )


def sentence_of_time_out(counts: Sequence[EndpointCount], waited_s: float) -> str:
    """Return how far the wait came at the endpoint that was furthest from passing."""
    least = min(counts, key=lambda count: count.in_a_row / count.needed)
    by = collections.Counter(least.answered_by)
    named = by.most_common(MOST_NAMED)
    said = ", ".join(f"{count} by {name or 'no version'}" for name, count in named)
    if len(by) > MOST_NAMED:
        others = by.total() - sum(count for _, count in named)
        said += f", {others} by {len(by) - MOST_NAMED} others"
    lost = f", {least.lost} failed or unknown ({_kinds([least])})" if least.lost else ""
    return (
        f"after {waited_s:.1f} s it is not sure that callers of {least.name} get {least.expected}:"
        f" {least.in_a_row} of the {least.needed} new answers in a row that it takes;"
        f" answers: {said or 'none'}{lost}{_caches([least])}"
    )


def sentence_of_breaking(count: EndpointCount, rule: Rule) -> str:
    """Return which limit was exceeded, by how much, and where to look."""
    share = 100 * count.spoilt_bad / count.spoilt_probes
    by_ours = f"{count.spoilt_bad} of {count.spoilt_probes} probes of {count.name}"
    first = count.first_failure or "slow answers"
    example = f"the first: {first}" if count.first_failure else first
    if count.first_failure and count.first_failure_request_id:
        example += f" (request {count.first_failure_request_id})"
    if count.spoilt_by == "p99":
        return (
            f"{by_ours} took longer than {rule.max_p99_ms:g} ms or never ended ({share:.1f} %), so"
            f" the 99th percentile is over it with {100 * rule.confidence:g} % confidence"
            + (f"; {example}" if count.first_failure else "")
        )
    return (
        f"{by_ours} failed or are unknown ({share:.1f} %), over the limit of"
        f" {100 * rule.max_fail_share:g} % with {100 * rule.confidence:g} % confidence;"
        f" {_kinds([count])}; {example}"
    )


def _failures(counts: Sequence[EndpointCount], rule: Rule) -> str:
    lost, probes = sum(each.lost for each in counts), sum(each.probes for each in counts)
    if not lost:
        return f"none of {probes} probes failed"
    deciding = sum(each.deciding_failed for each in counts)
    first = next((each for each in counts if each.first_failure), None)
    request = first.first_failure_request_id if first else None
    example = f"; the first of them: request {request}" if request else ""
    return (
        f"{lost} of {probes} probes failed or are unknown ({_kinds(counts)}), {deciding} of them"
        f" among the {sum(each.deciding for each in counts)} that decide, which is under"
        f" {100 * rule.max_fail_share:g} %{example}"
    )


def _kinds(counts: Sequence[EndpointCount]) -> str:
    kinds = sum((collections.Counter(each.failures) for each in counts), collections.Counter())
    return ", ".join(f"{count} x {kind}" for kind, count in kinds.most_common(3))


def _caches(counts: Sequence[EndpointCount]) -> str:
    cached = sum(each.cached for each in counts)
    named = next((each.cache for each in counts if each.cache), None)
    return f"; {cached} answers were a cache's ({named}) and do not count" if cached else ""


def _addresses(counts: Sequence[EndpointCount]) -> str:
    least = min(counts, key=lambda count: len(count.addresses))
    if len(least.addresses) <= 1:
        return f"{least.name} was asked at one address only"
    pops = f" and {len(least.pops)} points of presence" if least.pops else ""
    return f"asked at {len(least.addresses)} addresses{pops}"
