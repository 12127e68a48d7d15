"""CodeDeploy shifts the alias: SAM's DeploymentPreference, switched on by a template parameter.

``sam deploy`` works as ever, but CloudFormation hands the alias to CodeDeploy, and its one event
for the alias comes when the shift is over. So the alias is watched meanwhile: each change of its
weights is a step, timed by our clock when it was seen, late by as much as ``LOOK_EVERY_S``. These
steps are yielded when ``sam`` next says something, so they may follow steps of a later time.
"""

from __future__ import annotations

import contextlib
import math
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from poster.deploy import sam
from poster.deploy.function import Alias
from poster.deploy.release import DeployError, Release, Steps
from poster.deploy.site import Site
from poster.rows.clock import Clock
from poster.rows.record import Step, StepName

DEPLOYMENT_PREFERENCE = "DeploymentPreference"  # the template's parameter
LOOK_EVERY_S = 1.0


def deploy(release: Release, site: Site, configuration: str) -> Steps:
    """Deploy to a stack that is there. A step's ``weight`` is the share of ``to`` from then on."""
    return watched(deploy_stack(release, site, configuration), site.function().alias, site.clock)


def deploy_stack(release: Release, site: Site, configuration: str) -> Steps:
    """Deploy the stack itself, with nobody to be shifted yet."""
    return sam.deploy(release, site, parameters={DEPLOYMENT_PREFERENCE: configuration})


def watched(
    steps: Steps,
    alias: Callable[[], Alias],  # raises DeployError
    clock: Clock,
    look_every_s: float = LOOK_EVERY_S,
) -> Steps:
    """Yield the steps, and what the alias was seen to do meanwhile."""
    with _AliasWatch(alias, clock, look_every_s) as watch:
        for step in steps:
            yield from watch.taken()
            yield step
    yield from watch.taken()


def hold_s(configuration: str) -> float:
    """Return how long a configuration of CodeDeploy's own takes; 0 of one that is not known."""
    if found := re.search(r"Canary\d+Percent(\d+)Minutes?$", configuration):
        return 60.0 * int(found[1])
    if found := re.search(r"Linear(\d+)PercentEvery(\d+)Minutes?$", configuration):
        return 60.0 * int(found[2]) * math.ceil(100 / max(1, int(found[1])))
    return 0.0


def shift_between(before: Alias, now: Alias) -> dict[str, Any] | None:
    """Return what an alias-updated step says of the change; None where the shares are the same."""
    was, is_now = before.shares(), now.shares()
    gains = {
        version: is_now.get(version, 0.0) - was.get(version, 0.0) for version in {**was, **is_now}
    }
    to, start = max(gains, key=gains.__getitem__), min(gains, key=gains.__getitem__)
    if gains[to] < 1e-9:  # a weight is a float: the same share may differ in its last digits
        return None
    return {"from": start, "to": to, "weight": is_now[to]}


class _AliasWatch:
    """Looks at the alias from a thread of its own while the ``with`` block runs."""

    def __init__(self, alias: Callable[[], Alias], clock: Clock, look_every_s: float) -> None:
        self._alias = alias
        self._clock = clock
        self._look_every_s = look_every_s
        self._steps: deque[Step] = deque()
        self._last = alias()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alias", daemon=True)

    def taken(self) -> Iterator[Step]:
        """Yield the steps that were seen since."""
        while self._steps:
            yield self._steps.popleft()

    def __enter__(self) -> _AliasWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(self._look_every_s):
            # A look that fails is made up for by the next; what counts is in CloudFormation's
            # events too.
            with contextlib.suppress(DeployError):
                self._look()

    def _look(self) -> None:
        now = self._alias()
        detail = shift_between(self._last, now)
        if detail is not None:
            self._steps.append(Step(StepName.ALIAS_UPDATED, self._clock.now_ns(), detail))
        self._last = now
