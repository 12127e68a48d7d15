"""The local AWS with a fleet per door: the simulated front ends behind each way in.

With one seed for all, the fleets draw the same lags: the *same* front ends stand behind all doors.
With a seed a door, each has front ends of its *own*.
"""

from __future__ import annotations

import dataclasses

from poster.local.fleet import INVOKE, Fleet, FleetSettings
from poster.local.target import LocalTarget, Propagation

FRONT_ENDS = 8  # few, so that doors with front ends of their own differ enough to be told apart
SAME, OWN = "the same for all doors", "of each door's own"


class DoorsTarget(LocalTarget):
    """An emulator and its fleets, which live as long as the ``with`` block."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(Propagation(seed=seed))
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
