"""A prober that is scripted, and a clock that ticks when somebody looks."""

from __future__ import annotations

from collections.abc import Callable

from poster.calls.probe import Probed
from poster.calls.schedule import OpenLoop
from poster.rows.clock import Clock
from poster.rows.record import Observation
from tests.support.lambda_api import FakeClock


def answer(seq: int, sent_ns: int, received_ns: int, version: str | None) -> Observation:
    return Observation(
        seq, 1, f"t01-{seq:04}", sent_ns, sent_ns, received_ns, "ok", 200, function_version=version
    )


def failure(seq: int, sent_ns: int, error: str) -> Observation:
    return Observation(seq, 1, f"t01-{seq:04}", sent_ns, sent_ns, None, "fail", error=error)


class TickingClock(FakeClock):
    """20 ms pass each time somebody looks."""

    def now_ns(self) -> int:
        self.at_ns += 20_000_000
        return self.at_ns


class ScriptedProber:
    """Emits what the script holds for its endpoint, all at once."""

    script: dict[str, list[Observation]]

    def __init__(
        self,
        probed: Probed,
        loop: OpenLoop,
        clock: Clock,
        emit: Callable[[Observation], None],
        on_end: Callable[[], None],
    ) -> None:
        self._probed = probed
        self.emit = emit
        self.on_end = on_end
        self.failure: Exception | None = None

    def check(self) -> None:
        if self.failure is not None:
            raise self.failure

    def __enter__(self) -> ScriptedProber:
        for observation in self.script[self._probed.name]:
            self.emit(observation)
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing runs."""


def scripted(**script: list[Observation]) -> type[ScriptedProber]:
    return type("Scripted", (ScriptedProber,), {"script": script})
