"""Calls the function while something is done to it, and measures what its settings do to callers.

Every measurement leaves histories in folders of its own; what they prove is for ``judge``.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from labs.kit.doors import SAME, DoorsTarget, Journals, Posted, exchanges
from labs.kit.workbench import Bench
from labs.settings.heard import KEPT, UNWARMED, Gated, Heard
from labs.settings.subject import BROKEN, Subject, new_permission_first, rolled_back, warmed
from poster.calls.curl_call import Exchange
from poster.calls.curl_engine import CurlEngine
from poster.calls.engine import Load, Stop
from poster.calls.probe import Probed
from poster.calls.schedule import ClosedLoop, OpenLoop
from poster.deploy.release import Release, Steps
from poster.deploy.site import Site
from poster.deploy.ways import parse_way
from poster.errors import PosterError
from poster.gate import settling
from poster.gate.control_plane import ControlPlane
from poster.gate.errors import GateError
from poster.gate.sequential import Rule
from poster.gate.tally import Expected
from poster.gate.waiting import Question, Wait
from poster.rows import loading
from poster.rows.history import History
from poster.rows.journal import HISTORY, Journal
from poster.rows.record import Run
from poster.rows.tools import tool_versions

LIMITS = (1, 2, 5, None)  # reserved concurrency; None: no limit of its own
AT_ONCE = 12  # calls of a burst
POSTERS = ClosedLoop(2, 0.1)  # a door
MANY_POSTERS = ClosedLoop(4, 0.05)  # where one door is called
ENVIRONMENTS = 4  # kept initialised, or warmed
BASELINE = 8  # answers of a door before a deploy, and of the new release after it
QUIET_S = 2.5  # of new answers alone; the lag is shorter
BROKEN_S = 2.0  # callers get a release whose init fails, before it is taken back
TIMEOUT_S = 300.0  # AWS takes minutes over provisioned concurrency
GATE_S = 12.0
GATE = Rule(stale_share=0.05, confidence=0.95)  # with few probes: a limit is what is looked at
GATE_PROBES_PER_S = 25.0
_AT_ONCE_PER_S = 1e5

Call = tuple[str, Exchange]  # where, and how


class LabError(PosterError):
    """The lab could not go on; the histories hold what happened until then."""


@dataclasses.dataclass(frozen=True, slots=True)
class Callers:
    """Callers of the function's doors, each with a history."""

    on: Bench
    subject: Subject
    doors: Mapping[str, Call]

    @classmethod
    def of(cls, on: Bench, subject: Subject) -> Callers:
        """Start what stands in front of the doors."""
        return cls(on, subject, exchanges(on, subject.endpoints(), SAME))

    def reserved(self) -> Iterator[tuple[list[Heard], Gated]]:
        """Yield what each limit does: to a burst, to a deploy under calls, to the gate."""
        for limit in LIMITS:
            name = "unset" if limit is None else str(limit)
            self.on.narrator.phase(f"reserved concurrency {name}: a burst, a deploy, the gate")
            self.subject.reserve(limit)
            bursts = [self._burst(name, door) for door in self.doors]
            deploys, gated = self._deploy_with_gate(name)
            yield bursts + deploys, gated
        self.subject.reserve(None)

    def provisioned(self) -> Iterator[Heard]:
        """Yield what warming does, and provisioned concurrency, with a release that is broken."""
        warm = partial(self.subject.warm, environments=ENVIRONMENTS)
        ways: dict[str, Callable[[Release, Site], Steps]] = {
            UNWARMED: parse_way("lambda-api").deploy,
            "warm after the switch": partial(warmed, warm=warm, before_the_switch=False),
            "warm before the switch": partial(warmed, warm=warm, before_the_switch=True),
        }
        for name, way in ways.items():
            yield self._release(name, way)
        yield self._broken(UNWARMED)
        self.subject.provision(ENVIRONMENTS)
        yield self._release(KEPT, ways[UNWARMED])
        yield self._broken(KEPT)
        self.subject.provision(0)

    def permission(self) -> Iterator[Heard]:
        """Yield what callers get while the alias's permission is replaced."""
        ways = {
            "it stays (lambda-api)": parse_way("lambda-api").deploy,
            "the old one goes first (permission-gap)": parse_way("permission-gap").deploy,
            "the new one comes first": new_permission_first,
        }
        for name, way in ways.items():
            yield self._release(name, way)

    def _burst(self, limit: str, door: str) -> Heard:
        endpoint, exchange = self.doors[door]
        journals = Journals({})
        folder = self._folder("burst", limit, door)
        with Journal(folder / HISTORY, self._run(folder.name, endpoint, journals)) as journal:
            loop = OpenLoop(_AT_ONCE_PER_S, calls=AT_ONCE, max_in_flight=AT_ONCE)
            load = Load(endpoint, (1,), loop, through_proxies=exchange.sign is not None)
            CurlEngine(exchange).run(load, journals.clock, journal.write, Stop())
        return Heard(limit, door, "burst", loading.load(folder))

    def _deploy_with_gate(self, limit: str) -> tuple[list[Heard], Gated]:
        gated: list[Gated] = []

        def act(journals: Journals, watches: Mapping[str, Posted]) -> None:
            self._deploy(journals, parse_way("lambda-api").deploy)
            self._require(watches, QUIET_S)
            gated.append(self._gate(limit, journals))

        heard = self._called(("deploy", limit), self.doors, POSTERS, act)
        return [Heard(limit, door, "deploy", heard[door]) for door in heard], gated[0]

    def _gate(self, limit: str, journals: Journals) -> Gated:
        """Ask at the REST API whether callers get the release, as `poster wait` does."""
        endpoint, exchange = self.doors["rest-api"]
        probed = Probed("the REST API", endpoint, exchange, exchange.sign is not None)
        plane = ControlPlane(
            self.subject.client, settling.Subject(*self.subject.called), journals.clock
        )
        wait = Wait(
            [Question(probed, Expected(marker=self.subject.marker))],
            GATE,
            GATE_PROBES_PER_S,
            journals.clock,
            at_a_time=plane.concurrency().at_a_time,
        )
        began_ns = journals.clock.now_ns()
        try:
            passage = wait.until(began_ns + round(GATE_S * 1e9))
        except GateError as error:
            waited_s = (journals.clock.now_ns() - began_ns) / 1e9
            return Gated(limit, "no answer", waited_s, wait.max_in_flight, 0, 0, str(error))
        (count,) = passage.endpoints
        return Gated(
            limit,
            passage.outcome,
            passage.waited_s,
            wait.max_in_flight,
            count.new + count.old + count.fail + count.unknown,
            count.fail,
            passage.sentence,
        )

    def _release(self, name: str, way: Callable[[Release, Site], Steps]) -> Heard:
        self.on.narrator.phase(f"{name}: a deploy under calls")

        def act(journals: Journals, watches: Mapping[str, Posted]) -> None:
            self._deploy(journals, way)
            self._require(watches, QUIET_S)

        return self._one_door(name, "release", act)

    def _broken(self, name: str) -> Heard:
        self.on.narrator.phase(f"{name}: a release whose init fails")

        def act(journals: Journals, watches: Mapping[str, Posted]) -> None:
            site = self.subject.site(journals.clock)
            before = site.function().alias().version
            self._steps(journals, parse_way("lambda-api").deploy(Release(BROKEN, BROKEN), site))
            journals.clock.sleep_until_ns(journals.clock.now_ns() + round(BROKEN_S * 1e9))
            self._steps(journals, rolled_back(site, before))
            # A call that fails names no release: nothing but time tells that it is gone.
            journals.clock.sleep_until_ns(journals.clock.now_ns() + round(QUIET_S * 1e9))
            self._require(watches, QUIET_S)

        return self._one_door(name, BROKEN, act)

    def _one_door(
        self, name: str, what: str, act: Callable[[Journals, Mapping[str, Posted]], None]
    ) -> Heard:
        door = "rest-api"
        called = self._called((what, name), {door: self.doors[door]}, MANY_POSTERS, act)
        return Heard(name, door, what, called[door])

    def _called(
        self,
        names: tuple[str, str],
        doors: Mapping[str, Call],
        loop: ClosedLoop,
        act: Callable[[Journals, Mapping[str, Posted]], None],
    ) -> dict[str, History]:
        """Call the doors until ``act`` is done; return what each was told."""
        folders = {door: self._folder(*names, door) for door in doors}
        journals = Journals({})
        with ExitStack() as opened:
            journals.by_door = {
                door: opened.enter_context(
                    Journal(folders[door] / HISTORY, self._run(names[0], endpoint, journals, loop))
                )
                for door, (endpoint, _) in doors.items()
            }
            posted = {
                door: opened.enter_context(Posted(journals, door, *call, loop))
                for door, call in doors.items()
            }
            self._require(posted, quiet_s=0.0)
            act(journals, posted)
        return {door: loading.load(folder) for door, folder in folders.items()}

    def _deploy(self, journals: Journals, way: Callable[[Release, Site], Steps]) -> None:
        marker = self.subject.next_marker()
        self._steps(journals, way(Release(marker, marker), self.subject.site(journals.clock)))
        self.subject.marker = marker

    def _steps(self, journals: Journals, steps: Steps) -> None:
        for step in steps:
            for journal in journals.by_door.values():
                journal.write(step)

    def _require(self, posted: Mapping[str, Posted], quiet_s: float) -> None:
        marker = self.subject.marker
        for door, each in posted.items():
            if not each.watch.wait_for(marker, BASELINE, quiet_s, TIMEOUT_S):
                raise LabError(f"door {door} was not answered by release {marker}")

    def _folder(self, *names: str) -> Path:
        folder = self.on.directory.joinpath(*(re.sub(r"\W+", "-", name) for name in names))
        folder.mkdir(parents=True)
        return folder

    def _run(
        self, run_id: str, endpoint: str, journals: Journals, loop: ClosedLoop | None = None
    ) -> Run:
        target = self.on.target
        return Run(
            run_id=f"{self.on.directory.name}-{run_id}",
            origin_unix_ns=journals.clock.origin_unix_ns,
            target=target.name,
            endpoint=endpoint,
            loop="open" if loop is None else "closed",
            posters=1 if loop is None else loop.posters,
            pause_s=None if loop is None else loop.pause_s,
            settings={"propagation": target.propagation.as_setting()}
            if isinstance(target, DoorsTarget)
            else {},
            tools=tool_versions(),
        )
