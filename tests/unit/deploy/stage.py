"""What the tests of all ways share: a clock without waiting, packages without building."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Iterator
from typing import Any

from fake_lambda import FakeLambda, zip_with

from poster.deploy.function import Function
from poster.deploy.package import Package
from poster.deploy.release import Release
from poster.deploy.site import ErrorBudget, Site
from poster.rows.record import Step, StepName

ORIGIN_UNIX_NS = 1_795_321_400_000_000_000
RELEASE = Release("xxx", "xxx-config")


class SteppedClock:
    """Stands still but for sleeping, which takes no time; ``on_sleep`` sees each new time."""

    origin_unix_ns = ORIGIN_UNIX_NS
    origin_monotonic_ns = 0

    def __init__(self) -> None:
        self._now_ns = 0
        self.on_sleep: Callable[[float], None] = lambda now_s: None

    def now_ns(self) -> int:
        return self._now_ns

    def sleep_until_ns(self, at_ns: int) -> None:
        self._now_ns = max(self._now_ns, at_ns)
        self.on_sleep(self._now_ns / 1e9)


@dataclasses.dataclass(frozen=True, slots=True)
class Stage(Site):
    """A site with a fake Lambda, where nothing is built."""

    aws: Any = None

    @classmethod
    def with_lambda(
        cls, aws: FakeLambda, clock: SteppedClock, budget: ErrorBudget | None = None
    ) -> Stage:
        return cls(None, None, None, {}, clock, budget or ErrorBudget(), aws=aws)

    def function(self) -> Function:
        return Function(self.aws, "todo", "Sample", self.clock)

    def packed(self, release: Release) -> Generator[Step, None, Package]:
        yield Step(StepName.BUILD_STARTED, 0)
        yield Step(StepName.BUILD_FINISHED, 0)
        return Package(zip_with(release.marker))


class Taken:
    """Takes steps as the experiment does, and keeps those that came before an error."""

    def __init__(self, steps: Iterator[Step]) -> None:
        self.steps: list[Step] = []
        self.error: BaseException | None = None
        try:
            for step in steps:
                self.steps.append(step)
        except BaseException as error:
            self.error = error

    @property
    def names(self) -> list[str]:
        return [step.name for step in self.steps]

    @property
    def moves(self) -> list[dict[str, object]]:
        return [step.detail for step in self.steps if step.name == StepName.ALIAS_UPDATED]
