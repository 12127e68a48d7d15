"""``sam build`` and ``sam deploy``: the published way, and the way of most teams.

The alias is moved all at once, by CloudFormation. Steps are taken from CloudFormation's own
events (``sam deploy --output json``): SAM prints them late, at its next poll, so a step's time is
the event's timestamp and never the moment at which its line arrived.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import re
import subprocess
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

from poster.child import Child
from poster.deploy import DeployError, Release
from poster.deploy.application import StagedApplication
from poster.deploy.failure import with_failure_told
from poster.rows.clock import Clock, from_server_ms
from poster.rows.record import Step

_DONE = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
_STEP_OF = {
    "AWS::Lambda::Function": "code-updated",
    "AWS::Lambda::Version": "version-published",
    "AWS::Lambda::Alias": "alias-updated",
    "AWS::CloudFormation::Stack": "stack-complete",
}
_TAIL_LINES = 8


class SamCli:
    """Runs ``sam`` on a staged application; everything it says is kept in a log."""

    def __init__(self, sam: Path, environment: dict[str, str], log: Path) -> None:
        self._sam = sam
        self._environment = environment
        self._log = log

    def lines(self, arguments: list[str], cwd: Path) -> Iterator[str]:
        """Run it and yield what it prints on standard output, line by line.

        Raises DeployError with the end of what it said when it fails.
        """
        command = [str(self._sam), *arguments]
        with self._log.open("ab") as log:
            log.write(f"$ sam {' '.join(arguments)}\n".encode())
            log.flush()
            start = log.tell()
            with Child.start(
                command,
                env=self._environment,
                cwd=cwd,
                stdout=subprocess.PIPE,
                stderr=log,
            ) as child:
                for line in child.stdout or ():
                    log.write(line.encode())
                    log.flush()
                    yield line
                exit_code = child.wait()
        if exit_code != 0:
            raise DeployError(
                f"sam {arguments[0]} ended with {exit_code}: {self._tail(start)}"
                f" (all of it: {self._log})"
            )

    def _tail(self, start: int) -> str:
        said = self._log.read_bytes()[start:].decode(errors="replace")
        readable = re.sub(r"\x1b\[[0-9;]*m", "", said)
        lines = [line.strip() for line in readable.splitlines() if line.strip()]
        return " / ".join(line for line in lines if not line.startswith("{"))[-600:] or "no output"


@dataclasses.dataclass(frozen=True, slots=True)
class SamDeployer:
    """Makes each release in the staged application, builds it and deploys the stack."""

    application: StagedApplication
    sam: SamCli
    stack_name: str
    parameters: dict[str, str]
    clock: Clock
    alias_version: Callable[[], str | None]  # what the control plane says now; None: no stack yet
    express: bool = False  # CloudFormation does not wait until resources are ready for traffic

    def deploy(self, release: Release) -> Generator[Step, None, None]:
        """See Deployer."""
        return with_failure_told(self._steps(release), self.clock)

    def _steps(self, release: Release) -> Generator[Step, None, None]:
        yield from build(release, self.application, self.sam, self.clock)
        yield from self._deploy(release)

    def _deploy(self, release: Release) -> Iterator[Step]:
        before = self.alias_version()
        yield self._step("deploy-started", marker=release.marker)
        overrides = {**self.parameters, "ConfigMarker": release.config_marker}
        arguments = [
            *("deploy", "--output", "json", "--no-confirm-changeset"),
            *("--stack-name", self.stack_name),
            *(["--express"] if self.express else []),
            *("--parameter-overrides", *(f"{name}={value}" for name, value in overrides.items())),
        ]
        result = None
        failures = []
        try:
            for line in self.sam.lines(arguments, self.application.path):
                event = _parsed(line)
                if event.get("type") == "result":
                    result = event.get("status")
                if str(event.get("status")).endswith("_FAILED"):
                    failures.append("{logical_id} {status}: {reason}".format_map(event))
                step = self._step_in(event, before)
                if step is not None:
                    yield step
        except DeployError as error:
            # CloudFormation names the cause first; what follows are its consequences.
            raise DeployError(f"{failures[0]}; {error}" if failures else f"{error}") from error
        if result == "no_changes":
            raise DeployError(
                f"sam deploy found nothing to change for release {release.marker}: the stack"
                f" {self.stack_name} has this release already"
            )
        yield self._step("deploy-finished", marker=release.marker)

    def _step_in(self, event: dict[str, Any], before: str | None) -> Step | None:
        name = _STEP_OF.get(str(event.get("resource_type")))
        if event.get("type") != "event" or event.get("status") not in _DONE or name is None:
            return None
        server_ms = _milliseconds(str(event["timestamp"]))
        detail: dict[str, Any] = {
            "logical_id": event.get("logical_id"),
            "status": event["status"],
            "server_ms": server_ms,
        }
        if name == "alias-updated":
            after = self.alias_version()
            if after == before:  # the event repeats for an alias that was left where it was
                return None
            detail = {"from": before, "to": after, **detail}
        return Step(name, from_server_ms(server_ms, self.clock.origin_unix_ns), detail)

    def _step(self, name: str, **detail: Any) -> Step:
        return Step(name, self.clock.now_ns(), detail)


def build(
    release: Release, application: StagedApplication, sam: SamCli, clock: Clock
) -> Iterator[Step]:
    """Make the release in the staged application, build it, yield the steps. Raises DeployError."""
    application.make_release(release.marker)
    yield Step("build-started", clock.now_ns(), {"marker": release.marker})
    for _ in sam.lines(["build"], application.path):
        pass
    yield Step("build-finished", clock.now_ns())


def _parsed(line: str) -> dict[str, Any]:
    """Return the event that a line of SAM's output holds; other lines are for people."""
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _milliseconds(timestamp: str) -> int:
    return round(datetime.datetime.fromisoformat(timestamp).timestamp() * 1000)
