"""``python -m labs doors``: one function entered by several doors while it is deployed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from labs.doors.judge import Round, faults_in, round_of, tables
from labs.doors.page import picture, write_page
from labs.kit.doors import OWN, SAME, DoorsTarget, Journals, Posted, exchanges
from labs.kit.workbench import Bench, Lab, LabOptions, bench, end_badly, lab_options, show
from poster.calls.schedule import ClosedLoop
from poster.calls.watch import Watch
from poster.cli.experiment import RUNS
from poster.deploy import sam
from poster.deploy.application import StagedApplication
from poster.deploy.release import Release
from poster.deploy.site import Site
from poster.errors import PosterError
from poster.local.fleet import INVOKE
from poster.report.plots import save
from poster.rows import loading
from poster.rows.clock import RunClock
from poster.rows.journal import HISTORY, Journal
from poster.rows.record import Run
from poster.rows.tools import tool_versions

LAB = Lab("doors", "doors", ("door",), usd=0.10)
RELEASES = ("aaa", "bbb", "ccc", "ddd", "eee")
DEPLOYS = 2  # a round
POSTERS, PAUSE_S = 2, 0.1  # a door; closed, so that a slow emulator is not piled up
BASELINE = 20  # calls of a door before a deploy
QUIET_S = 12.0  # of new answers alone at every door, so that settled has an upper bound
TIMEOUT_S = 180.0


class LabError(PosterError):
    """The lab could not go on; the histories hold what happened until then."""


@click.command("doors")
@lab_options
def doors(**given: Any) -> None:
    """Enter one function by every door at once, while releases of it are deployed."""
    options = LabOptions(**given)
    with bench(LAB, options, DoorsTarget) as on:
        deployed = _Deployed(on)
        on.narrator.phase("deploying the function and its doors")
        deployed.release(Journals({}))
        rounds = [
            _round(on, deployed, front_ends)
            for front_ends in ((SAME, OWN) if on.is_local else ("as AWS has them",))
        ]
        show(LAB, options, on.directory, tables(rounds))
        said = "simulated propagation: published" if on.is_local else "measured"
        save(picture(rounds, said), RUNS / f"{LAB.folder}-{options.target}.svg")
        page = write_page(on.directory / "doors.html", rounds)
        click.echo(f"The reports of all doors: {page}", err=True)
        faults = faults_in(rounds)
    if faults:
        end_badly(faults)


class _Deployed:
    """The lab's stack, and the releases of it one after another."""

    def __init__(self, on: Bench) -> None:
        self._on = on
        self._application = StagedApplication(on.application.path, Path("door") / "release.py")
        self._markers = iter(RELEASES)
        self.marker = ""  # of the release that was deployed last

    def release(self, journals: Journals) -> None:
        """Deploy the next release, its steps into all histories."""
        self.marker = marker = next(self._markers)
        site = Site(self._application, self._on.sam, self._on.stack, {}, journals.clock)
        for step in sam.deploy(Release(marker, marker), site):
            for journal in journals.by_door.values():
                journal.write(step)

    def endpoints(self) -> dict[str, str]:
        """Return the way in of each door, as AWS has it."""
        values = self._on.stack.output_values()
        found = {
            "rest-api": values["RestEndpoint"],
            "http-api": values["HttpEndpoint"],
            "function-url": values["FunctionUrl"],
            "invoke": f"{INVOKE}{values['FunctionName']}:{values['AliasName']}",
        }
        return found | ({"alb": values["AlbEndpoint"]} if "AlbEndpoint" in values else {})


def _round(on: Bench, deployed: _Deployed, front_ends: str) -> Round:
    """Call every door while releases are deployed. Raises LabError and what deploys raise."""
    on.narrator.phase(f"front ends {front_ends}: calling every door")
    called = exchanges(on, deployed.endpoints(), front_ends)
    folders = {door: _folder(on.directory, front_ends, door) for door in called}
    loop = ClosedLoop(POSTERS, PAUSE_S)
    with ExitStack() as opened:
        journals = Journals({})
        journals.by_door = {
            door: opened.enter_context(
                Journal(folders[door] / HISTORY, _run(on, door, endpoint, journals.clock))
            )
            for door, (endpoint, _) in called.items()
        }
        watches = {
            door: opened.enter_context(Posted(journals, door, *how, loop)).watch
            for door, how in called.items()
        }
        _require_answers(watches, deployed.marker, quiet_s=0.0)
        for _ in range(DEPLOYS):
            on.narrator.phase(f"front ends {front_ends}: deploying under the calls")
            deployed.release(journals)
            _require_answers(watches, deployed.marker, QUIET_S)
    return round_of(front_ends, {door: loading.load(path) for door, path in folders.items()})


def _require_answers(watches: Mapping[str, Watch], marker: str, quiet_s: float) -> None:
    for door, watch in watches.items():
        if not watch.wait_for(marker, BASELINE, quiet_s, TIMEOUT_S):
            raise LabError(f"door {door} was not answered by release {marker}")


def _folder(directory: Path, front_ends: str, door: str) -> Path:
    folder = directory / front_ends.replace(" ", "-").replace("'", "") / door
    folder.mkdir(parents=True)
    return folder


def _run(on: Bench, door: str, endpoint: str, clock: RunClock) -> Run:
    settings: dict[str, Any] = {"strategy": f"sam, through {door}"}
    settings["releases"] = [{"marker": marker} for marker in RELEASES]
    if isinstance(on.target, DoorsTarget):
        settings["propagation"] = on.target.propagation.as_setting()
    return Run(
        run_id=f"{on.directory.name}-{door}",
        origin_unix_ns=clock.origin_unix_ns,
        target=on.target.name,
        endpoint=endpoint,
        loop="closed",
        posters=POSTERS,
        pause_s=PAUSE_S,
        settings=settings,
        tools=tool_versions(),
    )
