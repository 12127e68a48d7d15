"""The wait for callers: probes into the sequential test, until it has passed or time is up.

Probes come from threads of their own, through one queue, to the thread that decides. While they
run, the control plane is looked at again now and then, and once more at the moment of passing:
an alias that has moved on is never released.

Nothing is retried: a probe that fails is counted, and the next one is due anyway.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import queue
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Literal

from poster.calls.probe import Probed, Probing
from poster.calls.schedule import OpenLoop
from poster.gate.control_plane import ControlPlane
from poster.gate.errors import GateError, NoAnswerError, NoVersionError
from poster.gate.sequential import Rule
from poster.gate.tally import (
    EndpointCount,
    Expected,
    Tally,
    sentence_of_passing,
    sentence_of_time_out,
)
from poster.rows.clock import Clock
from poster.rows.record import Observation, Step, StepName

LOOK_EVERY_S = 2.0  # at the control plane
TURN_S = 0.1  # the decision is told and the deadline is looked at no later than that
# A probe in flight is an execution environment at work. While the function is slow (a cold start, a
# machine that is busy) no more of them are made, or the probes themselves would make it slower.
IN_FLIGHT_S = 0.5  # the rate holds while answers take no longer
SILENT_ANSWERS = 500  # that many answers without any version, and none will come

Outcome = Literal["reached", "timed-out", "nothing-to-wait-for"]
Ended = tuple[int, Observation | None]  # place of the endpoint; None: its probes have ended


@dataclasses.dataclass(frozen=True, slots=True)
class Passage:
    """How a wait ended; ``sentence`` says it to a person."""

    outcome: Outcome
    sentence: str
    expected: Expected
    rule: Rule
    at_ns: int  # when it was decided
    waited_s: float
    endpoints: tuple[EndpointCount, ...] = ()

    @property
    def answered_by(self) -> set[str]:
        """Return every version, or marker, that any probe was answered by."""
        return {name for each in self.endpoints for name in each.answered_by if name}

    def step(self) -> Step:
        """Return a passage that was reached as a step of a history."""
        least = min(self.endpoints, key=lambda each: each.in_a_row)
        detail = {
            "expected": str(self.expected),
            "in_a_row": least.in_a_row,
            "bound": least.bound,
            "stale_share": self.rule.stale_share,
            "waited_s": self.waited_s,
        }
        return Step(StepName.GATE_PASSED, self.at_ns, detail)


def _nothing(*_: object) -> None:
    pass


@dataclasses.dataclass(frozen=True, slots=True)
class Wait:
    """What to wait for, where to ask, how sure to be."""

    probed: Sequence[Probed]
    expected: Expected
    rule: Rule
    rate_per_s: float  # at each endpoint
    clock: Clock
    # Raises a GateError when the control plane no longer says what it said when the wait began.
    look: Callable[[], None] = _nothing
    tell: Callable[[Sequence[Tally]], None] = _nothing
    prober: Callable[..., Probing] = Probing

    def until(self, deadline_ns: int) -> Passage:
        """Probe until every endpoint has passed or the deadline has come.

        Raises NoAnswerError, NoVersionError, and whatever ``look`` raises.
        """
        started_ns = self.clock.now_ns()
        tallies = [Tally(each.name, self.rule, self.expected) for each in self.probed]
        ended: queue.SimpleQueue[Ended] = queue.SimpleQueue()
        with ExitStack() as running:
            probers = [
                running.enter_context(self._probing(place, probed, ended))
                for place, probed in enumerate(self.probed)
            ]
            passed = _Decision(self, tallies, probers, ended).await_until(deadline_ns)
            at_ns = self.clock.now_ns()
        if not passed:
            _refuse_silence(tallies, self.expected)
        counts = tuple(tally.count() for tally in tallies)
        waited_s = (at_ns - started_ns) / 1e9
        return Passage(
            outcome="reached" if passed else "timed-out",
            sentence=sentence_of_passing(counts, self.rule)
            if passed
            else sentence_of_time_out(counts, self.rule, self.expected, waited_s),
            expected=self.expected,
            rule=self.rule,
            at_ns=at_ns,
            waited_s=waited_s,
            endpoints=counts,
        )

    def _probing(self, place: int, probed: Probed, ended: queue.SimpleQueue[Ended]) -> Probing:
        return self.prober(
            probed,
            OpenLoop(self.rate_per_s, max_in_flight=math.ceil(self.rate_per_s * IN_FLIGHT_S)),
            self.clock,
            emit=lambda observation: ended.put((place, observation)),
            on_end=lambda: ended.put((place, None)),
        )


def wait_in_order(
    control_plane: ControlPlane | None,
    wait: Wait,
    was: str | None,
    deadline_ns: int,
    narrate: Callable[[str], None] = _nothing,
) -> Passage:
    """Wait for the control plane, where there is one, then for callers.

    What is expected, if it is not said, is the version that the alias is at or is being moved to.
    ``was`` is the version, or the marker, before the deploy: if nothing else is expected, there is
    nothing to wait for. Raises GateErrors.
    """
    clock, expected = wait.clock, wait.expected
    started_ns = clock.now_ns()

    def ended(outcome: Outcome, sentence: str) -> Passage:
        now_ns = clock.now_ns()
        return Passage(outcome, sentence, expected, wait.rule, now_ns, (now_ns - started_ns) / 1e9)

    if control_plane is not None:
        standing = control_plane.settle(expected.version, was, deadline_ns, narrate)
        if expected == Expected():
            expected = Expected(standing.version)
        if standing.outcome != "settled":
            return ended(standing.outcome, standing.sentence)
        look = functools.partial(control_plane.require, standing.version)
        wait = dataclasses.replace(wait, expected=expected, look=look)
    elif was is not None and expected in (Expected(was), Expected(marker=was)):
        return ended("nothing-to-wait-for", f"{expected} is what was there before")
    narrate(f"asking {', '.join(each.name for each in wait.probed)} for {expected}")
    return wait.until(deadline_ns)


class _Decision:
    """One wait under way."""

    def __init__(
        self,
        wait: Wait,
        tallies: list[Tally],
        probers: list[Probing],
        ended: queue.SimpleQueue[Ended],
    ) -> None:
        self._wait = wait
        self._tallies = tallies
        self._probers = probers
        self._ended = ended
        self._now_ns = wait.clock.now_ns

    def await_until(self, deadline_ns: int) -> bool:
        """Return True when all have passed, False when the deadline has come."""
        look_ns = self._now_ns() + round(LOOK_EVERY_S * 1e9)
        tell_ns = 0
        while self._now_ns() < deadline_ns:
            if self._now_ns() >= tell_ns:
                self._wait.tell(self._tallies)
                tell_ns = self._now_ns() + round(TURN_S * 1e9)
            if self._now_ns() >= look_ns:
                self._wait.look()
                look_ns = self._now_ns() + round(LOOK_EVERY_S * 1e9)
            self._take(TURN_S)
            if self._all_passed() and self._stands():
                self._wait.tell(self._tallies)
                return True
        return False

    def _all_passed(self) -> bool:
        return all(tally.test.passed for tally in self._tallies)

    def _stands(self) -> bool:
        """Return whether the decision outlives a last look at the control plane."""
        self._wait.look()
        while not self._ended.empty():  # what ended during the look may be old
            self._take(0)
        return self._all_passed()

    def _take(self, wait_s: float) -> None:
        try:
            place, observation = self._ended.get(timeout=wait_s)
        except queue.Empty:
            return
        tally = self._tallies[place]
        if observation is None:
            self._probers[place].check()
            raise GateError(f"the probes of {tally.name} ended by themselves")
        tally.take(observation, self._now_ns())
        if tally.answers >= SILENT_ANSWERS:
            _refuse_silence([tally], self._wait.expected)


def _refuse_silence(tallies: Sequence[Tally], expected: Expected) -> None:
    """Raise NoAnswerError or NoVersionError where no answer could ever have been a new one."""
    for tally in tallies:
        if not tally.answers:
            raise NoAnswerError(
                f"none of {tally.test.said.total()} probes of {tally.name} was answered with a 2xx"
                f" status (the last one: {tally.last_error or 'no outcome yet'}): check the URL,"
                " the method and who may call it"
            )
        if tally.is_silent:
            what = "marker" if expected.version is None else "version"
            raise NoVersionError(
                f"{tally.answers} answers of {tally.name} name no {what}: say with --{what}-from"
                " where they do"
            )
