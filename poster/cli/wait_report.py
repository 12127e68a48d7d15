"""What ``poster wait`` shows: progress on standard error, its end on standard output."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import click
from rich.text import Text

from poster.cli.live import Screen
from poster.gate.tally import Tally
from poster.gate.waiting import Passage

PLAIN_EVERY_S = 5.0


class Progress:
    """Shows what is waited for and how far each endpoint is; a context manager around the wait."""

    def __init__(self) -> None:
        self._tallies: Sequence[Tally] = ()
        self._screen = Screen(self._line, PLAIN_EVERY_S)

    def phase(self, sentence: str) -> None:
        """Show that something else is waited for."""
        self._screen.print(Text(sentence))

    def tell(self, tallies: Sequence[Tally]) -> None:
        """Show how far each endpoint is."""
        self._tallies = tallies
        self._screen.changed()

    def _line(self) -> Text:
        return Text("; ".join(map(_so_far, self._tallies)))

    def __enter__(self) -> Progress:
        self._screen.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._screen.__exit__(*exception)


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
