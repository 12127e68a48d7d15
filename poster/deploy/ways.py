"""The ways of deploying by name: what each is called, where it works, how its deployer is made.

A *way* is written NAME or NAME:ARGUMENTS, as on the command line. Whatever the way, the first
release of a run is deployed by ``sam``, which makes the stack; the way deploys those that follow.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Generator
from typing import Any

from poster.aws.stack import Stack
from poster.deploy import Deployer, Release
from poster.deploy.application import StagedApplication
from poster.deploy.codedeploy import CodeDeployDeployer
from poster.deploy.delete_old import DeleteOldDeployer
from poster.deploy.function import Function
from poster.deploy.lambda_api import LambdaApiDeployer
from poster.deploy.latest import LatestDeployer
from poster.deploy.package import Packer
from poster.deploy.sam import SamCli, SamDeployer
from poster.deploy.shifted import ErrorBudget, Hold, ShiftedDeployer, canary, linear
from poster.errors import PosterError
from poster.rows.clock import Clock
from poster.rows.record import Step

DEPLOYMENT_PREFERENCE = "DeploymentPreference"  # the template's parameter


class WayError(PosterError):
    """There is no such way of deploying, or not on this target."""


@dataclasses.dataclass(frozen=True, slots=True)
class Needs:
    """What deployers are made from."""

    application: StagedApplication
    sam: SamCli
    stack: Stack
    parameters: dict[str, str]  # of the template, for every deploy with ``sam``
    client: Callable[[str], Any]  # makes a boto3 client of a service
    clock: Clock
    budget: ErrorBudget

    def function(self) -> Function:
        """Return the function of the stack, which must be there. Raises StackError."""
        outputs = self.stack.outputs()
        return Function(self.client("lambda"), outputs.function, outputs.alias)

    def packer(self) -> Packer:
        """Return what builds and packs releases."""
        return Packer(self.application, self.sam, self.clock)

    def sam_deployer(self) -> SamDeployer:
        """Return the deployer that runs ``sam`` and moves the alias all at once."""
        return SamDeployer(
            application=self.application,
            sam=self.sam,
            stack_name=self.stack.name,
            parameters=self.parameters,
            clock=self.clock,
            alias_version=self.stack.alias_version,
        )


def _no_arguments(given: str) -> None:
    """There are none: ``parse_way`` has seen to it that nothing is given."""


def _sam(_: Any, needs: Needs) -> Deployer:
    return needs.sam_deployer()


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """Ways that differ in their arguments only."""

    form: str  # NAME or NAME:ARGUMENTS
    summary: str
    on_stack: Callable[[Any, Needs], Deployer]  # deploys to a stack that is there
    first: Callable[[Any, Needs], Deployer] = _sam  # deploys the stack
    arguments: Callable[[str], Any] = _no_arguments  # raises ValueError saying what is wanted
    targets: frozenset[str] = frozenset({"local", "aws"})
    why_not: str = ""  # said on any other target

    @property
    def name(self) -> str:
        """Return the name alone."""
        return self.form.partition(":")[0]


@dataclasses.dataclass(frozen=True, slots=True)
class Way:
    """A way of deploying, with its arguments."""

    text: str  # as it was given
    kind: Kind
    arguments: Any

    def require_target(self, target: str) -> None:
        """Raise WayError where this way does not work on ``target``."""
        if target not in self.kind.targets:
            raise WayError(
                f"{self.text} does not work on target {target}: {self.kind.why_not};"
                f" ways that do: {', '.join(forms(target))}"
            )


def parse_way(text: str) -> Way:
    """Return the way that a text names. Raises WayError."""
    name, colon, given = text.partition(":")
    kind = next((kind for kind in KINDS if kind.name == name), None)
    if kind is None:
        raise WayError(f"there is no way of deploying called {text!r}; ways: {', '.join(forms())}")
    if bool(colon) != (":" in kind.form):
        raise WayError(f"{text!r} is not of the form {kind.form}")
    try:
        return Way(text, kind, kind.arguments(given))
    except ValueError as error:
        raise WayError(f"{text!r} is not of the form {kind.form}: {error}") from None


def forms(target: str | None = None) -> list[str]:
    """Return how each way is written; of those that work on ``target``, where it is given."""
    return [kind.form for kind in KINDS if target is None or target in kind.targets]


def deployer_for(way: Way, needs: Needs) -> Deployer:
    """Return what deploys a run's releases in this way: the stack at first, then to the stack.

    The application's template may be changed for it. Raises DeployError.
    """
    return _FirstOtherwise(
        first=way.kind.first(way.arguments, needs), then=lambda: deployer_on_stack(way, needs)
    )


def deployer_on_stack(way: Way, needs: Needs) -> Deployer:
    """Return what deploys in this way to a stack that is there. Raises StackError."""
    return way.kind.on_stack(way.arguments, needs)


class _FirstOtherwise:
    """Deploys the first release with one deployer, and the rest with another, made by then."""

    def __init__(self, first: Deployer, then: Callable[[], Deployer]) -> None:
        self._first = first
        self._then = then
        self._is_there = False

    def deploy(self, release: Release) -> Generator[Step, None, None]:
        """See Deployer."""
        if self._is_there:
            yield from self._then().deploy(release)
        else:
            yield from self._first.deploy(release)
            self._is_there = True


def _percent_and_seconds(given: str) -> tuple[float, float]:
    numbers = re.fullmatch(r"(\d{1,3}(?:\.\d+)?),(\d{1,5}(?:\.\d+)?)", given, re.ASCII)
    percent, seconds = map(float, numbers.groups()) if numbers else (0.0, 0.0)
    if not (0.1 <= percent < 100 and seconds > 0):
        raise ValueError("PCT is at least 0.1 and under 100, SECONDS over 0, as in 10,5")
    return percent, seconds


def _configuration_name(given: str) -> str:
    # SAM takes "false" for a preference that is switched off.
    if not re.fullmatch(r"[\w+=,.@-]{1,100}", given, re.ASCII) or given.lower() == "false":
        raise ValueError("NAME is a CodeDeploy configuration, as in Linear10PercentEvery1Minute")
    return given


def _sam_express(_: None, needs: Needs) -> Deployer:
    return dataclasses.replace(needs.sam_deployer(), express=True)


def _lambda_api(_: None, needs: Needs) -> Deployer:
    return LambdaApiDeployer(needs.packer(), needs.function(), needs.clock)


def _delete_old(_: None, needs: Needs) -> Deployer:
    return DeleteOldDeployer(needs.packer(), needs.function(), needs.clock)


def _shifted(stages: list[Hold], needs: Needs) -> Deployer:
    return ShiftedDeployer(needs.packer(), needs.function(), needs.clock, stages, needs.budget)


def _sam_with_preference(configuration: str, needs: Needs) -> Deployer:
    parameters = {**needs.parameters, DEPLOYMENT_PREFERENCE: configuration}
    return dataclasses.replace(needs.sam_deployer(), parameters=parameters)


def _codedeploy(configuration: str, needs: Needs) -> Deployer:
    sam = _sam_with_preference(configuration, needs)
    return CodeDeployDeployer(sam, needs.function().alias, needs.clock)


def _sam_without_alias(_: None, needs: Needs) -> Deployer:
    needs.application.without_alias()
    return needs.sam_deployer()


def _latest(_: None, needs: Needs) -> Deployer:
    return LatestDeployer(needs.packer(), needs.function(), needs.clock)


_AWS_ONLY = frozenset({"aws"})

KINDS = (
    Kind("sam", "sam build and sam deploy; the alias moves all at once", _sam),
    Kind(
        "sam-express",
        "the same in CloudFormation's express mode, which does not wait for readiness",
        _sam_express,
        targets=_AWS_ONLY,
        why_not="the local AWS has no express mode",
    ),
    Kind(
        "lambda-api",
        "update the function, publish a version, move the alias, by the Lambda API",
        _lambda_api,
    ),
    Kind(
        "canary:PCT,SECONDS",
        "the new version gets PCT percent of the calls for SECONDS, then all",
        _shifted,
        arguments=lambda given: canary(*_percent_and_seconds(given)),
    ),
    Kind(
        "linear:PCT,SECONDS",
        "the new version gets PCT percent more every SECONDS",
        _shifted,
        arguments=lambda given: linear(*_percent_and_seconds(given)),
    ),
    Kind(
        "codedeploy:NAME",
        "sam deploy; CodeDeploy shifts the alias by its configuration NAME",
        _codedeploy,
        first=_sam_with_preference,
        arguments=_configuration_name,
        targets=_AWS_ONLY,
        why_not="the local AWS has no CodeDeploy",
    ),
    Kind(
        "latest",
        "no alias: callers get $LATEST while configuration and code are updated",
        _latest,
        first=_sam_without_alias,
    ),
    Kind(
        "delete-old",
        "a hazard: lambda-api, and the old version is deleted at once",
        _delete_old,
    ),
)
