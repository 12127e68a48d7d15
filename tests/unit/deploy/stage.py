"""What the tests of all ways share: a clock without waiting, packages without building."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator

from fake_lambda import FakeLambda, zip_with

from poster.deploy import Release
from poster.deploy.function import Function
from poster.deploy.package import Package
from poster.rows.record import Step

ORIGIN_UNIX_NS = 1_795_321_400_000_000_000
RELEASE = Release("xxx", "xxx-config")


class SteppedClock:
    """Stands still but for sleeping, which takes no time; ``on_sleep`` sees each new time."""

    origin_unix_ns = ORIGIN_UNIX_NS

    def __init__(self) -> None:
        self._now_ns = 0
        self.on_sleep: Callable[[float], None] = lambda now_s: None

    def now_ns(self) -> int:
        return self._now_ns

    def sleep_until_ns(self, at_ns: int) -> None:
        self._now_ns = max(self._now_ns, at_ns)
        self.on_sleep(self._now_ns / 1e9)


class FakePacker:
    def make(self, release: Release) -> Generator[Step, None, Package]:
        yield Step("build-started", 0)
        yield Step("build-finished", 0)
        return Package(zip_with(release.marker))


def function_of(client: FakeLambda) -> Function:
    return Function(client, "todo", "Sample")


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
        return [step.detail for step in self.steps if step.name == "alias-updated"]
