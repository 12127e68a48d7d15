"""The ways into a function under test: how each is called, and a history a door.

Locally a fleet stands in front of each. With one seed for all, the fleets draw the same lags: the
*same* front ends stand behind all doors. With a seed a door, each has front ends of its *own*.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from labs.kit.workbench import Bench
from poster.calls.attribution import parse_source
from poster.calls.curl_call import Exchange
from poster.calls.curl_engine import CurlEngine
from poster.calls.engine import Load
from poster.calls.posting import Posting
from poster.calls.probe import invoke_probed
from poster.calls.request import Request
from poster.calls.schedule import ClosedLoop
from poster.calls.signing import signer_for
from poster.calls.watch import Watch
from poster.local.fleet import INVOKE, Fleet, FleetSettings
from poster.local.target import LocalTarget, Propagation
from poster.rows.clock import RunClock
from poster.rows.journal import Journal
from poster.rows.record import Observation

REQUEST = Request(headers=(("Content-Type", "application/json"),), body='{"todoId": "{todo_id}"}')
FRONT_ENDS = 8  # few, so that doors with front ends of their own differ enough to be told apart
SAME, OWN = "the same for all doors", "of each door's own"


class DoorsTarget(LocalTarget):
    """An emulator and its fleets, which live as long as the ``with`` block."""

    def __init__(self, seed: int = 0, lag: str = "published") -> None:
        super().__init__(Propagation(lag, seed))
        self._fleets: list[Fleet] = []

    def doors(self, endpoints: dict[str, str], front_ends: str) -> dict[str, str]:
        """Return where each door is called from here, through a fleet that is started for it."""
        return {
            door: self._behind(endpoint, 0 if front_ends == SAME else place)
            for place, (door, endpoint) in enumerate(endpoints.items())
        }

    def _behind(self, endpoint: str, place: int) -> str:
        function, _, alias = endpoint.removeprefix(INVOKE).partition(":")
        settings = (
            FleetSettings(function, f"{INVOKE}{alias}")
            if endpoint.startswith(INVOKE)
            else FleetSettings.of_endpoint(endpoint)
        )
        settings = dataclasses.replace(
            settings,
            front_ends=FRONT_ENDS,
            lag=self.propagation.lag,
            seed=self.propagation.seed + 1_000 * place,
        )
        fleet = Fleet(self._emulator.aws, settings)
        fleet.start()
        self._fleets.append(fleet)
        if endpoint.startswith(INVOKE):
            return f"{fleet.endpoint}/2015-03-31/functions/{function}/invocations"
        return fleet.local_url(endpoint)

    def __enter__(self) -> DoorsTarget:
        super().__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        for fleet in self._fleets:
            fleet.stop()
        super().__exit__(*exception)


class Journals:
    """The histories of all doors; a step goes into each."""

    def __init__(self, by_door: Mapping[str, Journal]) -> None:
        self.by_door = by_door
        self.clock = RunClock()


class Posted(Posting):
    """The calls of one door in the background, into its history."""

    def __init__(
        self, journals: Journals, door: str, endpoint: str, exchange: Exchange, loop: ClosedLoop
    ) -> None:
        self.watch = Watch()
        journal = journals.by_door[door]

        def saw(observation: Observation) -> None:
            journal.write(observation)
            self.watch.saw(observation)

        load = Load(
            endpoint,
            tuple(range(1, loop.posters + 1)),
            loop,
            through_proxies=exchange.sign is not None,
        )
        super().__init__(CurlEngine(exchange), load, journals.clock, saw, self.watch.end)


def exchanges(
    on: Bench, endpoints: dict[str, str], front_ends: str
) -> dict[str, tuple[str, Exchange]]:
    """Return where each door is called and how: signed in an account, never here."""
    if isinstance(on.target, DoorsTarget):
        reachable = on.target.doors(endpoints, front_ends)
        # Fresh connections: each call lands anew, as the statistics assume.
        return {door: (url, Exchange(REQUEST, fresh_share=1.0)) for door, url in reachable.items()}
    client = on.target.client("lambda")
    found = {}
    for door, endpoint in endpoints.items():
        if door == "invoke":
            function, _, alias = endpoint.removeprefix(INVOKE).partition(":")
            marker_from = parse_source("json:/marker")
            probed = invoke_probed(client, function, alias, "{}", 1.0, marker_from)
            found[door] = (probed.endpoint, probed.exchange)
        else:
            sign = None if door == "alb" else signer_for(endpoint, client.meta.region_name)
            found[door] = (endpoint, Exchange(REQUEST, fresh_share=1.0, sign=sign))
    return found
