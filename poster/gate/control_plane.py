"""What Lambda itself says of a deploy, read again and again; ``settling`` says what it means.

The function's last update is done; the version is there and can be invoked; the alias is at it
alone, without weights. Only then is it worth asking callers: what is read here is what the control
plane believes, and callers may be answered by the old version for some time yet.

A call that AWS throttles is no reading; the next one is due a second later.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from poster.aws.alias import Shares, routing_of, shares_of
from poster.aws.errors import BusyError, NoPermissionError, NotThereError, told
from poster.gate.errors import AmbiguousError, GateError
from poster.gate.settling import Belief, Reading, Settling, Standing, Subject, superseded
from poster.rows.clock import Clock

LOOK_EVERY_S = 1.0
NEWEST = "newest"  # in place of a version's number
# Of the executions that the account or the function may have at a time; the rest is for callers.
PROBE_SHARE = 0.5


@dataclasses.dataclass(frozen=True, slots=True)
class Concurrency:
    """How many executions may be asked for at a time, and why no more."""

    at_a_time: int | None  # None: nobody knows
    sentence: str


class ControlPlane:
    """A function and what callers go through. What AWS refuses is an AwsError."""

    def __init__(self, client: Any, subject: Subject, clock: Clock) -> None:
        """``client`` is boto3's of "lambda"."""
        self.subject = subject
        self._client = client
        self._clock = clock
        self._settling = Settling(subject)
        self._belief = Belief()
        self._has_read = False

    def version_now(self) -> str | None:
        """Return the version that the alias is at; None without alias."""
        return None if self.subject.alias is None else next(iter(self._shares()))

    def look(self) -> Standing | None:
        """Look once; return how it stands when that is sure.

        Raises SupersededError, FailedUpdateError, AmbiguousError and AwsErrors.
        """
        try:
            reading = self._read()
        except (BusyError, NotThereError) as error:
            # What was there a moment ago is: a reading may be older than the one before.
            if isinstance(error, NotThereError) and not self._has_read:
                raise
            self._settling.missing = str(error)
            return None
        self._has_read = True
        return self._settling.saw(reading, self._clock.now_ns())

    def timed_out(self) -> Standing:
        """Return what is missing."""
        return Standing("timed-out", self._settling.target, self._settling.missing)

    def stands(self, version: str | None) -> bool:
        """Return whether the alias, if there is one, is at that version alone in this look.

        Raises SupersededError when it is surely not.
        """
        if self.subject.alias is None:
            return True
        try:
            shares = self._shares()
        except (BusyError, NotThereError):
            return False
        stands = list(shares) == [version]
        # The order of a mapping is no part of what is seen.
        seen = None if stands else sorted(shares.items())
        if self._belief.of(seen, self._clock.now_ns()) and not stands:
            raise superseded(self.subject, shares, str(version))
        return stands

    def require_invocable(self) -> None:
        """Raise NoPermissionError, or NotThereError, if we could not invoke what callers call."""
        subject = self.subject
        version = None if subject.version == NEWEST else subject.version
        qualifier = subject.alias or version
        named = {} if qualifier is None else {"Qualifier": qualifier}
        with told():
            # DryRun checks the permission and runs nothing.
            self._client.invoke(FunctionName=subject.function, **named, InvocationType="DryRun")

    def concurrency(self) -> Concurrency:
        """Return how many executions probes may ask for. Raises GateError when there are none."""
        function = self.subject.function
        try:
            with told():
                reserved = self._client.get_function_concurrency(FunctionName=function)
                limit = reserved.get("ReservedConcurrentExecutions")
                whose = f"function {function} has a reserved concurrency of"
                if limit is None:
                    account = self._client.get_account_settings()["AccountLimit"]
                    limit = account["UnreservedConcurrentExecutions"]
                    whose = "the account has an unreserved concurrency of"
        except (NoPermissionError, BusyError) as error:
            return Concurrency(None, f"the concurrency is not known: {error}")
        if limit == 0:
            raise GateError(f"{whose} 0: no call of it can succeed")
        return Concurrency(max(1, int(limit * PROBE_SHARE)), f"{whose} {limit}")

    def newest(self) -> str:
        """Return the newest published version. Raises NotThereError."""
        with told():
            pages = self._client.get_paginator("list_versions_by_function").paginate(
                FunctionName=self.subject.function
            )
            names = [each["Version"] for page in pages for each in page["Versions"]]
        numbers = [int(name) for name in names if name.isdigit()]
        if not numbers:
            raise NotThereError(f"function {self.subject.function} has no published version")
        return str(max(numbers))

    def _read(self) -> Reading:
        subject = self.subject
        with told():
            function = self._client.get_function_configuration(FunctionName=subject.function)
        update = function.get("LastUpdateStatus"), function.get("LastUpdateStatusReason")
        shares = None if subject.alias is None else self._shares()
        target: str | AmbiguousError | None = subject.version
        if target == NEWEST:
            target = self.newest()
        if shares is not None:
            try:
                target = subject.target(shares)
            except AmbiguousError as error:
                target = error
        if not isinstance(target, str):
            return Reading(*update, shares, target)
        reading = Reading(*update, shares, target, *self._state_of(target))
        if shares is None or reading.is_done:
            return reading
        return dataclasses.replace(reading, provisioned=self._provisioned())

    def _state_of(self, version: str) -> tuple[str | None, str | None]:
        try:
            with told():
                seen = self._client.get_function_configuration(
                    FunctionName=self.subject.function, Qualifier=version
                )
        except NotThereError:
            return None, None
        return seen.get("State", "unknown"), seen.get("StateReason")

    def _provisioned(self) -> str | None:
        """Return what is known of the alias's provisioned concurrency, as a clause."""
        try:
            with told():
                seen = self._client.get_provisioned_concurrency_config(
                    FunctionName=self.subject.function, Qualifier=self.subject.alias
                )
        except NotThereError:
            return None
        except NoPermissionError:
            return "its provisioned concurrency may not be read"
        except BusyError:
            return None
        of = seen.get("RequestedProvisionedConcurrentExecutions")
        allocated = seen.get("AllocatedProvisionedConcurrentExecutions", 0)
        reason = f": {seen['StatusReason']}" if seen.get("StatusReason") else ""
        return f"its provisioned concurrency is {seen['Status']}, {allocated} of {of}{reason}"

    def _shares(self) -> Shares:
        with told():
            alias = self._client.get_alias(
                FunctionName=self.subject.function, Name=self.subject.alias
            )
        version, weights = routing_of(alias)
        # The alias's own version stays without a share, too: Lambda is on its way there.
        return shares_of(version, {name: share for name, share in weights.items() if share > 0})


def settle(
    planes: Sequence[ControlPlane],
    deadline_ns: int,
    clock: Clock,
    narrate: Callable[[str], None] = lambda said: None,
) -> list[Standing]:
    """Look at all of them in turn until each stands, or the deadline has come.

    Raises SupersededError, FailedUpdateError, AmbiguousError and AwsErrors.
    """
    narrate(f"waiting for the control plane of {', '.join(str(each.subject) for each in planes)}")
    standing: dict[int, Standing] = {}
    while True:
        for place, plane in enumerate(planes):
            found = None if place in standing else plane.look()
            if found is not None:
                standing[place] = found
        now_ns = clock.now_ns()
        if len(standing) == len(planes):
            return [standing[place] for place in range(len(planes))]
        if now_ns >= deadline_ns:
            return [standing.get(place, each.timed_out()) for place, each in enumerate(planes)]
        clock.sleep_until_ns(min(deadline_ns, now_ns + round(LOOK_EVERY_S * 1e9)))
