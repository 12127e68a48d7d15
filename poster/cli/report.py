"""``poster report``: judge histories from disk."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from poster.cli import exit_codes
from poster.cli.reading import read, runs_argument, write
from poster.judge.analysis import Result, analyse
from poster.judge.budgets import MEASURES, Judged, judge_budgets
from poster.report import json, junit, markdown, text
from poster.report.plain import plain
from poster.rows.history import History

COLOURS = {"clean": "green", "mixed": "yellow", "broken": "red", "unknown": "magenta"}


def _html(result: Result, history: History) -> str:
    # The drawing library takes a second to load; the other forms do without.
    from poster.report import html

    return html.render(result, history)


FORMS = ("text", "json", "markdown", "html")


def budget_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add one --max option per measure."""
    for name, measure in reversed(MEASURES.items()):
        seconds = measure.unit == "s"
        command = click.option(
            f"--max-{name}",
            name,
            type=click.FloatRange(0) if seconds else click.IntRange(0),
            metavar="SECONDS" if seconds else "N",
            help=f"Budget: {measure.meaning}.",
        )(command)
    return command


@click.command(
    epilog=exit_codes.epilog(exit_codes.OK, exit_codes.FAILED, exit_codes.USAGE, exit_codes.UNKNOWN)
)
@runs_argument
@click.option("--format", "form", type=click.Choice(FORMS), default="text", show_default=True)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write here, not to the screen."
)
@budget_options
@click.option(
    "--junit",
    "junit_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also write the budgets and checks as JUnit XML.",
)
def report(
    runs: tuple[Path, ...],
    form: str,
    out: Path | None,
    junit_file: Path | None,
    **most: float | None,
) -> None:
    """Say what a history proves: who got which release, for how long both, what was lost.

    RUN is a run directory or a history.jsonl, also one that another program wrote; by default
    the latest run. A rows.jsonl beside the history is used for the checks of the store.

    Several RUNs are histories of one experiment, from several machines. They are merged; how far
    their clocks were apart is estimated from the server's clock, and said. A rows.jsonl must be
    from after the last of them.

    Without a budget the exit code says only whether the report was made.
    """
    if form == "html" and out is None and sys.stdout.isatty():
        raise click.UsageError("a page is for a browser: name a file with --out, or redirect")
    history, rows = read(runs)
    result = analyse(history, rows)
    given = {name: limit for name, limit in most.items() if limit is not None}
    budgets = judge_budgets(given, result, history)
    rendered = _rendered(form, result, history, budgets)
    if out is not None:
        write(out, rendered)
    elif form == "text":
        first, rest = rendered.split("\n\n", 1)
        click.secho(first, fg=_colour(result), bold=True)
        click.echo("\n" + rest, nl=False)
    else:
        click.echo(rendered, nl=False)
    if junit_file is not None:
        write(junit_file, junit.render(result, budgets))
    sys.exit(_exit_code(budgets))


def _rendered(form: str, result: Result, history: History, budgets: Sequence[Judged]) -> str:
    if form == "json":
        return json.render(result, budgets)
    if form == "markdown":
        return markdown.render(result, budgets)
    if form == "html":
        return _html(result, history)
    return text.render(result, history)


def _colour(result: Result) -> str:
    return COLOURS[result.verdict]


def _exit_code(budgets: Sequence[Judged]) -> int:
    """Say which budgets are not kept, and return what that means."""
    for budget in budgets:
        if budget.outcome != "kept":
            click.echo(f"Budget: {plain(budget.sentence)}", err=True)
    outcomes = {budget.outcome for budget in budgets}
    if "exceeded" in outcomes:
        return exit_codes.FAILED
    return exit_codes.UNKNOWN if "open" in outcomes else exit_codes.OK
