"""``poster report``: judge a history from disk."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from poster import history as histories
from poster.analysis import analyse
from poster.cli import exit_codes
from poster.errors import PosterError
from poster.journal import LATEST
from poster.report import json, text

COLOURS = {"clean": "green", "mixed": "yellow", "broken": "red", "unknown": "magenta"}


@click.command()
@click.argument("run", type=click.Path(path_type=Path), default=Path("runs") / LATEST)
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write here, not to the screen."
)
def report(run: Path, form: str, out: Path | None) -> None:
    """Say what a history proves: who got which release, for how long both, what was lost.

    RUN is a run directory or a history.jsonl, also one that another program wrote; by default
    the latest run. A rows.jsonl beside the history is used for the checks of the store.
    """
    try:
        history = histories.load(run)
        result = analyse(history, histories.load_rows(run))
    except PosterError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(exit_codes.USAGE)
    rendered = json.render(result) if form == "json" else text.render(result, history)
    if out is not None:
        _write(out, rendered)
    elif form == "text":
        first, rest = rendered.split("\n\n", 1)
        click.secho(first, fg=COLOURS[result.verdict], bold=True)
        click.echo("\n" + rest, nl=False)
    else:
        click.echo(rendered, nl=False)


def _write(out: Path, rendered: str) -> None:
    try:
        out.write_text(rendered, encoding="utf-8")
    except OSError as error:
        click.echo(f"Error: cannot write {out}: {error.strerror}", err=True)
        sys.exit(exit_codes.USAGE)
