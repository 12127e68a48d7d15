"""What every lab's command stands on: a target, a stack and a staged copy of the lab."""

from __future__ import annotations

import dataclasses
import datetime
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NoReturn

import click

from labs.kit.table import Table
from poster.aws.stack import Stack
from poster.aws.target import AwsTarget
from poster.cli import exit_codes
from poster.cli.aws_stack import agree, removed_afterwards
from poster.cli.experiment import RUNS
from poster.cli.live import Narrator
from poster.cli.types import keep_option, region_option, target_option, yes_option
from poster.deploy.application import StagedApplication
from poster.deploy.sam_cli import SamCli
from poster.deploy.sam_tool import find_sam
from poster.deploy.samconfig import SAMCONFIG, refuse_other_account
from poster.local.target import LocalTarget
from poster.rows.journal import new_run_directory


@dataclasses.dataclass(frozen=True, slots=True)
class Lab:
    """A SAM application under ``labs/``."""

    name: str  # of the command
    folder: str
    code: tuple[str, ...]  # what its template builds from
    usd: float  # what a run in an account costs at list prices, roughly and rather too high
    left_per_month_usd: float = 0.01  # what its stack costs that is kept and that nobody calls

    @property
    def stack_name(self) -> str:
        """Return the name of its stack."""
        return f"lab-{self.name}"


@dataclasses.dataclass(frozen=True, slots=True)
class LabOptions:
    """What all labs' commands take."""

    target: str
    labs: Path
    region: str | None
    keep: bool
    yes: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Bench:
    """A lab, ready to be built and deployed."""

    target: LocalTarget | AwsTarget
    stack: Stack
    sam: SamCli
    sam_path: Path
    application: StagedApplication
    directory: Path
    narrator: Narrator

    @property
    def is_local(self) -> bool:
        """Return whether all this happens on this machine."""
        return isinstance(self.target, LocalTarget)

    def sam_run(self, *arguments: str) -> None:
        """Run ``sam`` in the staged copy. Raises DeployError."""
        for _ in self.sam.lines(list(arguments), self.application.path):
            pass


def lab_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that all labs take."""
    for option in (
        yes_option,
        keep_option,
        region_option,
        click.option(
            "--labs",
            type=click.Path(path_type=Path, file_okay=False, exists=True),
            default="labs",
            show_default=True,
            metavar="DIR",
            help="Folder of the labs.",
        ),
        target_option,
    ):
        command = option(command)
    return command


@contextmanager
def bench(lab: Lab, options: LabOptions, local: Callable[[], LocalTarget]) -> Iterator[Bench]:
    """Give what a lab stands on; a stack in an account that it made is removed afterwards.

    Raises PosterError's kinds and botocore's errors.
    """
    target: LocalTarget | AwsTarget
    if options.target == "aws":
        target = AwsTarget(options.region)
        refuse_other_account(options.labs / lab.folder / SAMCONFIG, target.region, target.profile)
        agree(target, lab.stack_name, lab.usd, lab.left_per_month_usd, asked=not options.yes)
    else:
        target = local()
    now = datetime.datetime.now(datetime.UTC)
    directory = new_run_directory(RUNS, lab.stack_name, now)
    with Narrator() as narrator, ExitStack() as opened:
        if isinstance(target, LocalTarget):
            narrator.phase("starting the local AWS")
            opened.enter_context(target)
        sam_path = find_sam(narrator.phase)
        sam = SamCli(sam_path, target.environment, directory / "sam.log")
        stack = Stack(lab.stack_name, target)
        application = StagedApplication.copy_of(
            options.labs / lab.folder, directory / "app", lab.code
        )
        if isinstance(target, AwsTarget):
            opened.enter_context(
                removed_afterwards(stack, target.region, sam, application, options.keep)
            )
        yield Bench(target, stack, sam, sam_path, application, directory, narrator)


def show(lab: Lab, options: LabOptions, directory: Path, tables: Sequence[Table]) -> None:
    """Print the tables, and keep them: `make figures` puts the newest into the lab's README."""
    text = "\n".join(table.text() for table in tables)
    (directory / "report.txt").write_text(text, encoding="utf-8")
    kept = RUNS / f"{lab.folder}-{options.target}.md"
    kept.write_text("\n".join(table.markdown() for table in tables), encoding="utf-8")
    click.echo(text, nl=False)
    click.echo(f"\nSaved in {directory}", err=True)


def end_badly(faults: Sequence[str]) -> NoReturn:
    """Say what the lab found wrong and end with the code for that."""
    for fault in faults:
        click.echo(f"Error: {fault}", err=True)
    sys.exit(exit_codes.FAILED)
