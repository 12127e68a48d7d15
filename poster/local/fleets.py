"""A fleet for every API that is deployed while the local AWS runs in the foreground."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

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

        An API that is replaced meanwhile is left out: its successor is there at the next look.
        Raises FleetError, and botocore's errors when the local AWS has ended.
        """
        gateway = self._aws.client("apigateway")
        for api in gateway.get_rest_apis()["items"]:
            with contextlib.suppress(gateway.exceptions.NotFoundException):
                yield from self._new_urls(gateway, api["id"])

    def _new_urls(self, gateway: Any, api_id: str) -> Iterator[str]:
        for stage in gateway.get_stages(restApiId=api_id)["item"]:
            key = (api_id, stage["stageName"])
            if key not in self._fleets:
                resources = gateway.get_resources(restApiId=api_id)["items"]
                settings = FleetSettings(*key, **dataclasses.asdict(self._propagation))
                fleet = Fleet(self._aws, settings)
                fleet.start()
                self._fleets[key] = fleet
                paths = [each["path"] for each in resources if each["path"] != "/"]
                yield from (f"{fleet.endpoint}/{stage['stageName']}{path}" for path in paths)

    def __enter__(self) -> Fleets:
        return self

    def __exit__(self, *_: object) -> None:
        for fleet in self._fleets.values():
            fleet.stop()
