"""One alias as the fleet follows it: what it says, and whether the entrance may invoke it.

Where an alias has *provisioned concurrency*, Lambda keeps callers at the old version until the
environments of the new one are initialised, and for good where that fails. So a change of version
is handed on to the front ends when they are. AWS takes "a minute or two"; here it takes what the
inits take. The weights that AWS puts on the alias meanwhile are not shown by the emulator's.
https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html
https://github.com/hashicorp/terraform-provider-aws/pull/48116

An API invokes an alias only while the alias's own policy lets it; see ``poster.local.policy``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Protocol

from poster.local.front_ends import FrontEnds, Routing
from poster.local.policy import lets_invoke
from poster.local.rest_api import Integration

log = logging.getLogger("poster.local.front")


class Lambda(Protocol):
    """What is asked of Lambda; each method raises LambdaApiError."""

    async def get_alias(self, function: str, alias: str) -> Routing:
        """Return what the alias says."""

    async def get_policy(self, function: str, qualifier: str) -> Mapping[str, Any] | None:
        """Return the qualifier's own policy, None where it has none."""

    async def provisioned(self, function: str, alias: str) -> int:
        """Return how many environments are to be kept initialised behind the alias."""

    async def initialise(self, function: str, version: str, environments: int) -> str | None:
        """Return when so many are; or why not, as a sentence."""


class Clock(Protocol):
    """The fleet's clock."""

    def now_ns(self) -> int:
        """Return nanoseconds since the epoch."""


class Followed:
    """An alias that is called, and the front ends that learn of its changes."""

    def __init__(
        self,
        target: Integration,
        front_ends: FrontEnds,
        api: Lambda,
        clock: Clock,
        invoked_by: str | None = None,
    ) -> None:
        """``invoked_by`` is the service that needs a permission; None where none is needed."""
        self.front_ends = front_ends
        self.may_be_invoked = True
        self._function, self._alias = target.function, str(target.qualifier)
        self._api = api
        self._clock = clock
        self._invoked_by = invoked_by
        self._seen = front_ends.newest
        self._allocation: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Look at the policy, and initialise what is to be kept so. Raises LambdaApiError."""
        await self.look_at_policy()
        environments = await self._api.provisioned(self._function, self._alias)
        if environments:
            await self._api.initialise(self._function, self._seen.version, environments)

    async def look(self) -> None:
        """Read the alias, and hand on what has changed. Raises LambdaApiError."""
        routing = await self._api.get_alias(self._function, self._alias)
        if routing == self._seen:
            return
        at_ns, moved = self._clock.now_ns(), routing.version != self._seen.version
        environments = await self._api.provisioned(self._function, self._alias) if moved else 0
        self._seen = routing
        if self._allocation is not None:
            self._allocation.cancel()
        if routing == self.front_ends.newest:
            return  # back to where callers stayed
        if environments:
            self._allocation = asyncio.create_task(self._allocate(routing, environments))
        else:
            self.front_ends.change(routing, at_ns)

    async def look_at_policy(self) -> None:
        """Read whether the entrance may invoke the alias. Raises LambdaApiError."""
        if self._invoked_by is not None:
            policy = await self._api.get_policy(self._function, self._alias)
            self.may_be_invoked = lets_invoke(policy, self._invoked_by)

    async def _allocate(self, routing: Routing, environments: int) -> None:
        why = await self._api.initialise(self._function, routing.version, environments)
        if why is None:
            self.front_ends.change(routing, self._clock.now_ns())
        else:
            log.warning("callers stay where they are: %s", why)
