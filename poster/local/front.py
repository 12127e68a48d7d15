"""The fleet's process: an HTTP server in the place of an entrance and Lambda's front ends.

    python -m poster.local.front SETTINGS     (FleetSettings as JSON)

The environment names the emulator, as for any program that uses AWS. Prints one line of JSON, the
port or an error, and serves until SIGTERM. It learns from the emulator when it starts what its
entrance leads to (``poster.local.entrances``), and watches every alias that is called by reading it
again and again (``poster.local.followed``); a change counts from the moment its answer was read.
One event loop does everything, so nothing here is reached from two threads.

Times are nanoseconds since the epoch on a clock that cannot be set: the wall clock is read once.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import json
import logging
import os
import signal
import socket
import struct
import sys
import time
import uuid
import weakref
from pathlib import Path
from random import Random
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from poster.local.deployed_api import ApiError, learn_entrance
from poster.local.door import Door
from poster.local.entrances import Entered, Entrance
from poster.local.environment import LocalAws
from poster.local.faults import Fate, FaultError, parse_faults
from poster.local.fleet import CHANGES_PATH, OPEN_PATH, SHUT_PATH, FleetSettings
from poster.local.followed import Followed
from poster.local.front_ends import FrontEnds
from poster.local.guard import FORBIDDEN, refusal
from poster.local.lag import LagError, parse_lag
from poster.local.lambda_api import LambdaApi, LambdaApiError
from poster.local.proxy_event import ProxyRequest, Response
from poster.local.rest_api import Integration

LATEST = "$LATEST"
_MAX_BODY_BYTES = 10 * 1024 * 1024  # API Gateway's payload limit
_LOOKS_A_POLICY = 5  # at the alias, to one at its policy
_PATIENCE_S = 5.0  # for calls of $LATEST to end before an update

log = logging.getLogger("poster.local.front")


class FleetClock:
    """Nanoseconds since the epoch that only ever grow."""

    def __init__(self) -> None:
        self._origin_ns = time.time_ns() - time.monotonic_ns()

    def now_ns(self) -> int:
        """Return the time."""
        return self._origin_ns + time.monotonic_ns()


class Front:
    """Answers calls at one entrance."""

    def __init__(self, entrance: Entrance, settings: FleetSettings, aws: LocalAws) -> None:
        """Raises LagError, FaultError, and OSError for a file of lags that cannot be read."""
        self._entrance = entrance
        self._settings = settings
        self._clock = FleetClock()
        self._lambda = LambdaApi(aws)
        self._lag = parse_lag(settings.lag, lambda path: Path(path).read_text(encoding="utf-8"))
        self._faults = parse_faults(settings.faults)
        self._dynamodb = aws.client("dynamodb") if self._faults.lost_share else None
        # One source per purpose: whether a fault strikes does not move where calls land.
        self._landing = Random(f"{settings.seed}/landing")
        self._weighing = Random(f"{settings.seed}/weighing")
        self._striking = Random(f"{settings.seed}/striking")
        self._followed: dict[Integration, Followed] = {}
        self._seats: weakref.WeakKeyDictionary[asyncio.BaseTransport, int] = (
            weakref.WeakKeyDictionary()
        )
        self._calls_under_way = 0
        self._door = Door()

    async def learn(self) -> None:
        """Read every alias once; all front ends start with that. Raises LambdaApiError."""
        for number, target in enumerate(self._aliased()):
            # Numbered, not named: CloudFormation puts random letters into function names.
            seed = f"{self._settings.seed}/{number}"
            routing = await self._lambda.get_alias(target.function, str(target.qualifier))
            front_ends = FrontEnds(self._settings.front_ends, self._lag, seed, routing)
            followed = Followed(
                target, front_ends, self._lambda, self._clock, self._entrance.invokes_as
            )
            await followed.begin()
            self._followed[target] = followed

    async def watch(self) -> None:
        """Read every alias again and again, and let the front ends know of changes."""
        is_lost = False
        for looks in itertools.count():
            await asyncio.sleep(self._settings.poll_s)
            try:
                for followed in self._followed.values():
                    await followed.look()
                    if looks % _LOOKS_A_POLICY == 0:
                        await followed.look_at_policy()
                is_lost = False
            except LambdaApiError as error:
                if not is_lost:
                    log.warning("front ends keep what they know: %s", error)
                is_lost = True

    async def close(self) -> None:
        """Close the connections to the emulator."""
        await self._lambda.close()

    async def changes(self, _: web.Request) -> web.Response:
        """Answer with every change so far: when it was seen, and when each front end adopted it."""
        changes = [
            {"function": target.function, "alias": target.qualifier, **dataclasses.asdict(change)}
            for target, followed in self._followed.items()
            for change in followed.front_ends.changes
        ]
        return web.json_response({"simulated_propagation": self._settings.lag, "changes": changes})

    async def shut(self, _: web.Request) -> web.Response:
        """Answer when no call of $LATEST is under way; until ``open`` none begins."""
        await self._door.shut(_PATIENCE_S)
        return web.Response()

    async def open(self, _: web.Request) -> web.Response:
        """Let calls of $LATEST begin again."""
        self._door.open()
        return web.Response()

    async def serve(self, call: web.Request) -> web.Response:
        """Answer one call as the entrance would."""
        fate = self._faults.fate(self._striking)
        front_end = self._front_end_of(call)
        if fate.is_reset:
            _reset(call)
            return web.Response()
        request_id = str(uuid.uuid4())
        response, note = await self._answer(call, fate, front_end, request_id)
        answer = web.Response(status=response.status, body=response.body)
        for name, value in response.headers:
            answer.headers.add(name, value)
        answer.headers["x-amzn-RequestId"] = request_id
        answer.headers["x-simulated-propagation"] = (
            f"{self._settings.lag}; front-end={front_end}{note}"
        )
        return answer

    async def _answer(
        self, call: web.Request, fate: Fate, front_end: int, request_id: str
    ) -> tuple[Response, str]:
        """Return the response, and what to note beside it."""
        entered = self._entrance.enter(call.method, call.path)
        if isinstance(entered, Response):
            return entered, ""
        if fate.is_throttled:
            return self._entrance.own_response("throttled by API Gateway"), ""
        try:
            body = await call.read()
        except web.HTTPRequestEntityTooLarge:
            return self._entrance.own_response("too large"), ""
        limit = self._faults.concurrency
        if limit is not None and self._calls_under_way >= limit:
            return self._entrance.own_response("throttled by Lambda"), ""
        target = self._target(entered.target)
        if target in self._followed and not self._followed[target].may_be_invoked:
            return self._entrance.own_response("not permitted"), ""
        event = self._event(call, entered, body, request_id)
        version = self._version_at(target, front_end)
        self._calls_under_way += 1
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                # An API's request ids are its own; whoever invokes by himself gets Lambda's.
                logged = request_id if self._entrance.invokes_as is None else None
                return await self._invoke(entered.target.function, version, event, fate, logged)
        except TimeoutError:
            # The function is not stopped by that: its write may still happen.
            return self._entrance.own_response("timed out"), f"; version={version}"
        finally:
            self._calls_under_way -= 1

    def _event(self, call: web.Request, entered: Entered, body: bytes, request_id: str) -> Any:
        request = ProxyRequest(
            call.method,
            entered.path,
            call.rel_url.raw_query_string,
            list(call.headers.items()),
            body,
            call.remote or "",
        )
        return self._entrance.event(entered, request, request_id, self._clock.now_ns() // 1_000_000)

    async def _invoke(
        self, function: str, version: str, event: Any, fate: Fate, request_id: str | None
    ) -> tuple[Response, str]:
        started_ns = self._clock.now_ns()
        try:
            async with self._door if version == LATEST else contextlib.nullcontext():
                said = await self._lambda.invoke(function, version, event, request_id)
        except LambdaApiError as error:
            log.warning("%s", error)
            return self._entrance.own_response("bad answer"), f"; version={version}"
        invoke_ms = (self._clock.now_ns() - started_ns) / 1e6
        response = self._entrance.response(version, said)
        if fate.is_lost and response.status < 300:
            await self._lose(event)
        await asyncio.sleep(fate.held_s)
        return response, f"; version={version}; invoke-ms={invoke_ms:.3f}"

    async def _lose(self, event: dict[str, Any]) -> None:
        """Delete the item that the function has just put, before the caller is told of it."""
        assert self._dynamodb is not None
        name = self._faults.lost_key
        key = {name: {"S": json.loads(event["body"])[name]}}
        await asyncio.to_thread(
            self._dynamodb.delete_item, TableName=self._faults.lost_table, Key=key
        )

    def _front_end_of(self, call: web.Request) -> int:
        transport = call.transport
        if not self._settings.is_sticky or transport is None:
            return self._landing.randrange(self._settings.front_ends)
        if transport not in self._seats:
            self._seats[transport] = self._landing.randrange(self._settings.front_ends)
        return self._seats[transport]

    def _version_at(self, target: Integration, front_end: int) -> str:
        if target not in self._followed:
            return target.qualifier or LATEST
        routing = self._followed[target].front_ends.routing(front_end, self._clock.now_ns())
        return routing.version_for(self._weighing.random())

    def _target(self, target: Integration) -> Integration:
        qualifier = self._settings.qualifier
        return dataclasses.replace(target, qualifier=qualifier) if qualifier else target

    def _aliased(self) -> list[Integration]:
        """Return the targets that name an alias; versions and $LATEST cannot move."""
        targets = dict.fromkeys(self._target(target) for target in self._entrance.targets)
        return [
            target
            for target in targets
            if target.qualifier and target.qualifier != LATEST and not target.qualifier.isdecimal()
        ]


@web.middleware
async def _refuse_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer programs, not web pages; see ``poster.local.guard``."""
    why = refusal(request.headers.items())
    return await handler(request) if why is None else web.Response(status=FORBIDDEN, text=why)


