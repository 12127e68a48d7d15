"""The wait for callers: probes into the sequential test, until it has passed or time is up.

Probes come from threads of their own, through one queue, to the thread that decides. While they
run, the control plane is looked at again now and then, and once more at the moment of passing:
an alias that has moved on is never released, nor one that could not be read.

Nothing is retried: a probe that fails is counted, and the next one is due anyway.
"""

from __future__ import annotations

import dataclasses
import math
import queue
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Literal

from poster.calls.probe import Probed, Probing
from poster.calls.schedule import OpenLoop
from poster.gate.control_plane import ControlPlane, settle
from poster.gate.errors import GateError, NoAnswerError, NoVersionError
from poster.gate.sequential import Rule
from poster.gate.tally import (
    EndpointCount,
    Expected,
    Tally,
    sentence_of_breaking,
    sentence_of_passing,
    sentence_of_time_out,
)
from poster.rows.clock import Clock
from poster.rows.record import Observation, Step, StepName

LOOK_EVERY_S = 2.0  # at the control plane; and so much later after a look that could not be trusted
DOUBT_S = 0.5
TURN_S = 0.1  # the decision is told and the deadline is looked at no later than that
# A probe in flight is an execution environment at work. While the function is slow (a cold start, a
# machine that is busy) no more of them are made, or the probes themselves would make it slower.
IN_FLIGHT_S = 0.5  # the rate holds while answers take no longer
SILENT_ANSWERS = 500  # that many answers without any version, and none will come

Outcome = Literal["reached", "timed-out", "broken", "nothing-to-wait-for", "nothing-new"]
Ended = tuple[int, Observation | None]  # place of the endpoint; None: its probes have ended


@dataclasses.dataclass(frozen=True, slots=True)
class Question:
    """Where to ask, and what a new answer is."""

    probed: Probed
    expected: Expected


@dataclasses.dataclass(frozen=True, slots=True)
class Passage:
    """How a wait ended; ``sentence`` says it to a person."""

    outcome: Outcome
    sentence: str
    expected: tuple[Expected, ...]
    rule: Rule
    at_ns: int  # when it was decided
    waited_s: float
    endpoints: tuple[EndpointCount, ...] = ()
    questions: tuple[Question, ...] = ()

    @property
    def named(self) -> str:
        """Return what was waited for."""
        return ", ".join(map(str, self.expected))

    @property
    def answered_by(self) -> set[str]:
        """Return every version, or marker, that any probe was answered by."""
        return {name for each in self.endpoints for name in each.answered_by if name}

    def step(self) -> Step:
        """Return a passage that was reached as a step of a history."""
        least = min(self.endpoints, key=lambda each: each.in_a_row)
        detail = {
            "expected": self.named,
            "in_a_row": least.in_a_row,
            "bound": least.bound,
            "attempts": least.attempts,
            "stale_share": self.rule.stale_share,
            "waited_s": self.waited_s,
        }
        return Step(StepName.GATE_PASSED, self.at_ns, detail)


def _nothing(*_: object) -> None:
    pass


def _stands() -> bool:
    return True


