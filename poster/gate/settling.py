"""Has the control plane done its part? Decided from one look at it after another. Pure.

What Lambda says of itself may be some seconds old: a former state is seen again after the new one.
So what would end the wait badly or without asking callers (nothing is new, someone else deploys,
it failed, it cannot be told what is new) is believed only when nothing else was seen for
``STALE_S``; until then it is looked at again. The same holds for a version that is taken for the
new one only because the alias is at it.

The version that is to come is the expected one; else the one of the alias's that is not the former
one. Weights do not say it: a canary is ``old`` with a weight for the new version, while provisioned
concurrency is allocated Lambda keeps ``new`` with a weight of 1 for the old one.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from poster.aws.alias import Shares, clause_of
from poster.gate.errors import AmbiguousError, FailedUpdateError, GateError, SupersededError

STALE_S = 5.0
INVOCABLE = ("Active", "Inactive")  # an inactive one starts when it is called


@dataclasses.dataclass(frozen=True, slots=True)
class Subject:
    """What is looked at: an alias of a function, one version of it, or a function without either.

    ``version`` is asked for by its number, before an alias moves to it.
    """

    function: str
    alias: str | None = None
    version: str | None = None
    expect: str | None = None  # the version that the alias is to be at
    was: str | None = None  # the version before the deploy

    def __str__(self) -> str:
        qualifier = self.alias or self.version
        return self.function if qualifier is None else f"{self.function}:{qualifier}"

    def target(self, shares: Shares) -> str:
        """Return the version that the alias goes to. Raises AmbiguousError."""
        if self.expect is not None:
            return self.expect
        others = [version for version in shares if version != self.was]
        if len(others) > 1:
            raise AmbiguousError(
                f"alias {self.alias} of function {self.function} is at {clause_of(shares)}: say"
                " with --expect which version is to come, or with --was which one it was"
            )
        return others[0] if others else str(self.was)


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """One look at the control plane."""

    update: str | None = None  # LastUpdateStatus of the function
    update_reason: str | None = None
    shares: Shares | None = None  # of the alias; a version without a share is one of it too
    target: str | AmbiguousError | None = None
    state: str | None = None  # of the target; None: there is no such version
    state_reason: str | None = None
    provisioned: str | None = None  # what is known of its concurrency, as a clause

    @property
    def is_done(self) -> bool:
        """Return whether no alias has to move any more."""
        return self.shares is None or list(self.shares) == [self.target]


class Belief:
    """Believes what is seen when nothing else was seen for ``STALE_S``."""

    def __init__(self) -> None:
        self._seen: object = None
        self._since_ns = 0

    def of(self, seen: object, at_ns: int) -> bool:
        """Take note of what is seen; return whether to believe it."""
        if seen != self._seen:
            self._seen, self._since_ns = seen, at_ns
        return at_ns - self._since_ns >= STALE_S * 1e9


@dataclasses.dataclass(frozen=True, slots=True)
class Standing:
    """How the wait for the control plane ended.

    ``version`` is what callers are to get, None for a function that is called without an alias.
    """

    outcome: Literal["settled", "timed-out", "nothing-to-wait-for"]
    version: str | None
    sentence: str

    def __str__(self) -> str:
        return self.sentence


class Settling:
    """The wait for one subject; ``missing`` says what is not done yet."""

    def __init__(self, subject: Subject) -> None:
        self.target: str | None = subject.expect
        self.missing = f"function {subject.function} has not been looked at"
        self._subject = subject
        self._known = {subject.expect, subject.was}  # an alias at another, later one has moved on
        self._belief = Belief()
        self._looks = 0
        self._was_shifted = False

    def saw(self, reading: Reading, at_ns: int) -> Standing | None:
        """Take note of a look; return how it stands when that is sure.

        Raises SupersededError, FailedUpdateError and AmbiguousError.
        """
        found = self._found(reading)
        is_believed = self._belief.of(str(found), at_ns)
        if isinstance(found, str) or not (is_believed or self._is_sure(found)):
            self.missing = str(found)
            return None
        if isinstance(found, GateError):
            raise found
        return found

    def _is_sure(self, found: Standing | GateError) -> bool:
        """Return whether one look is enough: it shows what no former state can."""
        if isinstance(found, GateError) or found.outcome != "settled":
            return False
        subject = self._subject
        if subject.was is not None and found.version is not None:
            return subject.expect is not None or _is_later(found.version, subject.was)
        return found.version in (None, subject.expect, subject.version)

    def _found(self, reading: Reading) -> Standing | GateError | str:
        """Return how it stands, what is wrong, or, as a clause, what is missing."""
        subject = self._subject
        if reading.update == "Failed":
            reason = reading.update_reason or "no reason given"
            said = f"the last update of function {subject.function} failed: {reason}"
            return FailedUpdateError(said)
        if reading.update == "InProgress":
            return f"the update of function {subject.function} is still in progress"
        if isinstance(reading.target, AmbiguousError):
            return reading.target
        if reading.target is None:
            return Standing("settled", None, f"function {subject.function} is settled")
        left = None if reading.shares is None else self._left_for(reading.shares, reading.target)
        if left is not None:
            return left
        if reading.target == subject.was and reading.is_done and not self._was_shifted:
            return Standing("nothing-to-wait-for", subject.was, _nothing(subject))
        self.target = reading.target
        missing = self._missing(reading, reading.target)
        return missing or Standing("settled", self.target, f"{subject} is at {self.target}")

    def _left_for(self, shares: Shares, target: str) -> SupersededError | None:
        """Return the error of an alias that goes elsewhere than it did."""
        subject, self._looks = self._subject, self._looks + 1
        if self._looks == 1:
            self._known |= set(shares)
        self._was_shifted |= len(shares) > 1
        ours = self.target
        if ours is None or (subject.expect is None and subject.was is None):
            return None
        is_back = subject.expect is None and target == subject.was
        strangers = set(shares) - self._known - {ours}
        is_left = is_back or any(_is_later(each, ours) for each in strangers)
        return superseded(subject, shares, ours) if is_left else None

    def _missing(self, reading: Reading, version: str) -> FailedUpdateError | str | None:
        subject = self._subject
        what = f"version {version} of function {subject.function}"
        if reading.state is None:
            return f"there is no {what}"
        if reading.state == "Failed":
            reason = reading.state_reason or "no reason given"
            return FailedUpdateError(f"{what} cannot be invoked: {reason}")
        if reading.state not in INVOCABLE:
            return f"{what} is {reading.state}"
        if reading.shares is None or reading.is_done:
            return None
        where = f"alias {subject.alias} is at {clause_of(reading.shares)}"
        return f"{where}; {reading.provisioned}" if reading.provisioned else where


def superseded(subject: Subject, shares: Shares, version: str) -> SupersededError:
    """Return the error of an alias that left for another version."""
    return SupersededError(
        f"alias {subject.alias} of function {subject.function} moved on to {clause_of(shares)}"
        f" while version {version} was waited for: someone else deploys the same function"
    )


def _nothing(subject: Subject) -> str:
    alias = f"alias {subject.alias} of " if subject.alias else ""
    return (
        f"no new version was published: {alias}function {subject.function} is at version"
        f" {subject.was} as before"
    )


def _is_later(version: str, than: str) -> bool:
    # Lambda numbers versions upwards: a lower one that was not seen yet is a former state.
    return not (version.isdigit() and than.isdigit()) or int(version) > int(than)
