"""``poster doctor``: look at everything that a run needs before it begins."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from poster.aws.checkup import Finding, findings
from poster.aws.cost import estimate
from poster.aws.target import AwsTarget
from poster.calls.schedule import PAUSE_S, POSTERS
from poster.cli import exit_codes
from poster.deploy.release import DeployError
from poster.deploy.sam_tool import find_sam
from poster.deploy.samconfig import SAMCONFIG, refuse_other_account
from poster.errors import PosterError

_SIGNS = {"ok": ("ok   ", "green"), "note": ("note ", "yellow"), "fault": ("FAULT", "red")}
DEPLOYS = 3


@click.command(epilog=exit_codes.epilog(exit_codes.OK, exit_codes.FAILED))
@click.option("--target", type=click.Choice(["local", "aws"]), default="local", show_default=True)
@click.option("--region", metavar="NAME", help="AWS only: the region.")
@click.option(
    "--number",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="AWS only: which copy of the stack, todo-sample-NUMBER.",
)
def doctor(target: str, region: str | None, number: int) -> None:
    """Look at tools and, with --target aws, at the account: green lines, or the mend.

    Reads only; `poster experiment --target aws` looks at the same first.
    """
    found = list(tools())
    if target == "aws":
        hours = estimate(POSTERS, PAUSE_S, DEPLOYS).hours
        found += account(AwsTarget(region), Path(), f"todo-sample-{number}", hours)
    show(found)
    sys.exit(exit_codes.FAILED if any(each.grade == "fault" for each in found) else exit_codes.OK)


def tools() -> Iterable[Finding]:
    """Look at what runs here."""
    yield Finding("python", "ok", platform.python_version())
    try:
        yield Finding("sam", "ok", str(find_sam(lambda said: click.echo(said, err=True))))
    except PosterError as error:
        yield Finding("sam", "fault", f"{error}")


def account(
    target: AwsTarget, application: Path, stack_name: str, hours: float
) -> Iterable[Finding]:
    """Look at the account and at what the application says of one."""
    try:
        refuse_other_account(application / SAMCONFIG, target.region, target.profile)
    except DeployError as error:
        yield Finding("samconfig", "fault", f"{error}")
    else:
        yield Finding("samconfig", "ok", "names no other region and profile")
    yield from findings(target, stack_name, hours)


def show(found: Iterable[Finding]) -> None:
    """Print the findings on standard error."""
    for each in found:
        sign, colour = _SIGNS[each.grade]
        click.echo(f"{click.style(sign, fg=colour)} {each.name:<12} {each.said}", err=True)
