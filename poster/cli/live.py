"""What a person sees while posting goes on: a live line on a terminal, plain lines otherwise.

Everything here goes to standard error; standard output is for results.
"""

from __future__ import annotations

import collections
import re
import sys
import threading
import time
from collections.abc import Callable, Sequence

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from poster.cli.nowhere import lead_nowhere
from poster.cli.strip import CELLS, Strip
from poster.report.plain import plain
from poster.rows.record import Observation, Step

PLAIN_EVERY_S = 10.0
MOST_NAMED = 12  # releases in the line; an API may name another one with every answer
FEWEST_FAILED = 10  # without one ok among them, before we say why
LATEST = "$LATEST"
OTHERS = "others"
# Colours and the like. Some tools send them into a pipe too; the log keeps them.
_DRESS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


_QUIET = "poster.quiet"


def _be_quiet(context: click.Context, _: click.Parameter, is_quiet: bool) -> None:
    context.meta[_QUIET] = is_quiet


quiet_option = click.option(
    "-q",
    "--quiet",
    is_flag=True,
    expose_value=False,
    callback=_be_quiet,
    help="Show no progress, only the end.",
)


class LiveCounts:
    """Counts by outcome and by the release that answered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.outcomes: collections.Counter[str] = collections.Counter()
        self.releases: collections.Counter[str] = collections.Counter()
        self.strip = Strip()

    def add(self, observation: Observation) -> None:
        """Count one call. Called from the posters' threads."""
        self.add_all([observation])

    def add_all(self, observations: Sequence[Observation]) -> None:
        """Count many calls."""
        with self._lock:
            self.outcomes.update([row.outcome for row in observations])
            self.strip.add_all([self._counted(row) for row in observations])

    def _counted(self, row: Observation) -> str | None:
        if row.outcome != "ok":
            return None
        name = _name(row)
        if name not in self.releases and len(self.releases) >= MOST_NAMED:
            name = OTHERS
        self.releases[name] += 1
        return name

    @property
    def ok(self) -> int:
        """Return the calls answered with a 2xx status."""
        return self.outcomes["ok"]

    @property
    def ng(self) -> int:
        """Return all other calls."""
        return self.outcomes.total() - self.ok

    def line(self) -> Text:
        """Return the counts as one line."""
        with self._lock:
            line = Text(f"{self.outcomes.total()} calls   ok {self.outcomes['ok']}")
            for outcome in ("fail", "unknown"):
                style = "bold red" if self.outcomes[outcome] else "dim"
                line.append(f"   {outcome} {self.outcomes[outcome]}", style)
            for release, count in self.releases.items():
                line.append(f"   {plain(release)} ", "dim")
                line.append(str(count), self.strip.colour(release))
        return line

    def with_strip(self, columns: int) -> Text:
        """Return the counts, and below them who answered in the last seconds, on one line."""
        line = self.line()
        with self._lock:
            return line + Text("\n") + self.strip.text(min(CELLS, columns))


def _name(row: Observation) -> str:
    """Return what tells the release: any text in place of a version, else the marker."""
    version = row.function_version
    is_text = version is not None and not version.isdigit() and not version.startswith(LATEST)
    return (version if is_text else row.marker or version) or "not named"


class Screen:
    """A live line on a terminal; elsewhere a plain line now and then. A context manager.

    ``line`` says what the line is at that moment, ``live`` what a terminal of so many columns shows
    instead of it.
    """

    def __init__(
        self,
        line: Callable[[], Text],
        plain_every_s: float,
        live: Callable[[int], Text] | None = None,
    ) -> None:
        self._line = line
        self._plain_every_s = plain_every_s
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(
            console=self._console,
            refresh_per_second=8,
            transient=True,
            get_renderable=lambda: live(self._console.width) if live else line(),
        )
        context = click.get_current_context(silent=True)
        self._is_quiet = context is not None and bool(context.meta.get(_QUIET))
        self._on_terminal = self._console.is_terminal and not self._is_quiet
        self._started = time.monotonic()
        self._plain_due = self._started + plain_every_s

    def changed(self) -> None:
        """Show the line; on a terminal it is looked at by itself."""
        if not self._on_terminal and time.monotonic() >= self._plain_due:
            self._plain_due = time.monotonic() + self._plain_every_s
            self.print(self._line())

    def print(self, text: Text) -> None:
        """Print a line that stays; nothing where progress is not wanted."""
        if self._is_quiet:
            return
        elapsed = Text(f"{time.monotonic() - self._started:6.1f} s  ", "dim")
        try:
            if self._on_terminal:
                self._console.print(elapsed + text)
            else:
                # One write a line: rich would wrap at 80 columns where no terminal says its width.
                click.echo(f"{elapsed.plain}{text.plain}", err=True)
        except OSError:
            self._is_quiet = True
            lead_nowhere(sys.stderr)

    def __enter__(self) -> Screen:
        if self._on_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._on_terminal:
            self._live.stop()


class Narrator:
    """Shows phases, steps and counts; a context manager around the run.

    ``why`` says of a call why it failed; it is asked while none is answered ok.
    """

    def __init__(self, why: Callable[[Observation], str] | None = None) -> None:
        self.tally = LiveCounts()
        self._why = why
        self._told: str | None = None
        self._screen = Screen(self.tally.line, PLAIN_EVERY_S, self.tally.with_strip)

    def phase(self, sentence: str) -> None:
        """Show that a phase begins."""
        self._screen.print(Text(plain(sentence), "bold"))

    def step(self, step: Step) -> None:
        """Show what the deployer did or saw."""
        shown = {
            name: step.detail[name]
            for name in ("marker", "version", "from", "to", "weight", "exit_code", "count")
            if step.detail.get(name)
        }
        said = "  ".join(f"{name} {value}" for name, value in shown.items())
        self._screen.print(Text(plain(f"  {step.name:<18} {said}").rstrip(), "dim"))

    def observed(self, observation: Observation) -> None:
        """Count a call and, now and then, show the counts."""
        self.observed_all([observation])

    def observed_all(self, observations: Sequence[Observation]) -> None:
        """Count many calls and, now and then, show the counts."""
        self.tally.add_all(observations)
        if self._why is not None and not self.tally.ok and self.tally.ng >= FEWEST_FAILED:
            said = self._why(observations[-1])
            if said != self._told:
                self._told = said
                self.phase(f"no call is answered ok: {said}")
        self._screen.changed()

    def said_by_command(self, line: str) -> None:
        """Show a line of the deploy command's output."""
        self._screen.print(Text(f"  | {plain(_DRESS.sub('', line))}", "dim"))

    def __enter__(self) -> Narrator:
        self._screen.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._screen.__exit__(*exception)
        if self.tally.outcomes:
            self._screen.print(self.tally.line())
