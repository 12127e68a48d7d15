"""``poster compare``: runs side by side, one line each."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from poster.cli import exit_codes
from poster.errors import PosterError
from poster.judge.analysis import analyse
from poster.judge.compare import line_of
from poster.report import comparison
from poster.rows import loading

RENDERERS = {
    "text": comparison.render_text,
    "markdown": comparison.render_markdown,
    "json": comparison.render_json,
}


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format", "form", type=click.Choice(list(RENDERERS)), default="text", show_default=True
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also draw one strip per run into FILE, a .svg, .png or .html.",
)
def compare(runs: tuple[Path, ...], form: str, plot: Path | None) -> None:
    """Compare runs by what their callers saw.

    RUNS are run directories or history files. Each makes a line: how long the deploy took, when
    callers got the new release, for how long both answered, what failed or was lost.
    """
    try:
        read = [(loading.load(run), loading.load_rows(run)) for run in runs]
        judged = [(history, analyse(history, rows)) for history, rows in read]
        click.echo(RENDERERS[form]([line_of(result) for _, result in judged]), nl=False)
        if plot is not None:
            # The drawing library takes a second to load; tables do without.
            from poster.report.plots import PlotError, save, strips

            try:
                save(strips(judged), plot)
            except PlotError as error:
                raise click.UsageError(str(error)) from error
    except PosterError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(exit_codes.USAGE)
