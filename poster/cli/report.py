"""``poster report``: judge histories from disk."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from poster.cli import exit_codes
from poster.cli.nowhere import lead_nowhere
from poster.cli.reading import read, runs_argument, write
from poster.cli.report_options import Wanted, report_options
from poster.judge.analysis import Result, analyse
from poster.judge.budgets import Judged, judge_budgets
from poster.report import json, junit, markdown, text
from poster.report.plain import plain
from poster.rows.history import History

COLOURS = {"clean": "green", "mixed": "yellow", "broken": "red", "unknown": "magenta"}


def _html(result: Result, history: History) -> str:
    # The drawing library takes a second to load; the other forms do without.
    from poster.report import html

    return html.render(result, history)


@click.command(
    epilog=exit_codes.epilog(exit_codes.OK, exit_codes.FAILED, exit_codes.USAGE, exit_codes.UNKNOWN)
)
@runs_argument
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write here, not to the screen."
)
@report_options
def report(runs: tuple[Path, ...], out: Path | None, **given: Any) -> None:
    """Say what a history proves: who got which release, for how long both, what was lost.

    RUN is a run directory or a history.jsonl, also one that another program wrote; by default
    the latest run. A rows.jsonl beside the history is used for the checks of the store.

    Several RUNs are histories of one experiment, from several machines. They are merged; how far
    their clocks were apart is estimated from the server's clock, and said. A rows.jsonl must be
    from after the last of them.

    Without a budget the exit code says only whether the report was made.
    """
    wanted = Wanted.taken_from(given)
    if wanted.form == "html" and out is None and sys.stdout.isatty():
        raise click.UsageError("a page is for a browser: name a file with --out, or redirect")
    history, rows = read(runs)
    result = analyse(history, rows)
    sys.exit(exit_code_of(tell(result, history, wanted, out)))


def tell(result: Result, history: History, wanted: Wanted, out: Path | None) -> list[Judged]:
    """Write the report as it is wanted; return what became of the budgets."""
    budgets = judge_budgets(wanted.budgets, result, history)
    form = wanted.form or "text"
    rendered = _rendered(form, result, history, budgets)
    if out is not None:
        write(out, rendered)
    else:
        try:
            _show(rendered, form, result)
        except BrokenPipeError:  # | head -1: the exit code is the report's all the same
            lead_nowhere(sys.stdout)
    if wanted.junit_file is not None:
        write(wanted.junit_file, junit.render(result, budgets))
    return budgets


def _show(rendered: str, form: str, result: Result) -> None:
    if form == "text":
        first, rest = rendered.split("\n\n", 1)
        click.secho(first, fg=_colour(result), bold=True)
        click.echo("\n" + rest, nl=False)
    else:
        click.echo(rendered, nl=False)


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


def exit_code_of(budgets: Sequence[Judged]) -> int:
    """Say which budgets are not kept, and return what that means."""
    for budget in budgets:
        if budget.outcome != "kept":
            click.echo(f"Budget: {plain(budget.sentence)}", err=True)
    outcomes = {budget.outcome for budget in budgets}
    if "exceeded" in outcomes:
        return exit_codes.FAILED
    return exit_codes.UNKNOWN if "open" in outcomes else exit_codes.OK
