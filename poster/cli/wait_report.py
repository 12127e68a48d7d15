"""What ``poster wait`` shows: progress on standard error, its end on standard output.

In a workflow of GitHub's, an end with an error is a line that the run's page shows, and the numbers
stand in the step's summary.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import click
import msgspec
from msgspec import UNSET, UnsetType
from rich.text import Text

from poster.actions.cloudfront import Purge
from poster.actions.versions import Deletion
from poster.actions.warm import Warmed
from poster.cli import exit_codes
from poster.cli.live import Screen
from poster.cli.wait_setup import Plan
from poster.gate.tally import EndpointCount, Expected, Tally
from poster.gate.waiting import Outcome, Passage
from poster.report.plain import plain, plain_lines
from poster.report.table import in_markdown

PLAIN_EVERY_S = 5.0

# How an end with an error is named to machines.
Failure = Literal[
    "misconfigured",
    "failed-update",
    "error",
    "superseded",
    "not-there",
    "no-permission",
    "no-answer",
    "no-version",
    "action-failed",
    "interrupted",
]
OUTCOMES: dict[int, Failure] = {
    exit_codes.USAGE: "misconfigured",
    exit_codes.DEPLOY_FAILED: "failed-update",
    exit_codes.ERROR: "error",
    exit_codes.SUPERSEDED: "superseded",
    exit_codes.NOT_THERE: "not-there",
    exit_codes.NO_PERMISSION: "no-permission",
    exit_codes.NO_ANSWER: "no-answer",
    exit_codes.NO_VERSION: "no-version",
    exit_codes.ACTION_FAILED: "action-failed",
    exit_codes.INTERRUPTED: "interrupted",
}
BAD = ("timed-out", "broken", "nothing-new")


class Ran(msgspec.Struct):
    """A command that was run."""

    exit_code: int


class FunctionDeletion(msgspec.Struct):
    """Which versions of a function were deleted, or would be, and why the others stay."""

    function: str
    deleted: tuple[str, ...]
    kept: dict[str, str]


class WaitResult(msgspec.Struct, kw_only=True, rename={"would_delete": "would delete"}):
    """How a wait ended and what followed; what did not happen is left out."""

    schema: Literal[2]
    outcome: Outcome | Failure | UnsetType = UNSET
    sentence: str | UnsetType = UNSET
    expected: tuple[Expected, ...] | UnsetType = UNSET
    waited_s: float | UnsetType = UNSET
    stale_share: float | UnsetType = UNSET
    confidence: float | UnsetType = UNSET
    max_fail_share: float | UnsetType = UNSET
    max_p99_ms: float | UnsetType | None = UNSET
    answers_needed: int | UnsetType = UNSET
    rate_per_s: float | UnsetType = UNSET
    max_in_flight: int | UnsetType = UNSET
    is_capped: bool | UnsetType = UNSET
    concurrency: list[str] | UnsetType = UNSET
    endpoints: tuple[EndpointCount, ...] | UnsetType = UNSET
    warmed: list[Warmed] | UnsetType = UNSET
    purged: list[Purge] | UnsetType = UNSET
    ran: list[Ran] | UnsetType = UNSET
    deleted: list[FunctionDeletion] | UnsetType = UNSET
    would_delete: list[FunctionDeletion] | UnsetType = UNSET
    error: str | UnsetType = UNSET
    would_end_with: int | UnsetType = UNSET


class Progress:
    """Shows what is waited for and how far each endpoint is; a context manager around the wait."""

    def __init__(self) -> None:
        self._tallies: Sequence[Tally] = ()
        self._screen = Screen(self._line, PLAIN_EVERY_S)

    def phase(self, sentence: str) -> None:
        """Show that something else is waited for."""
        self._screen.print(Text(plain(sentence)))

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
    line += f"  from a cache {said['cached']}" if said["cached"] else ""
    return f"{line}  failed or unknown {lost}" if lost else line


class Report:
    """The end of a wait and of what followed: sentences as they come, or one object at the end."""

    def __init__(self, form: str) -> None:
        self._is_json = form == "json"
        self._said = WaitResult(schema=2)
        self._lines: list[str] = []
        self._endpoints: Sequence[EndpointCount] = ()

    def passage(self, passage: Passage, made: Plan) -> None:
        """Say how the wait ended."""
        self._endpoints = passage.endpoints
        self._said = WaitResult(
            schema=2,
            outcome=passage.outcome,
            sentence=passage.sentence,
            expected=passage.expected,
            waited_s=round(passage.waited_s, 3),
            **dataclasses.asdict(passage.rule),
            answers_needed=passage.rule.needed(1),
            rate_per_s=made.wait.rate_per_s,
            max_in_flight=made.wait.max_in_flight,
            is_capped=made.is_capped,
            concurrency=[each.sentence for each in made.concurrency],
            endpoints=passage.endpoints,
        )
        is_bad = passage.outcome in BAD
        said = plain(f"{passage.outcome.replace('-', ' ')}: {passage.named}: {passage.sentence}")
        self._lines.append(said)
        if not self._is_json:
            click.echo(said, err=is_bad)
        if is_bad:
            _annotate(said)

    def action(self, name: str, sentence: str, detail: object) -> None:
        """Say what was done after it; the result has a field of that name."""
        field = name.replace(" ", "_")
        setattr(self._said, field, [*(getattr(self._said, field) or ()), detail])
        said = plain(f"{name}: {sentence}")
        self._lines.append(said)
        if not self._is_json:
            click.echo(said)

    def deletion(self, name: str, function: str, deletion: Deletion) -> None:
        """Say which versions went, or would go, and why the others stay."""
        kept = "; ".join(f"{version} stays: {why}" for version, why in deletion.kept.items())
        said = f"{', '.join(deletion.deleted) or 'no version'} of function {function} ({kept})"
        self.action(name, said, FunctionDeletion(function, deletion.deleted, deletion.kept))

    def error(self, exit_code: int, sentence: str) -> None:
        """Say what kept the wait, or what was to follow, from its end."""
        self._said.error = sentence
        self._said.outcome = self._said.outcome or OUTCOMES[exit_code]
        said = plain_lines(sentence)
        self._lines.append(f"Error: {said}")
        click.echo(f"Error: {said}", err=True)
        _annotate(said)

    def would_end(self, exit_code: int) -> None:
        """Say what a dry run would have ended with."""
        self._said.would_end_with = exit_code
        said = f"dry run: nothing was done; it would have ended with exit code {exit_code}"
        self._lines.append(said)
        if not self._is_json:
            click.echo(said)

    def end(self) -> None:
        """Write the object, and the summary of a workflow's step."""
        if self._is_json:
            click.echo(msgspec.json.encode(self._said))
        summary = os.environ.get("GITHUB_STEP_SUMMARY")
        if summary and self._lines:
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(self._markdown())

    def _markdown(self) -> str:
        said = "".join(f"- {line}\n" for line in self._lines)
        if not self._endpoints:
            return f"### poster wait\n\n{said}\n"
        names = ("new", "old", "cached", "fail", "unknown", "in_a_row", "needed", "attempts")
        head = ("endpoint", *(name.replace("_", " ") for name in names), "addresses")
        rows = [
            (e.name, *(str(getattr(e, name)) for name in names), str(len(e.addresses)))
            for e in self._endpoints
        ]
        return f"### poster wait\n\n{said}\n{in_markdown(head, rows, right=head[1:])}\n"


def _annotate(sentence: str) -> None:
    """Let GitHub's page of the run show the sentence."""
    if os.environ.get("GITHUB_ACTIONS") == "true":
        escaped = sentence.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        click.echo(f"::error title=poster wait::{escaped}", err=True)
