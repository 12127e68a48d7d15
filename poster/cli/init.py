"""``poster init``: the SAM application that poster deploys, to look at or to change."""

from __future__ import annotations

from pathlib import Path

import click

from poster.deploy import subject
from poster.errors import PosterError


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
def init(folder: Path) -> None:
    """Write the SAM application that `poster experiment` deploys into DIR.

    It is the one that an experiment brings along where there is none: POST /todo, a function behind
    an alias, a table. Nothing that is there is overwritten.
    """
    there = [name for name in subject.SUBJECT_FILES if (folder / name).exists()]
    if there:
        raise PosterError(f"{folder / there[0]} is there already: choose another folder")
    try:
        subject.copy_subject(folder)
    except OSError as error:
        raise PosterError(f"cannot write into {folder}: {error.strerror}") from error
    click.echo(f"{folder}: {', '.join(subject.SUBJECT_FILES)}")
    click.echo(f"Next: cd {folder} && poster experiment")
