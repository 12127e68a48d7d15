"""``poster excerpt``: the answers around each switch, in the published form."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from poster.cli import exit_codes
from poster.cli.reading import read, runs_argument
from poster.judge.analysis import analyse
from poster.report.excerpt import excerpt as excerpt_of
from poster.report.plain import plain


@click.command()
@runs_argument
def excerpt(runs: tuple[Path, ...]) -> None:
    """Print who answered around each switch, in the order of the server's clock.

    One line per answer: ms since the epoch, todo id, marker. RUN is a run directory or a
    history.jsonl, by default the latest run; several are merged, as `poster report` does.
    """
    history, _ = read(runs)
    transitions = analyse(history, rows=None).transitions
    if not transitions:
        said = f"{plain(history.run.run_id)} shows no switch: no new release was seen to take over"
        click.echo(f"Error: {said}", err=True)
        sys.exit(exit_codes.UNKNOWN)
    for number, transition in enumerate(transitions):
        if number:
            click.echo()
        for line in excerpt_of(history, transition).lines():
            click.echo(line)
