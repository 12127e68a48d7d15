"""CodeDeploy shifts the alias: SAM's DeploymentPreference, switched on by a template parameter.

``sam deploy`` works as ever, but CloudFormation hands the alias to CodeDeploy, and its one event
for the alias comes when the shift is over. So the alias is watched meanwhile: each change of its
weights is a step, timed by our clock when it was seen. These steps are yielded when ``sam`` next
says something, so they may follow steps of a later time.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Iterator

from poster.aws.watcher import Watcher
from poster.deploy import sam
from poster.deploy.release import Release, Steps
from poster.deploy.site import Site
from poster.rows.record import Step, StepName

DEPLOYMENT_PREFERENCE = "DeploymentPreference"  # the template's parameter


def deploy(release: Release, site: Site, configuration: str) -> Steps:
    """Deploy to a stack that is there. A step's ``weight`` is the share of ``to`` from then on."""
    return watched(deploy_stack(release, site, configuration), site)


def deploy_stack(release: Release, site: Site, configuration: str) -> Steps:
    """Deploy the stack itself, with nobody to be shifted yet."""
    return sam.deploy(release, site, parameters={DEPLOYMENT_PREFERENCE: configuration})


def watched(steps: Steps, site: Site) -> Steps:
    """Yield the steps, and what the alias was seen to do meanwhile. Raises AwsError."""
    function = site.function()
    seen = deque[Step]()
    # When nothing can be seen any more, CloudFormation's events still tell what counts.
    with Watcher(
        *(function.client, function.name, function.alias_name, site.clock),
        emit=seen.append,
        tell=lambda _: None,
    ):
        for step in steps:
            yield from _moves(seen)
            yield step
    yield from _moves(seen)


def hold_s(configuration: str) -> float:
    """Return how long a configuration of CodeDeploy's own takes; 0 of one that is not known."""
    if found := re.search(r"Canary\d+Percent(\d+)Minutes?$", configuration):
        return 60.0 * int(found[1])
    if found := re.search(r"Linear(\d+)PercentEvery(\d+)Minutes?$", configuration):
        return 60.0 * int(found[2]) * math.ceil(100 / max(1, int(found[1])))
    return 0.0


def _moves(seen: deque[Step]) -> Iterator[Step]:
    """Take what was seen; the deploy's other steps tell themselves."""
    while seen:
        step = seen.popleft()
        if step.name == StepName.ALIAS_UPDATED:
            yield step
