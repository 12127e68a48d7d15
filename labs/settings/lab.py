"""``python -m labs settings``: one setting of a function at a time, and what callers see of it."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import click

from labs.kit.doors import DoorsTarget
from labs.kit.rie import rie_of
from labs.kit.workbench import Bench, Lab, LabOptions, bench, end_badly, lab_options, show
from labs.settings.callers import Callers
from labs.settings.heard import Gated, Heard
from labs.settings.judge import (
    Starts,
    advice_table,
    faults_in,
    permission_table,
    provisioned_table,
    reserved_tables,
    starts_table,
)
from labs.settings.picture import picture
from labs.settings.starts import started
from labs.settings.subject import Subject
from poster.cli.experiment import RUNS
from poster.report.plots import save

LAB = Lab("settings", "settings", ("function",), usd=0.30)
LAG = "uniform:0,2"  # seconds until a front end learns of a switch; simulated
PARTS = ("starts", "reserved", "provisioned", "permission")
SEED = 0


@dataclasses.dataclass(slots=True)
class Found:
    """What the parts that ran have found."""

    starts: Starts | None = None
    reserved: list[Heard] = dataclasses.field(default_factory=list)
    gated: list[Gated] = dataclasses.field(default_factory=list)
    provisioned: list[Heard] = dataclasses.field(default_factory=list)
    permission: list[Heard] = dataclasses.field(default_factory=list)


@click.command("settings")
@click.option(
    "--rounds",
    type=click.IntRange(1, 1_000),
    default=9,
    show_default=True,
    help="Starts of each variant; fewer than 6 give no interval.",
)
@click.option(
    "--part",
    "parts",
    type=click.Choice(PARTS),
    multiple=True,
    default=PARTS,
    show_default="all",
    help="What is run; repeatable.",
)
@lab_options
def settings(rounds: int, parts: tuple[str, ...], **given: Any) -> None:
    """Change one setting of a function at a time, and measure what its callers see."""
    options = LabOptions(**given)
    with bench(LAB, options, lambda: DoorsTarget(lag=LAG)) as on:
        found = Found()
        if on.is_local and "starts" in parts:
            found.starts = _starts(on, options.labs / LAB.folder / "inits", rounds)
        if set(parts) - {"starts"}:
            _call(on, parts, found)
        _show(options, on, found)
        faults = faults_in(found.reserved, found.provisioned, found.permission)
    if faults:
        end_badly(faults)


def _starts(on: Bench, inits: Path, rounds: int) -> Starts:
    on.narrator.phase(f"starting environments on AWS's runtime emulator, {rounds} of each variant")
    with tempfile.TemporaryDirectory() as folder:
        binary = rie_of(on.sam_path)
        return Starts(list(started(binary, inits.absolute(), rounds, Path(folder), SEED)))


def _call(on: Bench, parts: tuple[str, ...], found: Found) -> None:
    on.narrator.phase("building and deploying the function and its doors")
    on.sam_run("build")
    on.sam_run("deploy", "--stack-name", LAB.stack_name, "--no-confirm-changeset")
    callers = Callers.of(on, Subject(on))
    if "reserved" in parts:
        for heard, gated in callers.reserved():
            found.reserved += heard
            found.gated.append(gated)
    if "provisioned" in parts:
        found.provisioned = list(callers.provisioned())
    if "permission" in parts:
        found.permission = list(callers.permission())


def _show(options: LabOptions, on: Bench, found: Found) -> None:
    tables = []
    if found.starts is not None:
        tables += [advice_table(found.starts, found.provisioned), starts_table(found.starts)]
    if found.reserved:
        tables += reserved_tables(found.reserved, found.gated)
    if found.provisioned:
        tables.append(provisioned_table(found.provisioned))
    if found.permission:
        tables.append(permission_table(found.permission))
    show(LAB, options, on.directory, tables)
    if found.starts is not None and found.reserved:
        said = f"left: measured here; right: modelled, simulated propagation {LAG}"
        save(
            picture(found.starts, found.reserved, said), RUNS / f"{LAB.folder}-{options.target}.svg"
        )
