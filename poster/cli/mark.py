"""``poster mark``: a step for a running history, from any shell."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from poster.cli import exit_codes
from poster.report.plain import plain
from poster.rows.journal import LATEST
from poster.rows.marking import mark as append


@click.command(epilog=exit_codes.epilog(exit_codes.OK, exit_codes.USAGE))
@click.argument("name")
@click.argument("details", metavar="[KEY=VALUE]...", nargs=-1)
@click.option(
    "--run",
    "run_path",
    type=click.Path(path_type=Path),
    default=Path("runs") / LATEST,
    show_default=True,
    metavar="DIR",
    help="The run's directory, or its history.jsonl.",
)
def mark(name: str, details: tuple[str, ...], run_path: Path) -> None:
    """Append a step to a running history: what another tool deploys has steps, too.

    NAME is deploy-started, deploy-finished, deploy-failed, alias-updated (with from=1 to=2, and
    weight=0.1 while it moves by weights), or any other. `poster run` need not know of it.
    """
    run, step = append(run_path, name, dict(_detail(each) for each in details))
    wall = ", by the wall clock" if step.detail.get("clock") == "wall" else ""
    click.echo(f"{name} at {step.at_ns / 1e9:.3f} s of {plain(run.run_id)}{wall}")


def _detail(said: str) -> tuple[str, Any]:
    key, equals, value = said.partition("=")
    if not key or not equals:
        raise click.BadParameter(f"{said!r} is not KEY=VALUE")
    if key != "weight":
        return key, value
    try:
        share = float(value)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise click.BadParameter(f"{said!r} is no share of the calls, as weight=0.1 is")
    return key, share
