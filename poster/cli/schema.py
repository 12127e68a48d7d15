"""``poster schema``: the JSON Schema of what another program reads or writes."""

from __future__ import annotations

from pathlib import Path

import click

NAMES = ("history", "result", "wait")
_PACKAGE = Path(__file__).parents[1]
_BROUGHT = _PACKAGE / "schemas"  # by a wheel; a clone has them where people look
_FOLDER = _BROUGHT if _BROUGHT.is_dir() else _PACKAGE.parent / "docs" / "schemas"


@click.command()
@click.argument("name", type=click.Choice(NAMES))
def schema(name: str) -> None:
    """Print the JSON Schema of a format that other programs may rely on.

    \b
      history   one line of history.jsonl
      result    result.json and poster report --format json
      wait      poster wait --format json
    """
    text = (_FOLDER / f"{name}.json").read_text(encoding="utf-8")
    click.echo(text, nl=False)
