"""One rehearsed AWS for a module's tests, and how commands are run in it."""

from __future__ import annotations

import dataclasses
import os
import re
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

    def poster(self, named: str, *arguments: str, folder: str = "") -> Done:
        """Run ``poster``; its calls are written down as those of ``named``."""
        return self.run(named, sys.executable, "-m", "poster", *arguments, folder=folder)

    def run(self, named: str, *command: str, folder: str = "") -> Done:
        """Run any command in a folder of its own, which is called as the command if not said."""
        ended = subprocess.run(
            command,
            cwd=self.folder_of(folder or named),
            env={**self.aws.environment(named), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=550,  # a busy machine
        )
        return Done(ended.returncode, ended.stdout, ended.stderr)

    def folder_of(self, named: str) -> Path:
        """Return the folder in which a command is run."""
        folder = self.folder / re.sub(r"\W+", "-", named)
        folder.mkdir(exist_ok=True)
        return folder

    def outputs(self, stack: str) -> dict[str, str]:
        """Return a stack's outputs."""
        (found,) = self.aws.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        return {each["OutputKey"]: each["OutputValue"] for each in found["Outputs"]}

    def resource_types(self) -> list[str]:
        """Return the types of all resources that the account's stacks hold now."""
        client = self.aws.client("cloudformation")
        return sorted(
            {
                resource["ResourceType"]
                for stack in self.stacks()
                for resource in client.describe_stack_resources(StackName=stack)["StackResources"]
            }
        )

    def distribution(self) -> str:
        """Make a CloudFront distribution and return its id."""
        made = self.aws.client("cloudfront").create_distribution(
            DistributionConfig={
                "CallerReference": "rehearsal",
                "Comment": "",
                "Enabled": True,
                "Origins": {"Quantity": 1, "Items": [{"Id": "api", "DomainName": "example.com"}]},
                "DefaultCacheBehavior": {
                    "TargetOriginId": "api",
                    "ViewerProtocolPolicy": "redirect-to-https",
                },
            }
        )
        return str(made["Distribution"]["Id"])

    def stacks(self) -> list[str]:
        """Return the names of the account's stacks that are there."""
        stacks = self.aws.client("cloudformation").describe_stacks()["Stacks"]
        gone = "DELETE_COMPLETE"
        return [each["StackName"] for each in stacks if each["StackStatus"] != gone]


@pytest.fixture(scope="module")
def signed_in() -> Iterator[RehearsedAws]:
    """A rehearsed AWS that this process, too, takes for its own."""
    with RehearsedAws() as aws, pytest.MonkeyPatch.context() as patched:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patched.delenv(name)
        for name, value in aws.environment("test").items():
            patched.setenv(name, value)
        yield aws
        assert aws.refused == [], "somebody asked for a host outside AWS"


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    with RehearsedAws() as aws:
        yield Rehearsal(aws, tmp_path_factory.mktemp("rehearsal"))
        assert aws.refused == [], "somebody asked for a host outside AWS"
