"""What a report can be told, by every command that ends with one: form, budgets, JUnit.

Needs none of the libraries that make the report.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from poster.cli.names import LaterFileType
from poster.cli.numbers import NumberRange
from poster.judge.measures import MEANINGS

FORMS = ("text", "json", "markdown", "html")


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """What a report is to look like, and what its reader is willing to accept."""

    most: dict[str, float | None]  # by the names of MEANINGS
    form: str | None
    junit_file: Path | None

    @classmethod
    def taken_from(cls, given: dict[str, Any]) -> Wanted:
        """Take it out of the command line's values."""
        most = {name: given.pop(name) for name in MEANINGS}
        return cls(most, given.pop("form"), given.pop("junit_file"))

    @property
    def budgets(self) -> dict[str, float]:
        """Return the budgets that were given."""
        return {name: limit for name, limit in self.most.items() if limit is not None}

    @property
    def is_asked_for(self) -> bool:
        """Whether the command line says anything about the report."""
        return bool(self.budgets) or self.form is not None or self.junit_file is not None


def report_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--format``, one ``--max`` per measure, and ``--junit``."""
    command = click.option(
        "--junit",
        "junit_file",
        type=LaterFileType(),
        metavar="FILE",
        help="Also write the budgets and checks as JUnit XML.",
    )(command)
    for name, meaning in reversed(MEANINGS.items()):
        seconds = meaning.unit == "s"
        command = click.option(
            f"--max-{name}",
            name,
            type=NumberRange(0) if seconds else click.IntRange(0),
            metavar="SECONDS" if seconds else "N",
            help=f"Budget: {meaning.said}.",
        )(command)
    return click.option(
        "--format", "form", type=click.Choice(FORMS), help="Of the report.  [default: text]"
    )(command)
