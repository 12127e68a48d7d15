"""The alias is shifted by weights: some calls get the new version first, then all of them.

A *stage* is a share of the calls and the seconds it is held. While a stage is held, failed calls
are counted against an *error budget*; when it is spent, the alias goes back to the old version. An
answer that never came (unknown) counts for nothing.

Invariant: however the deploy ends, Ctrl-C and an abandoned iterator included, the alias sends all
calls to one version, or the error that is raised says that it does not, and how to put it right.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Sequence

from poster.deploy import DeployError, Release
from poster.deploy.failure import with_failure_told
from poster.deploy.function import Alias, Function
from poster.deploy.lambda_api import published
from poster.deploy.package import Packer
from poster.rows.clock import Clock
from poster.rows.record import Step

LOOK_EVERY_S = 0.5  # at the error budget, while a stage is held
_WEIGHT_DIGITS = 6


class BudgetSpentError(DeployError):
    """More calls failed during the shift than the budget allows."""


@dataclasses.dataclass(frozen=True, slots=True)
class ErrorBudget:
    """How many calls may fail while the alias is shifted."""

    allowed: int
    failed: Callable[[], int]  # calls with outcome "fail" until now


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


@dataclasses.dataclass(frozen=True, slots=True)
class ShiftedDeployer:
    """Publishes each release and shifts the alias to it, stage by stage."""

    packer: Packer
    function: Function
    clock: Clock
    stages: Sequence[Hold]
    budget: ErrorBudget

    def deploy(self, release: Release) -> Generator[Step, None, None]:
        """See Deployer. A step's ``weight`` is the share of ``to`` from then on."""
        return with_failure_told(self._steps(release), self.clock, self.function.where_alias_stands)

    def _steps(self, release: Release) -> Generator[Step, None, None]:
        old, new = yield from published(release, self.packer, self.function, self.clock)
        if old.weights:
            raise DeployError(
                f"alias {self.function.alias_name} is at {old}: another shift is under way or was"
                " left behind; end that first"
            )
        try:
            yield from self._shift(old, new)
        except GeneratorExit:
            # Nobody takes steps any more; the history ends here, the alias must not stay between.
            self._roll_back(old, new)
            raise
        except BaseException as error:
            if self._roll_back(old, new):
                yield self._moved(new, old.version, 1.0, reason=_reason(error))
            raise
        yield self._moved(old.version, new, 1.0)
        yield Step("deploy-finished", self.clock.now_ns(), {"marker": release.marker})

    def _shift(self, old: Alias, new: str) -> Generator[Step, None, None]:
        failed_before = self.budget.failed()
        seen = old
        for stage in self.stages:
            seen = self.function.move_alias(seen, old.version, {new: stage.weight})
            yield self._moved(old.version, new, stage.weight)
            self._hold(stage, failed_before)
        self.function.move_alias(seen, new, {})

    def _hold(self, stage: Hold, failed_before: int) -> None:
        end_ns = self.clock.now_ns() + round(stage.hold_s * 1e9)
        while True:
            failed = self.budget.failed() - failed_before
            if failed > self.budget.allowed:
                raise BudgetSpentError(
                    f"error budget spent: {failed} calls failed since the shift began,"
                    f" {self.budget.allowed} may"
                )
            now_ns = self.clock.now_ns()
            if now_ns >= end_ns:
                return
            self.clock.sleep_until_ns(min(end_ns, now_ns + round(LOOK_EVERY_S * 1e9)))

    def _roll_back(self, old: Alias, new: str) -> bool:
        """Send all calls to the old version again; return whether the alias had to be moved.

        The alias is read first: the call that failed may have reached it or not, and where someone
        else has moved it, it is theirs. Raises DeployError when the alias stays in between.
        """
        try:
            now = self.function.alias()
            in_between = now.version == old.version and set(now.weights) == {new}
            if not in_between and now.version != new:
                return False
            self.function.move_alias(now, old.version, {})
        except DeployError as error:
            name, alias = self.function.name, self.function.alias_name
            raise DeployError(
                f"rolling back failed: {error}; alias {alias} may send calls to versions"
                f" {old.version} and {new}; put it back with: aws lambda update-alias"
                f" --function-name {name} --name {alias} --function-version {old.version}"
                " --routing-config AdditionalVersionWeights={}"
            ) from error
        return True

    def _moved(self, start: str, to: str, weight: float, **more: str) -> Step:
        detail = {"from": start, "to": to, "weight": weight, **more}
        return Step("alias-updated", self.clock.now_ns(), detail)


def _reason(error: BaseException) -> str:
    if isinstance(error, BudgetSpentError):
        return "error budget spent"
    return "interrupted" if isinstance(error, KeyboardInterrupt) else "failure"