@dataclasses.dataclass(frozen=True, slots=True)
class Wait:
    """What to wait for, where to ask, how sure to be."""

    questions: Sequence[Question]
    rule: Rule
    rate_per_s: float  # at each endpoint
    clock: Clock
    at_a_time: int | None = None  # probes in flight at each endpoint, at most
    # Whether the control plane still says what it said when the wait began; raises a GateError when
    # it surely does not.
    look: Callable[[], bool] = _stands
    tell: Callable[[Sequence[Tally]], None] = _nothing
    prober: Callable[..., Probing] = Probing

    @property
    def max_in_flight(self) -> int:
        """Return how many probes may be in flight at each endpoint."""
        wanted = math.ceil(self.rate_per_s * IN_FLIGHT_S)
        return wanted if self.at_a_time is None else max(1, min(wanted, self.at_a_time))

    def until(self, deadline_ns: int) -> Passage:
        """Probe until every endpoint has passed, one is broken or the deadline has come.

        Raises NoAnswerError, NoVersionError, and whatever ``look`` raises.
        """
        started_ns = self.clock.now_ns()
        tallies = [Tally(each.probed.name, self.rule, each.expected) for each in self.questions]
        ended: queue.SimpleQueue[Ended] = queue.SimpleQueue()
        with ExitStack() as running:
            probers = [
                running.enter_context(self._probing(place, question.probed, ended))
                for place, question in enumerate(self.questions)
            ]
            passed = _Decision(self, tallies, probers, ended).await_until(deadline_ns)
            at_ns = self.clock.now_ns()
        if not passed:
            _refuse_silence(tallies)
        counts = tuple(tally.count() for tally in tallies)
        waited_s = (at_ns - started_ns) / 1e9
        broken = next((each for each in counts if each.spoilt_by), None)
        outcome: Outcome = "reached" if passed else "broken" if broken else "timed-out"
        if passed:
            sentence = sentence_of_passing(counts, self.rule)
        elif broken:
            sentence = sentence_of_breaking(broken, self.rule)
        else:
            sentence = sentence_of_time_out(counts, waited_s)
        expected = tuple(dict.fromkeys(each.expected for each in self.questions))
        asked = tuple(self.questions)
        return Passage(outcome, sentence, expected, self.rule, at_ns, waited_s, counts, asked)

    def _probing(self, place: int, probed: Probed, ended: queue.SimpleQueue[Ended]) -> Probing:
        return self.prober(
            probed,
            OpenLoop(self.rate_per_s, max_in_flight=self.max_in_flight),
            self.clock,
            emit=lambda observation: ended.put((place, observation)),
            on_end=lambda: ended.put((place, None)),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Service:
    """A function's control plane, or none, and the places where its callers are asked.

    Both places and what is expected may follow from the version at which the control plane stands.
    """

    plane: ControlPlane | None
    probed: Callable[[str | None], Sequence[Probed]]
    expected: Expected

    def questions(self, version: str | None) -> list[Question]:
        """Return what to ask once the control plane stands at that version."""
        expected = Expected(version) if self.expected == Expected() else self.expected
        return [Question(each, expected) for each in self.probed(version)]


def wait_in_order(
    services: Sequence[Service],
    wait: Wait,
    was: str | None,
    deadline_ns: int,
    narrate: Callable[[str], None] = _nothing,
) -> Passage:
    """Wait for the control planes, where there are any, then for callers.

    ``wait`` has no questions yet: they follow from where the control planes stand.

    Functions of which nothing new was published are left out; if that is all of them, there is
    nothing to wait for. Without a control plane, that is so when ``was``, the version or the marker
    before the deploy, is the expected one. Raises GateErrors and AwsErrors.
    """
    clock = wait.clock
    started_ns = clock.now_ns()

    def ended(outcome: Outcome, sentence: str, expected: Sequence[Expected]) -> Passage:
        at_ns = clock.now_ns()
        waited_s = (at_ns - started_ns) / 1e9
        return Passage(outcome, sentence, tuple(expected), wait.rule, at_ns, waited_s)

    planes = [each.plane for each in services if each.plane is not None]
    if not planes:
        expected = services[0].expected
        if was is not None and expected in (Expected(was), Expected(marker=was)):
            return ended("nothing-to-wait-for", f"{expected} is what was there before", [expected])
        asked = [each.questions(None) for each in services]
        return _ask(wait, asked, _stands, deadline_ns, narrate)
    standings = settle(planes, deadline_ns, clock, narrate)
    late = [each for each in standings if each.outcome == "timed-out"]
    if late or not any(each.outcome == "settled" for each in standings):
        said = "; ".join(each.sentence for each in late or standings)
        versions = [Expected(each.version) for each in late or standings]
        return ended("timed-out" if late else "nothing-to-wait-for", said, versions)
    going = [
        (service, plane, standing.version)
        for service, plane, standing in zip(services, planes, standings, strict=True)
        if standing.outcome == "settled"
    ]
    return _ask(
        wait,
        [service.questions(version) for service, _, version in going],
        # All are looked at, whatever the first one says.
        lambda: all([plane.stands(version) for _, plane, version in going]),
        deadline_ns,
        narrate,
    )


def _ask(
    wait: Wait,
    questions: Sequence[Sequence[Question]],
    look: Callable[[], bool],
    deadline_ns: int,
    narrate: Callable[[str], None],
) -> Passage:
    asked = [question for each in questions for question in each]
    for question in asked:
        narrate(f"asking {question.probed.name} for {question.expected}")
    return dataclasses.replace(wait, questions=asked, look=look).until(deadline_ns)


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
        self._look_ns = 0
        self._doubts = False

    def await_until(self, deadline_ns: int) -> bool:
        """Return True when all have passed; False when one is broken or the deadline has come."""
        self._look_ns = self._now_ns() + round(LOOK_EVERY_S * 1e9)
        tell_ns = 0
        while self._now_ns() < deadline_ns:
            if self._now_ns() >= tell_ns:
                self._wait.tell(self._tallies)
                tell_ns = self._now_ns() + round(TURN_S * 1e9)
            if self._now_ns() >= self._look_ns:
                self._look()
            self._take(TURN_S)
            if any(tally.test.is_broken for tally in self._tallies):
                return False
            if self._all_passed() and self._stands():
                self._wait.tell(self._tallies)
                return True
        return False

    def _all_passed(self) -> bool:
        return all(tally.test.passed for tally in self._tallies)

    def _look(self) -> bool:
        stands = self._wait.look()
        pause_s = LOOK_EVERY_S if stands else DOUBT_S
        self._look_ns = self._now_ns() + round(pause_s * 1e9)
        self._doubts = not stands
        return stands

    def _stands(self) -> bool:
        """Return whether the decision outlives a last look at the control plane."""
        if self._doubts and self._now_ns() < self._look_ns:
            return False  # the last look could not be trusted, and the next one is not due
        if not self._look():
            return False
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
        if tally.answers >= SILENT_ANSWERS or tally.test.is_broken:
            _refuse_silence([tally])


def _refuse_silence(tallies: Sequence[Tally]) -> None:
    """Raise NoAnswerError or NoVersionError where no answer could ever have been a new one."""
    for tally in tallies:
        if not tally.answers and not tally.has_spoken:
            raise NoAnswerError(
                f"none of {tally.test.said.total()} probes of {tally.name} was answered with a 2xx"
                f" status (the last one: {tally.last_error or 'no outcome yet'}): check the URL,"
                " the method and who may call it"
            )
        if tally.is_silent:
            what = "marker" if tally.expected.version is None else "version"
            raise NoVersionError(
                f"{tally.answers} answers of {tally.name} name no {what}: say with --{what}-from"
                " where they do"
            )
        if tally.is_cached:
            raise NoVersionError(
                f"all {tally.answers} answers of {tally.name} were a cache's ({tally.last_cache}):"
                " name the origin, which says what the function answers"
            )
