"""Deploys through the Lambda API: update, publish, move the alias all at once.

What lambroll, the SDKs and many scripts do. The stack stays as CloudFormation made it; the
function's code, its config marker and the alias go on without it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator

from poster.deploy import DeployError, Release
from poster.deploy.failure import with_failure_told
from poster.deploy.function import Alias, Function, Updated
from poster.deploy.package import Package, Packer
from poster.rows.clock import Clock
from poster.rows.record import Step


@dataclasses.dataclass(frozen=True, slots=True)
class LambdaApiDeployer:
    """Publishes each release and points the alias at it."""

    packer: Packer
    function: Function
    clock: Clock

    def deploy(self, release: Release) -> Generator[Step, None, None]:
        """See Deployer."""
        return with_failure_told(self._steps(release), self.clock, self.function.where_alias_stands)

    def _steps(self, release: Release) -> Generator[Step, None, None]:
        yield from moved(release, self.packer, self.function, self.clock)
        yield Step("deploy-finished", self.clock.now_ns(), {"marker": release.marker})


def moved(
    release: Release, packer: Packer, function: Function, clock: Clock
) -> Generator[Step, None, str]:
    """Publish the release, point the alias at it, and return the version it was at before.

    Raises DeployError.
    """
    old, new = yield from published(release, packer, function, clock)
    function.move_alias(old, new, {})
    yield Step("alias-updated", clock.now_ns(), {"from": old.version, "to": new})
    return old.version


def published(
    release: Release, packer: Packer, function: Function, clock: Clock
) -> Generator[Step, None, tuple[Alias, str]]:
    """Build the release and publish it as a version; return the alias, not moved yet, and it.

    Raises DeployError, also when the alias is at that version already: Lambda publishes no new one
    for code and configuration that have not changed.
    """
    package = yield from packer.make(release)
    yield Step("deploy-started", clock.now_ns(), {"marker": release.marker})
    seen = yield from updated(release, package, function, clock)
    new = function.publish(seen)
    old = function.alias()
    if new == old.version:
        raise DeployError(
            f"there is nothing to deploy: version {new}, where alias {function.alias_name} is, has"
            f" release {release.marker} already"
        )
    yield Step("version-published", clock.now_ns(), {"version": new})
    return old, new


def updated(
    release: Release, package: Package, function: Function, clock: Clock
) -> Generator[Step, None, Updated]:
    """Set configuration, then code, each once the one before is done; return the function.

    The order is CloudFormation's (https://github.com/aws/aws-cdk/pull/33587). Raises DeployError.
    """
    function.configure(function.settled(), release)
    yield Step("configuration-updated", clock.now_ns(), {"config_marker": release.config_marker})
    seen = function.settled()
    yield Step("update-successful", clock.now_ns(), {"of": "configuration"})
    function.upload(seen, package)
    yield Step("code-updated", clock.now_ns(), {"code_sha256": package.sha256})
    seen = function.settled()
    function.require(seen, release, package)
    yield Step("update-successful", clock.now_ns(), {"of": "code"})
    return seen
