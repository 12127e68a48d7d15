"""The lab of two functions: what a release of one does to the callers of the other.

The *released* function gets a new release and is then taken out of the template; the *bystander*
is what the lab is about: its version, alias, execution environments and callers must not notice.
Both routes are called all along, each into a history of its own. A *phase* is the time from one
deploy's start to the next one's.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import polars as pl
from msgspec import structs

from labs.kit.table import Table
from poster.calls.engine import Engine, Load
from poster.calls.posting import Posting
from poster.calls.schedule import ClosedLoop
from poster.calls.watch import Watch
from poster.errors import PosterError
from poster.judge.statistics import quantiles_ms
from poster.rows.clock import Clock
from poster.rows.history import History
from poster.rows.journal import HISTORY, Journal
from poster.rows.record import Observation, Run, Step, StepName

RELEASED, BYSTANDER = "orders", "stock"
FIRST, SECOND = "aaa", "xxx"
PHASES = ("before", f"release of {RELEASED}", f"removal of {RELEASED}")
PAUSE_S = 0.1
ANSWERS = 10  # before a deploy, and after it
QUIET_S = 1.0
TIMEOUT_S = 120.0
REFUSED = (403, 404)  # what API Gateway says where there is no route
_OWN = ("AWS::Lambda::Function", "AWS::Lambda::Version", "AWS::Lambda::Alias")


class LabError(PosterError):
    """The lab could not go on; the histories hold what happened until then."""


@dataclasses.dataclass(frozen=True, slots=True)
class Control:
    """What the control plane says of the bystander, and whether the other function is there."""

    version: str  # that its alias is at
    revision: str  # of the alias; every change of it has a new one
    code_sha256: str
    is_released_there: bool

    def bystander(self) -> tuple[str, str, str]:
        """Return what must never change."""
        return self.version, self.revision, self.code_sha256


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """One line of a changeset."""

    action: str
    logical_id: str
    resource_type: str


@dataclasses.dataclass(frozen=True, slots=True)
class Deploy:
    """One deploy and what is known of it beside the histories."""

    name: str  # of its phase
    steps: Callable[[], Iterator[Step]]
    is_over: Callable[[Route], bool]  # for the released function's callers


class Route:
    """The callers of one function, and their history."""

    def __init__(self, name: str, journal: Journal) -> None:
        self.name = name
        self.journal = journal
        self.watch = Watch()
        self._refusals = 0

    def saw(self, observation: Observation) -> None:
        """Take note of a call. Called from the poster's thread."""
        self.journal.write(observation)
        self._refusals = self._refusals + 1 if observation.status in REFUSED else 0
        self.watch.saw(observation)

    def took_over(self, marker: str, answers: int = ANSWERS) -> bool:
        """Wait until the marker alone answers; return whether it came to that."""
        return self.watch.wait_for(marker, answers, QUIET_S, TIMEOUT_S)

    def is_refused(self, clock: Clock) -> bool:
        """Wait until the route is refused, call after call; return whether it came to that."""
        deadline_ns = clock.now_ns() + round(TIMEOUT_S * 1e9)
        while self._refusals < ANSWERS and clock.now_ns() < deadline_ns:
            clock.sleep_until_ns(clock.now_ns() + round(PAUSE_S * 1e9))
        return self._refusals >= ANSWERS


@dataclasses.dataclass(frozen=True, slots=True)
class PairRig:
    """What the lab is made of."""

    endpoint: str  # the routes are below it
    engine: Engine
    clock: Clock
    through_proxies: bool
    run: Run  # what both histories begin with
    control: Callable[[], Control]  # of the bystander


def call_both(
    rig: PairRig, deploys: Sequence[Deploy], directory: Path, say: Callable[[str], None]
) -> list[Control]:
    """Call both routes while the deploys are made; return what the bystander was around them.

    Raises LabError when a deploy is not seen by callers, and what deploys raise.
    """
    with ExitStack() as opened:
        routes = [_opened(rig, name, directory, opened) for name in (RELEASED, BYSTANDER)]
        if not all(route.took_over(FIRST) for route in routes):
            raise LabError(f"not both routes were answered by release {FIRST}")
        controls = [rig.control()]
        for deploy in deploys:
            say(deploy.name)
            for step in deploy.steps():
                for route in routes:
                    # The alias that moves is not the bystander's.
                    if step.name != StepName.ALIAS_UPDATED or route.name == RELEASED:
                        route.journal.write(step)
            if not deploy.is_over(routes[0]):
                raise LabError(f"callers of {RELEASED} saw nothing of the {deploy.name}")
            controls.append(rig.control())
    return controls


def _opened(rig: PairRig, name: str, directory: Path, opened: ExitStack) -> Route:
    folder = directory / name
    folder.mkdir()
    endpoint = f"{rig.endpoint}/{name}"
    run = structs.replace(rig.run, endpoint=endpoint, run_id=f"{rig.run.run_id}-{name}")
    route = Route(name, opened.enter_context(Journal(folder / HISTORY, run)))
    load = Load(endpoint, (1,), ClosedLoop(1, PAUSE_S), through_proxies=rig.through_proxies)
    opened.enter_context(Posting(rig.engine, load, rig.clock, route.saw, route.watch.end))
    return route


