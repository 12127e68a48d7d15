"""One rehearsed AWS for a module's tests, and how commands are run in it."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.aws import RehearsedAws

ROOT = Path(__file__).parents[2]


@dataclasses.dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended."""

    exit_code: int
    printed: str
    said: str  # on standard error


class Rehearsal:
    """Runs commands as somebody who is signed in to the rehearsed account."""

    def __init__(self, aws: RehearsedAws, folder: Path) -> None:
        self.aws = aws
        self.folder = folder

    def poster(self, named: str, *arguments: str) -> Done:
        """Run ``poster``; its calls are written down as those of ``named``."""
        return self.run(named, sys.executable, "-m", "poster", *arguments)

    def run(self, named: str, *command: str) -> Done:
        """Run any command in a folder of the name's own."""
        folder = self.folder / named.replace(" ", "-").replace(":", "-")
        folder.mkdir(exist_ok=True)
        ended = subprocess.run(
            command,
            cwd=folder,
            env={**self.aws.environment(named), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=110,
        )
        return Done(ended.returncode, ended.stdout, ended.stderr)

    def stacks(self) -> list[str]:
        """Return the names of the account's stacks that are there."""
        stacks = self.aws.client("cloudformation").describe_stacks()["Stacks"]
        gone = "DELETE_COMPLETE"
        return [each["StackName"] for each in stacks if each["StackStatus"] != gone]


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    with RehearsedAws() as aws:
        yield Rehearsal(aws, tmp_path_factory.mktemp("rehearsal"))
        assert aws.refused == [], "somebody asked for a host outside AWS"
