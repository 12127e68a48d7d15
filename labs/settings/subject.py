"""The lab's function: its settings, and its releases, published through the Lambda API."""

from __future__ import annotations

import dataclasses
import itertools
import json
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from labs.kit.workbench import Bench
from poster.deploy import lambda_api
from poster.deploy.application import StagedApplication
from poster.deploy.function import Function
from poster.deploy.package import Package, zip_of
from poster.deploy.permission import gateway_permissions
from poster.deploy.release import Release, Steps
from poster.deploy.site import Site
from poster.local.fleet import INVOKE
from poster.rows.clock import Clock
from poster.rows.record import Step, StepName

BROKEN = "broken"  # the release whose init fails
_CODE = "function"
_LOOK_AGAIN_S = 5.0


@dataclasses.dataclass(frozen=True, slots=True)
class FunctionSite(Site):
    """Packs the function as it is: it has no dependencies, so there is nothing to build."""

    called: tuple[str, str] = ("", "")  # the function's name and its alias's

    def function(self) -> Function:
        """See Site."""
        return Function(self.stack.client("lambda"), *self.called, self.clock)

    def packed(self, release: Release) -> Generator[Step, None, Package]:
        """See Site."""
        self.application.make_release(release.marker)
        yield from ()
        return Package(zip_of(self.application.path / _CODE))


class Subject:
    """The function behind its alias, and what is changed about it."""

    def __init__(self, on: Bench) -> None:
        self._on = on
        self._values = on.stack.output_values()
        self.called = self._values["FunctionName"], self._values["AliasName"]
        self.client = on.target.client("lambda")
        self._application = StagedApplication(on.application.path, Path(_CODE) / "release.py")
        self._markers = (f"r{number:02}" for number in itertools.count(1))
        self.marker = "aaa"  # of the release that callers get

    def endpoints(self) -> dict[str, str]:
        """Return the way in of each door, as AWS has it."""
        function, alias = self.called
        return {
            "rest-api": self._values["RestEndpoint"],
            "http-api": self._values["HttpEndpoint"],
            "function-url": self._values["FunctionUrl"],
            "invoke": f"{INVOKE}{function}:{alias}",
        }

    def next_marker(self) -> str:
        """Return the name of a release that has not been."""
        return next(self._markers)

    def site(self, clock: Clock) -> FunctionSite:
        """Return where releases are made and where they go."""
        on = self._on
        return FunctionSite(self._application, on.sam, on.stack, {}, clock, called=self.called)

    def reserve(self, limit: int | None) -> None:
        """Set the reserved concurrency; None takes the limit away."""
        name = self.called[0]
        if limit is None:
            self.client.delete_function_concurrency(FunctionName=name)
        else:
            self.client.put_function_concurrency(
                FunctionName=name, ReservedConcurrentExecutions=limit
            )

    def provision(self, environments: int) -> None:
        """Keep so many environments initialised behind the alias; 0 keeps none."""
        on = {"FunctionName": self.called[0], "Qualifier": self.called[1]}
        if environments:
            self.client.put_provisioned_concurrency_config(
                **on, ProvisionedConcurrentExecutions=environments
            )
            while self.client.get_provisioned_concurrency_config(**on)["Status"] == "IN_PROGRESS":
                time.sleep(_LOOK_AGAIN_S)
        else:
            self.client.delete_provisioned_concurrency_config(**on)

    def warm(self, version: str, environments: int) -> None:
        """Call a version so often at once: its work makes each call an environment of its own."""

        def call(_: int) -> None:
            self.client.invoke(FunctionName=self.called[0], Qualifier=version, Payload=b"{}")

        with ThreadPoolExecutor(environments) as callers:
            list(callers.map(call, range(environments)))


def warmed(
    release: Release, site: Site, warm: Callable[[str], None], *, before_the_switch: bool
) -> Steps:
    """Publish, warm the new version and move the alias, in this order or the last two reversed."""
    function = site.function()
    package = yield from site.packed(release)
    old, new = yield from lambda_api.published(release, package, site, function)
    if before_the_switch:
        warm(new)
    function.move_alias(old, new, {})
    yield site.step(StepName.ALIAS_UPDATED, **{"from": old.version, "to": new})
    if not before_the_switch:
        warm(new)


def new_permission_first(release: Release, site: Site) -> Steps:
    """Replace API Gateway's permission without a gap: the new one before the old one goes."""
    function = site.function()
    on: dict[str, Any] = {"FunctionName": function.name, "Qualifier": function.alias_name}
    old = gateway_permissions(json.loads(function.client.get_policy(**on)["Policy"]))
    for each in old:
        new = {**each, "StatementId": f"{each['StatementId']}-new"}
        function.client.add_permission(**on, **new)
    yield from lambda_api.deploy(release, site)
    for each in old:
        function.client.remove_permission(**on, StatementId=each["StatementId"])


def rolled_back(site: Site, to: str) -> Steps:
    """Point the alias at a version again."""
    function = site.function()
    at = function.alias()
    function.move_alias(at, to, {})
    yield site.step(StepName.ALIAS_UPDATED, **{"from": at.version, "to": to})
