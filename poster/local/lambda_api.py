"""Lambda's HTTP API, as far as the fleet needs it: what an alias says, and Invoke; nothing blocks.

Raw HTTP on kept-alive connections: boto3 would cost half of the calls per second and a thread for
each of them. Requests are not signed, they carry the emulator's token alone; it takes them for its
own account and region, and nothing else ever listens at that endpoint.
"""

from __future__ import annotations

import json
from typing import Any

import aiohttp

from poster.aws.alias import routing_of
from poster.local.entrances import Invoked
from poster.local.environment import LocalAws
from poster.local.front_ends import Routing
from poster.local.guard import token_header

_FUNCTIONS = "/2015-03-31/functions"
_PROVISIONED = "/2019-09-30/functions"
# The emulator's own, see poster.local.ministack:
INITIALISE_PATH = "/_poster/initialise"
REQUEST_ID_HEADER = "x-poster-request-id"


class LambdaApiError(Exception):
    """The control plane did not answer as expected; the message says to what."""


class LambdaApi:
    """Use inside a running event loop; ``close`` at the end."""

    def __init__(self, aws: LocalAws) -> None:
        self._session = aiohttp.ClientSession(
            aws.endpoint,
            headers=token_header(aws.token),
            # As many connections as calls: a limit would queue calls behind each other.
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None),
        )

    async def get_alias(self, function: str, alias: str) -> Routing:
        """Return what the control plane says of the alias. Raises LambdaApiError."""
        status, said = await self._ask(f"{_FUNCTIONS}/{function}/aliases/{alias}")
        if status != 200:
            raise LambdaApiError(f"alias {alias} of {function}: {said.get('message')}")
        version, weights = routing_of(said)
        return Routing(version, tuple(sorted(weights.items())))

    async def get_policy(self, function: str, qualifier: str) -> dict[str, Any] | None:
        """Return the qualifier's own policy, None where it has none. Raises LambdaApiError."""
        status, said = await self._ask(f"{_FUNCTIONS}/{function}/policy", Qualifier=qualifier)
        if status not in (200, 404):
            raise LambdaApiError(f"policy of {function}:{qualifier}: {said.get('message')}")
        return json.loads(said["Policy"]) if status == 200 else None

    async def provisioned(self, function: str, alias: str) -> int:
        """Return the alias's provisioned concurrency; 0 for none. Raises LambdaApiError."""
        path = f"{_PROVISIONED}/{function}/provisioned-concurrency"
        _, said = await self._ask(path, Qualifier=alias)
        return int(said.get("RequestedProvisionedConcurrentExecutions", 0))

    async def initialise(self, function: str, version: str, environments: int) -> str | None:
        """Return when so many environments wait for calls; or why not. Raises LambdaApiError."""
        asked = {"function": function, "version": version, "environments": str(environments)}
        _, said = await self._ask(INITIALISE_PATH, **asked)
        why_not: str | None = said["why_not"]
        return why_not

    async def _ask(self, path: str, **query: str) -> tuple[int, dict[str, Any]]:
        try:
            async with self._session.get(path, params=query) as answer:
                return answer.status, await answer.json(content_type=None)
        except (aiohttp.ClientError, ValueError) as error:
            raise LambdaApiError(f"{path} cannot be read: {error}") from error

    async def invoke(
        self, function: str, version: str, event: Any, request_id: str | None = None
    ) -> Invoked:
        """Invoke that version and wait for its end; its log has the request id, if one is given.

        Raises LambdaApiError without an answer.
        """
        try:
            async with self._session.post(
                f"{_FUNCTIONS}/{function}/invocations",
                params={"Qualifier": version},
                data=json.dumps(event).encode(),
                headers={} if request_id is None else {REQUEST_ID_HEADER: request_id},
            ) as answer:
                return Invoked(
                    answer.status,
                    answer.headers.get("X-Amz-Function-Error"),
                    await answer.read(),
                )
        except aiohttp.ClientError as error:
            raise LambdaApiError(f"{function}:{version} did not answer: {error}") from error

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()
