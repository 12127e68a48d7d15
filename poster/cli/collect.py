"""``poster collect``: fetch what AWS knows of a run into the run's directory."""

from __future__ import annotations

from pathlib import Path

import click

from poster.aws.collecting import collect as collect_parts
from poster.aws.collecting import collect_versions
from poster.aws.errors import UnknownCallerError
from poster.aws.stack import Stack
from poster.aws.target import AwsTarget
from poster.cli import extras
from poster.errors import PosterError
from poster.rows.extent import Extent, extent_in


@click.command()
@click.argument("directory", metavar="RUN", type=click.Path(path_type=Path, file_okay=False))
@click.option("--stack-name", metavar="NAME", help="The run's stack.  [default: the history's]")
@click.option("--region", metavar="NAME", help="Its region.  [default: the history's]")
@click.option(
    "--by-logs",
    "function",
    metavar="FUNCTION",
    help="Instead, ask this function's log which version served each call.",
)
def collect(
    directory: Path, stack_name: str | None, region: str | None, function: str | None
) -> None:
    """Fetch rows, logs, metrics and deployments of a run into its directory RUN, and judge it anew.

    For a run whose credentials expired before its end, and for `poster run --stack-name`. What
    cannot be had is said; run it again when it can: every part is fetched anew.
    """
    extent = extent_in(directory)
    settings = extent.run.settings
    if function is not None:
        return _by_logs(AwsTarget(region or settings.get("region")), function, extent, directory)
    name = stack_name or settings.get("stack")
    if name is None:
        raise click.UsageError("the history names no stack: say --stack-name NAME")
    stack = Stack(str(name), AwsTarget(region or settings.get("region")))
    try:
        had = collect_parts(stack, extent, directory)
    except UnknownCallerError as error:
        raise PosterError(
            f"collecting stopped: {error}; then run this again: poster collect {directory}"
        ) from error
    for part, said in had.items():
        click.echo(f"{part:<20} {said}")
    try:
        extras.require("report", "judging it")
    except extras.MissingExtraError as error:
        click.echo(f"\nNot judged: {error}; then: poster report {directory}", err=True)
        return None
    return _judge_anew(directory)


def _by_logs(target: AwsTarget, function: str, extent: Extent, directory: Path) -> None:
    extras.require("report", "attributing calls")
    from poster.rows import loading

    collect_versions(target, function, extent, directory)
    calls = loading.load(directory).calls
    ok = calls.filter(outcome="ok").select("function_version").collect().to_series()
    named = int(ok.is_not_null().sum())
    why = (
        "only a Function URL and Invoke answer with the request id that Lambda logs, and a log"
        " line takes some minutes to be found"
    )
    if not named:
        raise PosterError(
            f"the log of {function} names the version of none of {len(ok)} ok calls: {why}"
        )
    rest = "" if named == len(ok) else f"; of the others the log says nothing ({why})"
    click.echo(f"{named} of {len(ok)} ok calls have a version{rest}")
    _judge_anew(directory)


def _judge_anew(directory: Path) -> None:
    from poster.report.saving import save_result

    save_result(directory)
    click.echo(f"\nJudged anew: {directory / 'report.txt'}", err=True)