def changes_in(said: str) -> list[Change]:
    """Return the changeset that ``sam deploy --output json`` printed."""
    changes = []
    for line in said.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and event.get("type") == "changeset":
            changes.append(Change(event["action"], event["logical_id"], event["resource_type"]))
    return changes


def without_function(template: str, logical_id: str) -> str:
    """Return a template without a resource and without the outputs that refer to it."""
    blocks = re.split(r"(?m)^(?=  \w|\w)", template)
    named = re.compile(rf"^  {logical_id}:|!(Ref|GetAtt) {logical_id}\b", re.MULTILINE)
    return "".join(block for block in blocks if not named.search(block))


def tables(
    histories: Sequence[History],
    controls: Sequence[Control],
    changes: Sequence[Sequence[Change]],
) -> list[Table]:
    """Return what callers saw, and what was deployed; histories: released, bystander."""
    callers = Table(
        "What callers saw: one caller per route, closed loop",
        (
            *("callers of", "while", "calls", "ok", "403/404", "other ng", "versions"),
            *("execution environments", "of them new", "p50 ms", "p99 ms"),
        ),
        [
            row
            for name, history in zip((RELEASED, BYSTANDER), histories, strict=True)
            for row in _caller_rows(name, history)
        ],
    )
    deployed = Table(
        f"What {BYSTANDER} is for the control plane after each deploy",
        ("after the", "version", "alias", "code", f"function {RELEASED}"),
        [
            (
                phase,
                after.version,
                "untouched" if after.revision == before.revision else "changed",
                "the same" if after.code_sha256 == before.code_sha256 else "changed",
                "there" if after.is_released_there else "gone",
            )
            for phase, before, after in zip(PHASES[1:], controls, controls[1:], strict=False)
        ],
    )
    changesets = Table(
        "The changesets",
        ("deploy", "action", "resources"),
        [
            (phase, action, ", ".join(each.logical_id for each in changed if each.action == action))
            for phase, changed in zip(PHASES[1:], changes, strict=True)
            for action in dict.fromkeys(each.action for each in changed)
        ],
    )
    return [callers, deployed, changesets]


def phases_of(history: History) -> list[pl.DataFrame]:
    """Return the observations of each phase, by when the calls were sent."""
    starts = [step.at_ns for step in history.steps if step.name == StepName.DEPLOY_STARTED]
    edges = [None, *starts, None]
    parts = []
    for start, end in itertools.pairwise(edges):
        rows = history.observations
        rows = rows if start is None else rows.filter(pl.col("sent_ns") >= start)
        parts.append(rows if end is None else rows.filter(pl.col("sent_ns") < end))
    return parts


def _caller_rows(name: str, history: History) -> Iterator[tuple[str, ...]]:
    known: set[Any] = set()
    for phase, rows in zip(PHASES, phases_of(history), strict=False):
        ok = rows.filter(pl.col("outcome") == "ok")
        refused = rows.filter(pl.col("status").is_in(REFUSED)).height
        environments = set(ok["instance_id"].drop_nulls())
        took = (rows["received_ns"] - rows["sent_ns"]).drop_nulls().to_numpy()
        quantiles = quantiles_ms(took, {"p50": 0.5, "p99": 0.99})
        yield (
            name,
            phase,
            *(str(rows.height), str(ok.height), str(refused)),
            str(rows.height - ok.height - refused),
            ", ".join(sorted(ok["function_version"].cast(pl.String).drop_nulls().unique())) or "-",
            str(len(environments)),
            str(len(environments - known)) if known else "-",
            *("-" if each is None else f"{each:.1f}" for each in quantiles.values()),
        )
        known |= environments


def faults_in(
    histories: Sequence[History],
    controls: Sequence[Control],
    changes: Sequence[Sequence[Change]],
) -> list[str]:
    """Return what contradicts "only what changed is deployed", a sentence each."""
    released, bystander = histories
    found = []
    calls = bystander.observations
    ok = calls.filter(pl.col("outcome") == "ok")
    if ok.height < calls.height:
        found.append(f"{calls.height - ok.height} of {calls.height} calls of {BYSTANDER} not ok")
    # Lambda never promises to use an environment again; the emulator has one, so locally a second
    # one would be the deploy's doing.
    same = [
        "function_version",
        "marker",
        *(["instance_id"] if bystander.run.target == "local" else []),
    ]
    for what in same:
        if ok[what].n_unique() != 1:
            found.append(f"{BYSTANDER} was answered by {ok[what].n_unique()} values of {what}")
    if len({control.bystander() for control in controls}) != 1:
        found.append(f"version, alias or code of {BYSTANDER} changed: {controls}")
    for change in (change for changed in changes for change in changed):
        if change.logical_id.lower().startswith(BYSTANDER) and change.resource_type in _OWN:
            found.append(f"a changeset has {change.action} {change.logical_id}")
    if controls[-1].is_released_there:
        found.append(f"function {RELEASED} is still there")
    phases = phases_of(released)
    if any(rows.filter(pl.col("outcome") != "ok").height for rows in phases[:2]):
        found.append(f"calls of {RELEASED} failed before it was removed")
    last = phases[-1]["status"].tail(ANSWERS)
    if not last.is_in(REFUSED).all():
        found.append(f"the removed route answered {sorted(set(last))} to the end")
    return found
