"""``poster collect``: fetch what AWS knows of a run into the run's directory."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import click

from poster.aws.collecting import collect as collect_parts
from poster.aws.errors import NoPermissionError
from poster.aws.stack import Stack
from poster.aws.target import AwsTarget
from poster.errors import PosterError
from poster.report.saving import save_result
from poster.rows import loading
from poster.rows.history import History
from poster.rows.journal import ROWS

COLLECTED = "collected.json"


@click.command()
@click.argument("directory", metavar="RUN", type=click.Path(path_type=Path, file_okay=False))
@click.option("--stack-name", metavar="NAME", help="The run's stack.  [default: the history's]")
@click.option("--region", metavar="NAME", help="Its region.  [default: the history's]")
def collect(directory: Path, stack_name: str | None, region: str | None) -> None:
    """Fetch rows, logs, metrics and deployments of a run into its directory RUN, and judge it anew.

    For a run whose credentials expired before its end, and for `poster run --stack-name`. What
    cannot be had is said; run it again when it can: every part is fetched anew.
    """
    history = loading.load(directory)
    settings = history.run.settings
    name = stack_name or settings.get("stack")
    if name is None:
        raise click.UsageError("the history names no stack: say --stack-name NAME")
    stack = Stack(str(name), AwsTarget(region or settings.get("region")))
    prefix = str(settings.get("id_prefix", ""))
    try:
        had = collect_parts(stack, directory, between(history), prefix, ROWS)
    except NoPermissionError as error:
        raise PosterError(
            f"collecting stopped: {error}; then run this again: poster collect {directory}"
        ) from error
    (directory / COLLECTED).write_text(json.dumps(had, indent=2) + "\n", encoding="utf-8")
    for part, said in had.items():
        click.echo(f"{part:<20} {said}")
    save_result(directory)
    click.echo(f"\nJudged anew: {directory / 'report.txt'}", err=True)


def between(history: History) -> tuple[datetime.datetime, datetime.datetime]:
    """Return the wall-clock times of the run's first and last row."""
    times: list[Any] = [0, *(step.at_ns for step in history.steps)]
    times += history.observations["sent_ns"].to_list()
    origin_s = history.run.origin_unix_ns / 1e9
    begin, end = (
        datetime.datetime.fromtimestamp(origin_s + at_ns / 1e9, datetime.UTC)
        for at_ns in (min(times), max(times))
    )
    return begin, end
