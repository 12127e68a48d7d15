"""No alias: callers get ``$LATEST``, and see each half of a deploy as it is made.

The template without its alias makes API Gateway call the function itself. Configuration and code
are two updates, in CloudFormation's order; between them the old code runs with the new
configuration. Such an answer is a *chimera*. There is no switch, so no alias-updated step, and no
way back but another deploy.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator

from poster.deploy import Release
from poster.deploy.failure import with_failure_told
from poster.deploy.function import Function
from poster.deploy.lambda_api import updated
from poster.deploy.package import Packer
from poster.rows.clock import Clock
from poster.rows.record import Step


@dataclasses.dataclass(frozen=True, slots=True)
class LatestDeployer:
    """Updates the function that callers are calling."""

    packer: Packer
    function: Function
    clock: Clock

    def deploy(self, release: Release) -> Generator[Step, None, None]:
        """See Deployer."""
        return with_failure_told(self._steps(release), self.clock, _left)

    def _steps(self, release: Release) -> Generator[Step, None, None]:
        package = yield from self.packer.make(release)
        yield Step("deploy-started", self.clock.now_ns(), {"marker": release.marker})
        yield from updated(release, package, self.function, self.clock)
        yield Step("deploy-finished", self.clock.now_ns(), {"marker": release.marker})


def _left() -> str:
    return "there is no alias: callers get what was updated so far"
