"""A fleet for every API that is deployed while the local AWS runs in the foreground."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from poster.local.environment import LocalAws
from poster.local.fleet import Fleet, FleetSettings
from poster.local.target import Propagation


class Fleets:
    """Starts fleets as stages appear; a context manager that ends them."""

    def __init__(self, aws: LocalAws, propagation: Propagation) -> None:
        self._aws = aws
        self._propagation = propagation
        self._fleets: dict[tuple[str, str], Fleet] = {}

    def look(self) -> Iterator[str]:
        """Start a fleet for each stage that is new, and yield the URLs of its resources.

        Raises FleetError, and botocore's errors when the local AWS has ended.
        """
        gateway = self._aws.client("apigateway")
        for api in gateway.get_rest_apis()["items"]:
            for stage in gateway.get_stages(restApiId=api["id"])["item"]:
                key = (api["id"], stage["stageName"])
                if key not in self._fleets:
                    self._fleets[key] = self._start(*key)
                    base = f"{self._fleets[key].endpoint}/{stage['stageName']}"
                    resources = gateway.get_resources(restApiId=api["id"])["items"]
                    yield from (
                        f"{base}{each['path']}" for each in resources if each["path"] != "/"
                    )

    def _start(self, api_id: str, stage: str) -> Fleet:
        fleet = Fleet(
            self._aws.endpoint,
            FleetSettings(api_id, stage, **dataclasses.asdict(self._propagation)),
        )
        fleet.start()
        return fleet

    def __enter__(self) -> Fleets:
        return self

    def __exit__(self, *_: object) -> None:
        for fleet in self._fleets.values():
            fleet.stop()
