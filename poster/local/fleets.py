"""A fleet for every entrance that is deployed while the local AWS runs in the foreground."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

from poster.aws import simulated
from poster.local.deployed_api import function_urls, http_apis, rest_apis
from poster.local.environment import LocalAws
from poster.local.fleet import FUNCTION_URL, Fleet, FleetSettings
from poster.local.http_api import DEFAULT
from poster.local.target import Propagation

Call = tuple[str, str]  # method, or ANY or $default; path
Found = tuple[str, str, list[Call]]  # an entrance's id, its stage, what is called there


class Fleets:
    """Starts fleets as stages appear; a context manager that ends them."""

    def __init__(self, aws: LocalAws, propagation: Propagation) -> None:
        self._aws = aws
        self._propagation = propagation
        self._fleets: dict[tuple[str, str], Fleet] = {}

    def look(self) -> Iterator[tuple[str, str]]:
        """Start a fleet for each entrance that is new, and yield method and URL of its calls.

        An API that is replaced meanwhile is left out: its successor is there at the next look.
        Raises FleetError, and botocore's errors when the local AWS has ended.
        """
        for api_id, stage, calls in [*self._rest(), *self._http(), *self._urls()]:
            if (api_id, stage) not in self._fleets:
                prefix = "" if stage in {DEFAULT, FUNCTION_URL} else f"/{stage}"
                begin = f"{self._start(api_id, stage, prefix)}{prefix}"
                yield from ((method, f"{begin}{path}") for method, path in calls)

    def _rest(self) -> Iterator[Found]:
        gateway = self._aws.client("apigateway")
        for api in rest_apis(self._aws):
            with contextlib.suppress(gateway.exceptions.NotFoundException):
                resources = gateway.get_resources(restApiId=api["id"])["items"]
                calls = sorted(
                    (method, each["path"])
                    for each in resources
                    for method in each.get("resourceMethods", {})
                )
                for stage in gateway.get_stages(restApiId=api["id"])["item"]:
                    yield api["id"], stage["stageName"], calls

    def _http(self) -> Iterator[Found]:
        gateway = self._aws.client("apigatewayv2")
        for api_id in (each["ApiId"] for each in http_apis(self._aws)):
            with contextlib.suppress(gateway.exceptions.NotFoundException):
                keys = [each["RouteKey"] for each in gateway.get_routes(ApiId=api_id)["Items"]]
                calls = sorted((method, path or "/") for method, _, path in map(_split, keys))
                for stage in gateway.get_stages(ApiId=api_id)["Items"]:
                    yield api_id, stage["StageName"], calls

    def _urls(self) -> Iterator[Found]:
        for url_id in function_urls(self._aws):
            yield url_id, FUNCTION_URL, [("ANY", "/")]

    def _start(self, api_id: str, stage: str, prefix: str) -> str:
        """Start a fleet and let other shells find it; return its endpoint."""
        settings = FleetSettings(api_id, stage, **dataclasses.asdict(self._propagation))
        fleet = Fleet(self._aws, settings)
        fleet.start()
        self._fleets[api_id, stage] = fleet
        served = simulated.Served(fleet.endpoint, prefix, self._propagation.as_setting())
        simulated.keep(self._aws.client("ssm"), api_id, served)
        return fleet.endpoint

    def __enter__(self) -> Fleets:
        return self

    def __exit__(self, *_: object) -> None:
        for fleet in self._fleets.values():
            fleet.stop()


def _split(route_key: str) -> tuple[str, str, str]:
    return route_key.partition(" ")
