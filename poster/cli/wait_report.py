"""What ``poster wait`` shows: progress on standard error, its end on standard output."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from poster.gate.tally import Tally
from poster.gate.waiting import Passage

PLAIN_EVERY_S = 5.0


class Progress:
    """One live line on a terminal; elsewhere a plain line now and then."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, refresh_per_second=8, transient=True)
        self._started = time.monotonic()
        self._due = self._started + PLAIN_EVERY_S

    def phase(self, sentence: str) -> None:
        """Show that something else is waited for."""
        self._print(sentence)

    def tell(self, tallies: Sequence[Tally]) -> None:
        """Show how far each endpoint is."""
        line = "; ".join(map(_so_far, tallies))
        if self._console.is_terminal:
            self._live.update(Text(line))
        elif time.monotonic() >= self._due:
            self._due = time.monotonic() + PLAIN_EVERY_S
            self._print(line)

    def _print(self, text: str) -> None:
        line = f"{time.monotonic() - self._started:6.1f} s  {text}"
        if self._console.is_terminal:
            self._console.print(Text(line))
        else:
            # One write a line: rich would wrap at 80 columns where no terminal says its width.
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    def __enter__(self) -> Progress:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()


def _so_far(tally: Tally) -> str:
    test, said = tally.test, tally.test.said
    lost = said["fail"] + said["unknown"]
    line = f"new {said['new']}  old {said['old']}  in a row {test.in_a_row} of {test.needed}"
    return f"{line}  failed or unknown {lost}" if lost else line


class Report:
    """The end of a wait and of what followed: sentences as they come, or one object at the end."""

    def __init__(self, form: str) -> None:
        self._is_json = form == "json"
        self._said: dict[str, Any] = {"schema": 1}

    def passage(self, passage: Passage) -> None:
        """Say how the wait ended."""
        self._said |= {
            "outcome": passage.outcome,
            "sentence": passage.sentence,
            "expected": dataclasses.asdict(passage.expected),
            "waited_s": round(passage.waited_s, 3),
            **dataclasses.asdict(passage.rule),
            "answers_needed": passage.rule.answers_needed,
            "endpoints": [dataclasses.asdict(each) for each in passage.endpoints],
        }
        if not self._is_json:
            is_bad = passage.outcome == "timed-out"
            said = passage.outcome.replace("-", " ")
            click.echo(f"{said}: {passage.expected}: {passage.sentence}", err=is_bad)

    def action(self, name: str, sentence: str, detail: dict[str, Any]) -> None:
        """Say what was done after it."""
        self._said[name] = detail
        if not self._is_json:
            click.echo(f"{name}: {sentence}")

    def error(self, outcome: str, sentence: str) -> None:
        """Say what kept the wait, or what was to follow, from its end."""
        self._said |= {"error": sentence}
        self._said.setdefault("outcome", outcome)
        click.echo(f"Error: {sentence}", err=True)

    def end(self) -> None:
        """Write the object."""
        if self._is_json:
            click.echo(json.dumps(self._said, ensure_ascii=False))
