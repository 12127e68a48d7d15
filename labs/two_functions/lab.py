"""``python -m labs two-functions``: only what changed is deployed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from labs.kit.direct import DirectTarget
from labs.kit.workbench import Bench, Lab, LabOptions, bench, end_badly, lab_options, show
from labs.two_functions.judge import (
    BYSTANDER,
    FIRST,
    PAUSE_S,
    PHASES,
    RELEASED,
    SECOND,
    Control,
    Deploy,
    PairRig,
    call_both,
    changes_in,
    faults_in,
    tables,
    without_function,
)
from poster.calls.requests_engine import RequestsEngine
from poster.deploy import sam
from poster.deploy.application import StagedApplication
from poster.deploy.release import Release
from poster.deploy.site import Site
from poster.rows import loading
from poster.rows.clock import RunClock
from poster.rows.record import Run, Step
from poster.rows.tools import tool_versions

LAB = Lab("two-functions", "two_functions", (RELEASED, BYSTANDER), usd=0.05)


@click.command("two-functions")
@lab_options
def two_functions(**given: Any) -> None:
    """Release one of two functions, then remove it, while both are called."""
    options = LabOptions(**given)
    clock = RunClock()
    with bench(LAB, options, DirectTarget) as on:
        lab = _Deployed(on, clock)
        on.narrator.phase("deploying both functions")
        for _ in lab.release(FIRST):
            pass
        rig = _rig(on, lab, clock)
        deploys = [
            Deploy(PHASES[1], lambda: lab.release(SECOND), lambda route: route.took_over(SECOND)),
            Deploy(PHASES[2], lab.removal, lambda route: route.is_refused(clock)),
        ]
        controls = call_both(rig, deploys, on.directory, on.narrator.phase)
        seen = [loading.load(on.directory / name) for name in (RELEASED, BYSTANDER)]
        changes = [changes_in(said) for said in lab.said[1:]]
        show(LAB, options, on.directory, tables(seen, controls, changes))
        faults = faults_in(seen, controls, changes)
    if faults:
        end_badly(faults)


class _Deployed:
    """The lab's stack and the deploys of it; ``said`` is what sam printed at each."""

    def __init__(self, on: Bench, clock: RunClock) -> None:
        self._on = on
        self._application = StagedApplication(on.application.path, Path(RELEASED) / "release.py")
        self._site = Site(self._application, on.sam, on.stack, {}, clock)
        self._lambda = on.target.client("lambda")
        self._released = FIRST
        self._other = ""
        self.said: list[str] = []

    def release(self, marker: str) -> Iterator[Step]:
        """Deploy a release of the released function."""
        self._released = marker
        log = self._on.directory / "sam.log"
        before = log.stat().st_size if log.exists() else 0
        yield from sam.deploy(
            Release(marker, marker), self._site, alias_version=self._released_version
        )
        self.said.append(log.read_bytes()[before:].decode(errors="replace"))

    def removal(self) -> Iterator[Step]:
        """Deploy the template without the released function."""
        template = self._application.path / "template.yaml"
        shorter = without_function(template.read_text(), f"{RELEASED.capitalize()}Function")
        template.write_text(shorter)
        yield from self.release(self._released)

    def control(self) -> Control:
        """Return what Lambda says of the bystander."""
        values = self._on.stack.output_values()
        name = values[f"{BYSTANDER.capitalize()}FunctionName"]
        # The output goes with the function; its name must be known beyond that.
        self._other = values.get(f"{RELEASED.capitalize()}FunctionName", self._other)
        alias = self._lambda.get_alias(FunctionName=name, Name=values["AliasName"])
        code = self._lambda.get_function_configuration(FunctionName=name)["CodeSha256"]
        return Control(
            alias["FunctionVersion"], alias["RevisionId"], code, self._is_there(self._other)
        )

    def _is_there(self, function: str) -> bool:
        try:
            self._lambda.get_function_configuration(FunctionName=function)
        except self._lambda.exceptions.ResourceNotFoundException:
            return False
        return True

    def _released_version(self) -> str | None:
        if self._on.stack.status() is None:
            return None
        values = self._on.stack.output_values()
        name = values.get(f"{RELEASED.capitalize()}FunctionName")
        if name is None:
            return None
        alias = self._lambda.get_alias(FunctionName=name, Name=values["AliasName"])
        return str(alias["FunctionVersion"])


def _rig(on: Bench, lab: _Deployed, clock: RunClock) -> PairRig:
    endpoint = on.target.reachable(on.stack.output_values()["ApiEndpoint"])
    run = Run(
        run_id=on.directory.name,
        origin_unix_ns=clock.origin_unix_ns,
        target=on.target.name,
        endpoint=endpoint,
        loop="closed",
        posters=1,
        pause_s=PAUSE_S,
        settings={"releases": [{"marker": marker} for marker in (FIRST, SECOND)]},
        tools=tool_versions(),
    )
    return PairRig(endpoint, RequestsEngine(), clock, on.target.through_proxies, run, lab.control)
