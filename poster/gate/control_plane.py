"""What Lambda itself says of a deploy, in the order of a deploy.

The function's last update is done; the version is there and can be invoked; the alias is at it
alone, without weights. Only then is it worth asking callers: what is read here is what the control
plane believes, and callers may be answered by the old version for some time yet.

The only waiter used is botocore's for the update. Its waiter for a version ends at the state
Active, but a version that was idle for long is Inactive until it is called: a roll-back to one
would be waited for in vain.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import botocore.exceptions

from poster.aws.alias import Shares, clause_of, routing_of, shares_of
from poster.aws.errors import NotThereError, aws_error, told
from poster.gate.errors import FailedUpdateError, SupersededError
from poster.rows.clock import Clock

LOOK_EVERY_S = 1.0


@dataclasses.dataclass(frozen=True, slots=True)
class Standing:
    """How the wait for the control plane ended.

    ``version`` is what callers are to get, None for a function that is called without an alias.
    """

    outcome: Literal["settled", "timed-out", "nothing-to-wait-for"]
    version: str | None
    sentence: str


class ControlPlane:
    """A function and, if callers go through one, its alias. What AWS refuses is an AwsError."""

    def __init__(self, client: Any, function: str, alias: str | None, clock: Clock) -> None:
        """``client`` is boto3's of "lambda"."""
        self.function = function
        self.alias = alias
        self._client = client
        self._clock = clock

    def version_now(self) -> str | None:
        """Return the version that the alias is at; None without alias."""
        return None if self.alias is None else self._alias()["FunctionVersion"]

    def settle(
        self,
        expect: str | None,
        was: str | None,
        deadline_ns: int,
        narrate: Callable[[str], None] = lambda said: None,
    ) -> Standing:
        """Wait until the control plane has done its part.

        ``expect`` is the version that is to come; None takes the one that the alias is at or is
        being moved to. ``was`` is the version before the deploy: an alias that is still at it
        alone, with nothing else expected, has nothing to wait for.

        Raises SupersededError, FailedUpdateError and AwsErrors.
        """
        narrate(f"waiting for the update of function {self.function}")
        if not self._update_is_done(deadline_ns):
            why = f"the update of function {self.function} is still in progress"
            return Standing("timed-out", expect, why)
        if self.alias is None:
            return Standing("settled", None, f"function {self.function} is settled")
        first = self._shares()
        target = expect if expect is not None else _target(first)
        if was == target and first == {target: 1.0}:
            why = f"no new version was published: alias {self.alias} is at version {was} as before"
            return Standing("nothing-to-wait-for", target, why)
        narrate(f"waiting for alias {self.alias} to be at version {target} alone")
        while True:
            shares = self._shares()
            self._refuse_strangers(shares, {*first, target}, target)
            missing = self._missing(target, shares)
            if missing is None:
                return Standing("settled", target, f"alias {self.alias} is at version {target}")
            if self._clock.now_ns() >= deadline_ns:
                return Standing("timed-out", target, missing)
            pause_ns = round(LOOK_EVERY_S * 1e9)
            self._clock.sleep_until_ns(min(deadline_ns, self._clock.now_ns() + pause_ns))

    def require(self, version: str | None) -> None:
        """Raise SupersededError unless the alias, if there is one, is at that version alone."""
        if version is not None:
            shares = self._shares()
            if shares != {version: 1.0}:
                raise self._superseded(shares, version)

    def require_invocable(self) -> None:
        """Raise NoPermissionError, or NotThereError, if we could not invoke what callers call."""
        with told():
            # DryRun checks the permission and runs nothing.
            self._client.invoke(**self._named(), InvocationType="DryRun")

    def _update_is_done(self, deadline_ns: int) -> bool:
        remaining_s = max(1, math.ceil((deadline_ns - self._clock.now_ns()) / 1e9))
        patience = {"Delay": 1, "MaxAttempts": remaining_s}
        waiter = self._client.get_waiter("function_updated_v2")
        try:
            waiter.wait(FunctionName=self.function, WaiterConfig=patience)
        except botocore.exceptions.WaiterError as error:
            response: Any = error.last_response or {}
            last = response.get("Configuration", {})
            if last.get("LastUpdateStatus") == "Failed":
                reason = last.get("LastUpdateStatusReason", "no reason given")
                raise FailedUpdateError(
                    f"the last update of function {self.function} failed: {reason}"
                ) from error
            if last.get("LastUpdateStatus") == "InProgress":
                return False
            raise aws_error(error) from error
        except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
            raise aws_error(error) from error
        return True

    def _missing(self, version: str, shares: Shares) -> str | None:
        """Return as a clause what is not done yet; None when all is."""
        try:
            with told():
                seen = self._client.get_function_configuration(
                    FunctionName=self.function, Qualifier=version
                )
        except NotThereError:
            return f"there is no version {version} of function {self.function}"
        if seen.get("State") == "Failed":
            reason = seen.get("StateReason", "no reason given")
            raise FailedUpdateError(f"version {version} cannot be invoked: {reason}")
        if seen.get("State") == "Pending":
            return f"version {version} is still Pending"
        return None if shares == {version: 1.0} else f"alias {self.alias} is at {clause_of(shares)}"

    def _refuse_strangers(self, shares: Shares, known: set[str], version: str) -> None:
        if set(shares) - known:
            raise self._superseded(shares, version)

    def _superseded(self, shares: Shares, version: str) -> SupersededError:
        return SupersededError(
            f"alias {self.alias} moved on to {clause_of(shares)} while version {version} was waited"
            " for: someone else deploys the same function"
        )

    def _shares(self) -> Shares:
        shares = shares_of(*routing_of(self._alias()))
        return {version: share for version, share in shares.items() if share > 0}

    def _alias(self) -> Any:
        with told():
            return self._client.get_alias(FunctionName=self.function, Name=self.alias)

    def _named(self) -> dict[str, str]:
        qualifier = {} if self.alias is None else {"Qualifier": self.alias}
        return {"FunctionName": self.function, **qualifier}


def _target(shares: Mapping[str, float]) -> str:
    """Return where the alias goes: an alias that is being shifted names the new version last."""
    return list(shares)[-1]