def _reset(call: web.Request) -> None:
    """Close the caller's connection with RST instead of an answer."""
    if call.transport is not None:
        accepted = call.transport.get_extra_info("socket")
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        call.transport.abort()


async def run(aws: LocalAws, settings: FleetSettings) -> None:
    """Serve until SIGTERM or SIGINT. Raises what ``learn_entrance`` and ``Front`` do."""
    entrance = learn_entrance(aws, settings.api_id, settings.stage)
    front = Front(entrance, settings, aws)
    try:
        await front.learn()
        await _serve(front, settings)
    finally:
        await front.close()


async def _serve(front: Front, settings: FleetSettings) -> None:
    app = web.Application(client_max_size=_MAX_BODY_BYTES, middlewares=[_refuse_pages])
    app.router.add_get(CHANGES_PATH, front.changes)
    app.router.add_post(SHUT_PATH, front.shut)
    app.router.add_post(OPEN_PATH, front.open)
    app.router.add_route("*", "/{path:.*}", front.serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    ended = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, ended.set)
    watching = asyncio.create_task(front.watch())
    # A watch that breaks would leave the front ends with old news forever: the process ends.
    watching.add_done_callback(lambda _: ended.set())
    port = runner.addresses[0][1]
    print(json.dumps({"port": port, "simulated_propagation": settings.lag}), flush=True)
    await ended.wait()
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    await runner.cleanup()


def main(arguments: list[str]) -> int:
    """Run the process; return its exit code."""
    settings = FleetSettings(**json.loads(arguments[0]))
    aws = LocalAws(os.environ["AWS_ENDPOINT_URL"], os.environ["AWS_SESSION_TOKEN"])
    logging.basicConfig(format="%(message)s")
    try:
        asyncio.run(run(aws, settings))
    except (ApiError, LagError, FaultError, LambdaApiError, OSError) as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
