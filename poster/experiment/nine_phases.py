"""One run of the experiment, in nine phases.

    1  plan      a run directory and a copy of the application
    2  target    start it or check it (the caller's context manager)
    3  release 1 build and deploy before any traffic
    4  journal   the history's first row; steps of release 1 follow it
    5  post      posters call until phase 8, and probers, who write nothing, beside them
    6  baseline  every poster has been answered by release 1
    7  releases  each is deployed under the traffic, then answered by, then quiet
    8  drain     no new calls; those in flight end
    9  judge     rows and log streams are collected, analysed, saved

This is the only place where engine, way of deploying and target meet. Whatever interrupts a phase,
calls in flight are drained and the history keeps every row; what is left behind in the target is
the caller's to say, who made it.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from msgspec import structs

from poster.aws.checkup import removal
from poster.aws.collecting import PARTS, STORE, collect
from poster.aws.errors import AwsError
from poster.aws.stack import Outputs, Stack
from poster.aws.target import Target
from poster.calls.curl_call import Exchange
from poster.calls.engine import Engine, Load, Sign
from poster.calls.posting import Posting
from poster.calls.probe import Probed
from poster.calls.request import TODO_PROBE, run_prefix
from poster.calls.schedule import ClosedLoop
from poster.calls.signing import signer_for
from poster.calls.watch import Watch
from poster.deploy.release import Release
from poster.deploy.site import Site
from poster.deploy.ways import Way
from poster.errors import PosterError
from poster.gate.sequential import Rule
from poster.gate.tally import Expected
from poster.gate.waiting import Question, Wait
from poster.judge.analysis import Result
from poster.judge.statistics import CLEAN_RUN
from poster.report.saving import save_result
from poster.rows.address import shown
from poster.rows.clock import boot_id
from poster.rows.collected import NOT_COLLECTED
from poster.rows.extent import extent_in
from poster.rows.journal import HISTORY, Journal, point_latest_at
from poster.rows.record import Observation, Run, Step

BASELINE_ANSWERS = 3  # per poster, before the first deploy
# Beside the posters somebody asks who answers, often enough to say soon from when a deploy is safe.
PROBERS = 3
PROBE_PAUSE_S = 0.05
PROBES_PER_S = 50.0
WARM_ANSWERS = 3  # per poster, before the gate begins to ask
QUIET_S = 8.0  # without an old answer; the published runs' longest gap between two was 3.3 s
TAKE_OVER_TIMEOUT_S = 180.0

# The published experiment's releases; later ones are numbered.
_PUBLISHED_MARKERS = ("aaa", "xxx", "yyy", "zzzzz")


class ExperimentError(PosterError):
    """The experiment could not go on; the history holds what happened until then."""


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What the experiment is to do."""

    directory: Path
    posters: int
    pause_s: float
    deploys: int
    is_gated: bool = False  # the gate ends the wait for a release, not a quiet time
    quiet_s: float = QUIET_S
    take_over_timeout_s: float = TAKE_OVER_TIMEOUT_S
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    tools: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def releases(self) -> list[Release]:
        """Return the releases in order: the one deployed before the traffic, then the others."""
        numbered = (f"r{number}" for number in range(len(_PUBLISHED_MARKERS) + 1, 10**6))
        markers = [*_PUBLISHED_MARKERS, *(next(numbered) for _ in range(self.deploys))]
        return [Release(marker, marker) for marker in markers[: self.deploys + 1]]


