"""What every way of deploying works on: a staged application, and the stack that it becomes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Mapping
from typing import Any

from poster.aws.stack import Stack
from poster.deploy.application import StagedApplication
from poster.deploy.function import Function
from poster.deploy.package import Package, zip_of
from poster.deploy.release import Release, Steps
from poster.deploy.sam_cli import SamCli
from poster.rows.clock import Clock
from poster.rows.record import Step, StepName


@dataclasses.dataclass(frozen=True, slots=True)
class ErrorBudget:
    """How many calls may fail while an alias is shifted."""

    allowed: int = 0
    failed: Callable[[], int] = lambda: 0  # calls with outcome "fail" until now


@dataclasses.dataclass(frozen=True, slots=True)
class Site:
    """Where releases are made, and where they go."""

    application: StagedApplication
    sam: SamCli
    stack: Stack
    parameters: Mapping[str, str]  # of the template, for every deploy with ``sam``
    clock: Clock
    budget: ErrorBudget = ErrorBudget()

    def step(self, name: StepName, **detail: Any) -> Step:
        """Return a step that is done now."""
        return Step(name, self.clock.now_ns(), detail)

    def function(self) -> Function:
        """Return the function of the stack, which must be there. Raises StackError."""
        outputs = self.stack.outputs()
        client = self.stack.client("lambda")
        return Function(client, outputs.function, outputs.alias, self.clock)

    def built(self, release: Release) -> Steps:
        """Make the release in the staged application and build it. Raises DeployError."""
        self.application.make_release(release.marker)
        yield self.step(StepName.BUILD_STARTED, marker=release.marker)
        for _ in self.sam.lines(["build"], self.application.path):
            pass
        yield self.step(StepName.BUILD_FINISHED)

    def packed(self, release: Release) -> Generator[Step, None, Package]:
        """Build the release and return its package. Raises DeployError."""
        yield from self.built(release)
        return Package(zip_of(self.application.built_code()))
