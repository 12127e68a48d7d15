"""The hazard: the old version is deleted as soon as the alias has moved away from it.

``lambroll deploy --keep-versions 1`` and many clean-up scripts do this. The control plane allows
it, since no alias points at the version any more; but callers are routed to it for some seconds
yet, and get errors (https://github.com/DataBiosphere/azul/issues/7883).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator

from poster.deploy import Release
from poster.deploy.failure import with_failure_told
from poster.deploy.function import Function
from poster.deploy.lambda_api import moved
from poster.deploy.package import Packer
from poster.rows.clock import Clock
from poster.rows.record import Step


@dataclasses.dataclass(frozen=True, slots=True)
class DeleteOldDeployer:
    """Deploys through the Lambda API and leaves no version to go back to."""

    packer: Packer
    function: Function
    clock: Clock

    def deploy(self, release: Release) -> Generator[Step, None, None]:
        """See Deployer."""
        return with_failure_told(self._steps(release), self.clock, self.function.where_alias_stands)

    def _steps(self, release: Release) -> Generator[Step, None, None]:
        old = yield from moved(release, self.packer, self.function, self.clock)
        self.function.delete_version(old)
        yield Step("version-deleted", self.clock.now_ns(), {"version": old})
        yield Step("deploy-finished", self.clock.now_ns(), {"marker": release.marker})
