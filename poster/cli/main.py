"""``poster``: the group of the subcommands, and how it ends when one could not do its work."""

from __future__ import annotations

import ast
import errno
import importlib
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

from poster.calls.open_files import make_room
from poster.cli import exit_codes, extras
from poster.errors import PosterError
from poster.report.plain import plain_lines
from poster.rows.version import VERSION

COMMANDS = (
    "collect",
    "compare",
    "doctor",
    "excerpt",
    "experiment",
    "export",
    "init",
    "local",
    "mark",
    "post",
    "report",
    "run",
    "schema",
    "wait",
)


def end(exit_code: int, said: str) -> NoReturn:
    """Say what was found wrong and end with that code."""
    click.echo(f"Error: {plain_lines(said)}", err=True)
    sys.exit(exit_code)


class _Lazy(Mapping[str, click.Command]):
    """The subcommands by name, in the order in which the help shows them.

    One is imported when it is asked for: ``poster post`` need not load the analysis.
    """

    def __getitem__(self, name: str) -> click.Command:
        """Return the command, which its module holds under its own name."""
        if name not in COMMANDS:
            raise KeyError(name)
        with extras.named_for(f"poster {name}"):
            command: click.Command = getattr(importlib.import_module(f"poster.cli.{name}"), name)
        return command

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(COMMANDS)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(COMMANDS)


class _Commands(click.Group):
    """Names the subcommands without importing them, and says how one ended.

    What a command could not do ends with its one sentence and exit code, whichever command it was.
    """

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand."""
        try:
            with extras.named_for("this command"):
                return super().invoke(ctx)
        except PosterError as error:
            end(error.exit_code, f"{error}")
        except OSError as error:
            if error.errno in {None, errno.EPIPE}:
                raise  # click ends quietly when nobody reads on
            # A machine that is full, closed to us or no longer there: no fault of the program.
            what = "" if error.filename is None else f"{error.filename}: "
            end(exit_codes.ERROR, f"{what}{error.strerror}")
        except KeyboardInterrupt:
            end(exit_codes.INTERRUPTED, "interrupted")

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return the command, None when there is none of that name."""
        try:
            return super().get_command(ctx, name)
        except extras.MissingExtraError:
            if ctx.resilient_parsing:  # somebody pressed the tab key
                return None
            raise

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete names without importing what they stand for."""
        named = [
            CompletionItem(name, help=_summary(name))
            for name in self.list_commands(ctx)
            if name.startswith(incomplete)
        ]
        return [*named, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what each subcommand does, read from its source: importing them all is slow.

        Nor could all be imported: the libraries of an extra may not be there.
        """
        with formatter.section("Commands"):
            formatter.write_dl([(name, _summary(name)) for name in self.list_commands(ctx)])


def _summary(name: str) -> str:
    source = (Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8")
    function = next(
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name == name
    )
    return (ast.get_docstring(function) or "").partition("\n")[0]


@click.command(
    cls=_Commands,
    commands=_Lazy(),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(VERSION)
def main() -> None:
    """Post to an API while it is deployed, and judge from the rows what callers saw."""
    # A TERM ends a run as Ctrl-C does: drained, closed, nothing left running.
    signal.signal(signal.SIGTERM, _interrupt)
    if os.environ.get("NO_COLOR"):  # https://no-color.org; the live line knows it by itself
        click.get_current_context().color = False
    make_room()


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
