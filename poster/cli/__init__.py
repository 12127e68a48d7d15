"""The ``poster`` command: one file per subcommand; parsing, wiring, exit codes, nothing else."""

from __future__ import annotations

import importlib
import signal
import sys
from types import FrameType
from typing import Any, NoReturn

import click

from poster.cli import exit_codes
from poster.errors import PosterError

COMMANDS = (
    "compare",
    "excerpt",
    "experiment",
    "export",
    "local",
    "post",
    "report",
    "run",
    "wait",
)


def end(exit_code: int, said: str) -> NoReturn:
    """Say what was found wrong and end with that code."""
    click.echo(f"Error: {said}", err=True)
    sys.exit(exit_code)


class _Commands(click.Group):
    """Imports a subcommand when it is asked for: ``poster post`` need not load the analysis.

    What a command could not do ends with its one sentence and exit code, whichever command it was.
    """

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand."""
        try:
            return super().invoke(ctx)
        except PosterError as error:
            end(error.exit_code, f"{error}")
        except KeyboardInterrupt:
            end(exit_codes.INTERRUPTED, "interrupted")

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which the help shows them."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return the command, which its module holds under its own name."""
        if name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"poster.cli.{name}"), name)
        return command


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="poster")
def main() -> None:
    """Post to an API while it is deployed, and judge from the rows what callers saw."""
    # A TERM ends a run as Ctrl-C does: drained, closed, nothing left running.
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
