"""Lambda's HTTP API, as far as the fleet needs it: GetAlias and Invoke, without blocking.

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
        try:
            path = f"{_FUNCTIONS}/{function}/aliases/{alias}"
            async with self._session.get(path) as answer:
                said = await answer.json(content_type=None)
                if answer.status != 200:
                    raise LambdaApiError(f"alias {alias} of {function}: {said.get('message')}")
        except (aiohttp.ClientError, ValueError) as error:
            raise LambdaApiError(f"alias {alias} of {function} cannot be read: {error}") from error
        version, weights = routing_of(said)
        return Routing(version, tuple(sorted(weights.items())))

    async def invoke(self, function: str, version: str, event: Any) -> Invoked:
        """Invoke that version and wait for its end. Raises LambdaApiError without an answer."""
        try:
            async with self._session.post(
                f"{_FUNCTIONS}/{function}/invocations",
                params={"Qualifier": version},
                data=json.dumps(event).encode(),
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