class Narrator(Protocol):
    """Told what happens, to show it to whoever waits."""

    def phase(self, sentence: str) -> None:
        """A phase begins."""

    def step(self, step: Step) -> None:
        """The deployer did or saw something."""

    def observed(self, observation: Observation) -> None:
        """A call ended. Called from the posters' threads."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rig:
    """What an experiment is made of."""

    target: Target
    site: Site
    way: Way
    engine: Callable[[Exchange], Engine]
    watch: Watch
    narrator: Narrator


def run_experiment(plan: Plan, rig: Rig) -> Result:
    """Run phases 3 to 9 and return what the history proves.

    Raises DeployError, ExperimentError, JournalError and AwsErrors; the
    history is closed and whole by then.
    """
    first, *others = plan.releases
    stack, narrator, watch = rig.site.stack, rig.narrator, rig.watch

    _refuse_used_table(stack, rig.target)
    narrator.phase(f"deploying release {first.marker}, before any traffic")
    steps_before = []
    for step in rig.way.first(first, rig.site):
        narrator.step(step)
        steps_before.append(step)
    outputs = stack.outputs()

    run = _run_row(plan, rig, outputs)
    with Journal(plan.directory / HISTORY, run) as journal:
        point_latest_at(plan.directory)
        for step in steps_before:
            journal.write(step)
        load = Load(
            endpoint=outputs.endpoint,
            posters=tuple(range(1, plan.posters + 1)),
            loop=ClosedLoop(plan.posters, plan.pause_s, PROBERS, PROBE_PAUSE_S),
            through_proxies=rig.target.through_proxies,
            id_prefix=_id_prefix(rig),
        )

        def emit(observation: Observation) -> None:
            journal.write(observation)
            watch.saw(observation)
            narrator.observed(observation)

        narrator.phase(f"posting to {shown(outputs.endpoint)}")
        engine = rig.engine(Exchange(sign=_sign(rig, outputs)))
        with Posting(engine, load, rig.site.clock, emit, on_end=watch.end):
            _wait_for(watch, first, plan, answers=BASELINE_ANSWERS * plan.posters, quiet_s=0)
            for release in others:
                _deploy_under_traffic(release, plan, rig, outputs, journal)
            narrator.phase("draining calls in flight")

    narrator.phase("collecting the table and the log streams")
    why = _uncollected(stack, rig.target, plan.directory)
    result = save_result(plan.directory)
    if why is not None:
        raise ExperimentError(
            f"the run is whole, its table and logs could not be collected: {why}; then run:"
            f" poster collect {plan.directory}"
        )
    return result


def _deploy_under_traffic(
    release: Release, plan: Plan, rig: Rig, outputs: Outputs, journal: Journal
) -> None:
    """Deploy the release and wait until callers get it, by the gate or by a quiet time."""
    narrator, watch = rig.narrator, rig.watch
    narrator.phase(f"deploying release {release.marker} under the traffic")
    # Closing: an interrupt between two steps lets the way undo a shift now, not when the
    # iterator happens to be collected.
    with contextlib.closing(rig.way.deploy(release, rig.site)) as steps:
        for step in steps:
            journal.write(step)
            narrator.step(step)
    if not plan.is_gated:
        narrator.phase(f"waiting for {plan.quiet_s:g} s of {release.marker} alone")
        _wait_until_settled(watch, release, plan, plan.quiet_s)
        return
    # Probes that met only cold environments would each start one more, all at once.
    _wait_for(watch, release, plan, answers=WARM_ANSWERS * plan.posters, quiet_s=0)
    narrator.phase(f"waiting for the gate: probes until {release.marker} is alone")
    passed = _pass_gate(rig, outputs, release, plan)
    journal.write(passed)
    narrator.step(passed)
    _wait_until_settled(watch, release, plan, quiet_s=0)


def _run_row(plan: Plan, rig: Rig, outputs: Outputs) -> Run:
    releases = [dataclasses.asdict(release) for release in plan.releases]
    return Run(
        run_id=plan.directory.name,
        origin_unix_ns=rig.site.clock.origin_unix_ns,
        origin_monotonic_ns=rig.site.clock.origin_monotonic_ns,
        boot_id=boot_id(),
        target=rig.target.name,
        endpoint=shown(outputs.endpoint),
        loop="closed",
        posters=plan.posters,
        pause_s=plan.pause_s,
        settings={
            **plan.settings,
            "releases": releases,
            "id_prefix": _id_prefix(rig),
            "stack": rig.site.stack.name,
            "region": rig.target.environment.get("AWS_REGION"),
            "endpoint_type": outputs.endpoint_type,
            "authorization": outputs.authorization,
            "probers": PROBERS,
            "probe_pause_s": PROBE_PAUSE_S,
        },
        tools=plan.tools,
    )


def _refuse_used_table(stack: Stack, target: Target) -> None:
    # Rows of an earlier run belong to calls that this history does not have. Looked at before
    # anything is deployed: a stack that is refused stays as it was.
    table = stack.used_table()
    if table is not None:
        raise ExperimentError(
            f"table {table} holds rows of an earlier run; choose another --number, or remove the"
            f" stack with: {removal(stack.name, target.environment['AWS_REGION'])}"
        )


def _sign(rig: Rig, outputs: Outputs) -> Sign | None:
    """Return what signs calls, where the stack demands it; the local AWS looks at no signature."""
    is_needed = outputs.is_signed and rig.target.name == "aws"
    return signer_for(outputs.endpoint, None) if is_needed else None


def _id_prefix(rig: Rig) -> str:
    """Return what the run's todo ids begin with; those of a fresh local table are as published."""
    return "" if rig.target.name == "local" else run_prefix(rig.site.clock.origin_unix_ns)


def _wait_until_settled(watch: Watch, release: Release, plan: Plan, quiet_s: float) -> None:
    """Wait until the rows can say from when it is safe: so many new answers in a row it takes."""
    in_flight = plan.posters + PROBERS  # before and after the last old answer
    _wait_for(watch, release, plan, 1, quiet_s, CLEAN_RUN + 2 * in_flight)


def _wait_for(
    watch: Watch, release: Release, plan: Plan, answers: int, quiet_s: float, in_a_row: int = 0
) -> None:
    if not watch.wait_for(release.marker, answers, quiet_s, plan.take_over_timeout_s, in_a_row):
        raise ExperimentError(
            f"callers did not get only release {release.marker} within"
            f" {plan.take_over_timeout_s:g} s; the history shows who answered instead"
        )


def _pass_gate(rig: Rig, outputs: Outputs, release: Release, plan: Plan) -> Step:
    """Probe until callers surely get the release; return the step that says so."""
    exchange = Exchange(TODO_PROBE, fresh_share=1.0, sign=_sign(rig, outputs))
    probed = Probed("the API", outputs.endpoint, exchange, rig.target.through_proxies)
    question = Question(probed, Expected(marker=release.marker))
    wait = Wait([question], Rule(), PROBES_PER_S, rig.site.clock)
    passage = wait.until(rig.site.clock.now_ns() + round(plan.take_over_timeout_s * 1e9))
    if passage.outcome != "reached":
        raise ExperimentError(passage.sentence)
    step = passage.step()
    settled_unix_ns = rig.target.settled_unix_ns()
    if settled_unix_ns is None:
        return step
    settled_ns = settled_unix_ns - rig.site.clock.origin_unix_ns
    return structs.replace(step, detail={**step.detail, "settled_ns": settled_ns})


def _uncollected(stack: Stack, target: Target, directory: Path) -> str | None:
    """Collect what there is; return why the store could not be read, None where it was."""
    parts = STORE if target.name == "local" else PARTS  # an emulator counts nothing for AWS
    try:
        had = collect(stack, extent_in(directory), directory, parts)
    except AwsError as error:
        return f"{error}"
    reasons = (had[part] for part in STORE if had[part].startswith(NOT_COLLECTED))
    return next((reason.removeprefix(NOT_COLLECTED) for reason in reasons), None)
