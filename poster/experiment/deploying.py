"""Baseline, command, settled: one deploy under traffic that goes on around it.

1. *Baseline*: the posters are answered before anything is deployed. If they are not, nothing is.
2. *Command*: it runs while they go on.
3. *Settled*: they go on until callers get only a new release, or surely nothing new comes.

Ctrl-C tells the command to stop and waits for it, with the calls going on; a second one ends it.

Invariant: whatever happens, the end of a command that was started is a step of the history.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from poster.errors import NO_ANSWER, PosterError
from poster.experiment.command import Command
from poster.experiment.settling import Settling
from poster.experiment.traffic import Traffic
from poster.rows.clock import Clock
from poster.rows.record import Observation, Step, StepName

BASELINE_S = 30.0
FEWEST_CALLS = 10  # that all failed, before we say that none is answered

# calls-ended: by what the engine raises, a full disk for one.
Ended = Literal["settled", "unchanged", "timed-out", "calls-ended"]


class NoBaselineError(PosterError):
    """No call was answered ok before the deploy, or none follows; so nothing was deployed."""

    exit_code = NO_ANSWER


@dataclasses.dataclass(frozen=True, slots=True)
class Watched:
    """How one deploy went; what callers saw is read from the history."""

    ended: Ended
    exit_code: int = 0  # of the command
    last_lines: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Deploying:
    """What it takes: the calls, a clock, and who is told."""

    traffic: Traffic
    clock: Clock
    emit_step: Callable[[Step], None]
    phase: Callable[[str], None]
    why: Callable[[Observation | None], str]  # a call fails
    baseline_answers: int
    settle_timeout_s: float

    def under_traffic(
        self, command: Sequence[str], log: Path, say: Callable[[str], None]
    ) -> Watched:
        """Run the command once there is a baseline, and wait until callers are settled.

        Raises NoBaselineError, CommandError; KeyboardInterrupt after the command has ended.
        """
        self._await_baseline(command[0])
        self.traffic.change(Settling.deploy_begins)
        self.phase(f"running {command[0]} under the calls")
        # Before the command is: a step that is late would make calls before the deploy of its own.
        named = {"command": Path(command[0]).name}
        begun = Step(StepName.DEPLOY_STARTED, self.clock.now_ns(), named)
        running = Command(command, log, say)
        self.emit_step(begun)
        exit_code = self._end_of(running)
        ended_ns = running.ended_ns(self.clock)
        if exit_code:
            self.emit_step(Step(StepName.DEPLOY_FAILED, ended_ns, {"exit_code": exit_code}))
        else:
            self.emit_step(Step(StepName.DEPLOY_FINISHED, ended_ns))
        ended = self._await_settled(nothing_new_ends=True)
        return Watched(ended, exit_code, tuple(running.last_lines))

    def elsewhere(self) -> Watched:
        """Wait until callers get only a new release that somebody else deploys."""
        self._await_baseline("anything")
        self.traffic.change(Settling.deploy_begins)
        self.phase("baseline: deploy now, by any means")
        return Watched(self._await_settled(nothing_new_ends=False))

    def _await_baseline(self, command: str) -> None:
        self.phase("calling for a baseline")
        self.traffic.wait_until(
            lambda seen: (
                seen.ok >= self.baseline_answers or (not seen.ok and seen.calls >= FEWEST_CALLS)
            ),
            BASELINE_S,
        )
        said: list[str] = []

        def look(seen: Settling) -> None:
            if not seen.ok:
                why = self.why(seen.last_failed)
                said.append(f"none of {seen.calls} calls was answered ok ({why})")
            elif self.traffic.has_ended:
                said.append("no more calls are made")
            elif seen.is_unnamed:
                self.phase("no answer names its release so far: see --version-from")

        self.traffic.change(look)
        if said:
            raise NoBaselineError(f"{said[0]}, so {command} was not run")

    def _end_of(self, running: Command) -> int:
        """Return the exit code. Raises KeyboardInterrupt once the command has ended by one."""
        try:
            return running.wait()
        except KeyboardInterrupt:
            exit_code = None
            try:
                # A second Ctrl-C may come as soon as this is said.
                self.phase(f"telling {running.name} to stop; Ctrl-C again ends it at once")
                running.interrupt()
                exit_code = running.wait()
            finally:
                if exit_code is None:
                    exit_code = running.end()
                how = {"exit_code": exit_code, "error": "interrupted"}
                self.emit_step(Step(StepName.DEPLOY_FAILED, running.ended_ns(self.clock), how))
            raise

    def _await_settled(self, nothing_new_ends: bool) -> Ended:
        self.traffic.change(lambda seen: seen.deploy_ended(self.clock.now_ns()))
        self.phase("calling until callers get only the new release")
        found: list[Ended] = []

        def look(seen: Settling) -> bool:
            if seen.is_settled:
                found.append("settled")
            elif nothing_new_ends and seen.is_unchanged:
                found.append("unchanged")
            return bool(found)

        self.traffic.wait_until(look, self.settle_timeout_s)
        if found:
            return found[0]
        return "calls-ended" if self.traffic.has_ended else "timed-out"
