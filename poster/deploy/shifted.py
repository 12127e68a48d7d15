"""The alias is shifted by weights: some calls get the new version first, then all of them.

A *stage* is a share of the calls and the seconds it is held. While a stage is held, failed calls
are counted against an *error budget*; when it is spent, the alias goes back to the old version. An
answer that never came (unknown) counts for nothing.

Invariant: however the deploy ends, Ctrl-C and an abandoned iterator included, the alias sends all
calls to one version, or the error that is raised says that it does not, and how to put it right.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from poster.deploy.failure import with_failure_told
from poster.deploy.function import Alias, Function
from poster.deploy.lambda_api import published
from poster.deploy.release import DeployError, Release, Steps
from poster.deploy.site import Site
from poster.rows.record import Step, StepName

LOOK_EVERY_S = 0.5  # at the error budget, while a stage is held
_WEIGHT_DIGITS = 6


class BudgetSpentError(DeployError):
    """More calls failed during the shift than the budget allows."""


@dataclasses.dataclass(frozen=True, slots=True)
class Hold:
    """A share of the calls for the new version, and how long it is held."""

    weight: float  # over 0 and under 1
    hold_s: float


def canary(percent: float, seconds: float) -> list[Hold]:
    """Return the one stage of a canary; all calls follow it."""
    return [Hold(round(percent / 100, _WEIGHT_DIGITS), seconds)]


def linear(percent: float, seconds: float) -> list[Hold]:
    """Return the stages that each add ``percent``, as long as that is less than all calls."""
    weights: list[float] = []
    while (weight := round((len(weights) + 1) * percent / 100, _WEIGHT_DIGITS)) < 1:
        weights.append(weight)
    return [Hold(weight, seconds) for weight in weights]


def deploy(release: Release, site: Site, stages: Sequence[Hold]) -> Steps:
    """Publish the release and shift the alias to it. A step's ``weight`` is the share of ``to``."""
    function = site.function()
    steps = _steps(release, site, function, stages)
    return with_failure_told(steps, site.clock, function.where_alias_stands)


def _steps(release: Release, site: Site, function: Function, stages: Sequence[Hold]) -> Steps:
    package = yield from site.packed(release)
    old, new = yield from published(release, package, site, function)
    if old.weights:
        raise DeployError(
            f"alias {function.alias_name} is at {old}: another shift is under way or was left"
            " behind; end that first"
        )
    try:
        yield from _shift(old, new, site, function, stages)
    except GeneratorExit:
        # Nobody takes steps any more; the history ends here, the alias must not stay between.
        _roll_back(old, new, function)
        raise
    except BaseException as error:
        if _roll_back(old, new, function):
            yield _moved(site, new, old.version, 1.0, reason=_reason(error))
        raise
    yield _moved(site, old.version, new, 1.0)
    yield site.step(StepName.DEPLOY_FINISHED, marker=release.marker)


def _shift(old: Alias, new: str, site: Site, function: Function, stages: Sequence[Hold]) -> Steps:
    failed_before = site.budget.failed()
    seen = old
    for stage in stages:
        seen = function.move_alias(seen, old.version, {new: stage.weight})
        yield _moved(site, old.version, new, stage.weight)
        _hold(stage, site, failed_before)
    function.move_alias(seen, new, {})


def _hold(stage: Hold, site: Site, failed_before: int) -> None:
    clock, budget = site.clock, site.budget
    end_ns = clock.now_ns() + round(stage.hold_s * 1e9)
    while True:
        failed = budget.failed() - failed_before
        if failed > budget.allowed:
            raise BudgetSpentError(
                f"error budget spent: {failed} calls failed since the shift began,"
                f" {budget.allowed} may"
            )
        now_ns = clock.now_ns()
        if now_ns >= end_ns:
            return
        clock.sleep_until_ns(min(end_ns, now_ns + round(LOOK_EVERY_S * 1e9)))


def _roll_back(old: Alias, new: str, function: Function) -> bool:
    """Send all calls to the old version again; return whether the alias had to be moved.

    The alias is read first: the call that failed may have reached it or not, and where someone
    else has moved it, it is theirs. Raises DeployError when the alias stays in between.
    """
    try:
        now = function.alias()
        in_between = now.version == old.version and set(now.weights) == {new}
        if not in_between and now.version != new:
            return False
        function.move_alias(now, old.version, {})
    except DeployError as error:
        name, alias = function.name, function.alias_name
        raise DeployError(
            f"rolling back failed: {error}; alias {alias} may send calls to versions"
            f" {old.version} and {new}; put it back with: aws lambda update-alias"
            f" --function-name {name} --name {alias} --function-version {old.version}"
            " --routing-config AdditionalVersionWeights={}"
        ) from error
    return True


def _moved(site: Site, start: str, to: str, weight: float, **more: str) -> Step:
    return site.step(StepName.ALIAS_UPDATED, **{"from": start, "to": to, "weight": weight, **more})


def _reason(error: BaseException) -> str:
    if isinstance(error, BudgetSpentError):
        return "error budget spent"
    return "interrupted" if isinstance(error, KeyboardInterrupt) else "failure"
