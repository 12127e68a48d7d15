"""The commands of each example's README, as they stand there, against `poster local`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from poster.cli import exit_codes
from tests.support.local_shell import poster_local

ROOT = Path(__file__).parents[2]
LAG = "uniform:0,5"
pytestmark = [pytest.mark.local_aws, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def shell() -> Iterator[str]:
    """Return the lines to paste into a shell."""
    with poster_local("--lag", LAG) as (_, lines):
        yield "".join(lines) + f'export PATH="{Path(sys.executable).parent}:$PATH"\n'


class Example:
    """A copy of an example, and what its README says to run."""

    def __init__(self, tool: str, folder: Path, shell: str) -> None:
        copied = shutil.ignore_patterns(
            "node_modules", ".serverless", ".venv", "cdk.out", "runs", "release.txt"
        )
        self.folder = Path(shutil.copytree(ROOT / "examples" / tool, folder / tool, ignore=copied))
        readme = (self.folder / "README.md").read_text(encoding="utf-8")
        self._commands = re.findall(r"```console\n(.*?)```", readme, re.DOTALL)
        self._shell = shell

    def run(
        self, number: int = 0, codes: Collection[int] = (exit_codes.OK,)
    ) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """Run a block of commands; return its run's result, and the steps' details by name."""
        done = subprocess.run(
            ["bash", "-euc", self._shell + self._commands[number]],
            cwd=self.folder,
            capture_output=True,
            text=True,
        )
        assert done.returncode in codes, f"{done.stdout}\n{done.stderr}"
        assert done.stdout.count("Safe from ") == 1, done.stdout
        run = max((self.folder / "runs").glob("*-run"))
        result = json.loads((run / "result.json").read_text(encoding="utf-8"))
        rows = [json.loads(line) for line in (run / "history.jsonl").open(encoding="utf-8")]
        assert rows[0]["settings"]["propagation"]["lag"] == LAG
        return result, {row["name"]: row["detail"] for row in rows if row["kind"] == "step"}


def needs(command: str) -> pytest.MarkDecorator:
    """Skip where a tool's own prerequisite is not there."""
    return pytest.mark.skipif(
        shutil.which(command) is None, reason=f"the example needs {command} on the PATH"
    )


def assert_is_mixed(result: dict[str, Any], steps: dict[str, dict[str, Any]]) -> None:
    """Callers got two versions at random, nothing failed, and the watcher saw why."""
    (transition,) = result["transitions"]
    assert (transition["from"], transition["to"]) == ("1", "2")
    assert result["verdict"] == "mixed"
    assert {"code-updated", "version-published", "deploy-started", "deploy-finished"} <= set(steps)
    moved = steps["alias-updated"]
    assert (moved["from"], moved["to"], moved["weights"]) == ("1", "2", {})


@needs("npm")
def test_serverless_framework_with_an_alias(tmp_path: Path, shell: str) -> None:
    assert_is_mixed(*Example("serverless_framework", tmp_path, shell).run())


@needs("npm")
def test_serverless_framework_without_an_alias(tmp_path: Path, shell: str) -> None:
    """Every answer is by `$LATEST`; the text that the build left tells the releases apart."""
    # The local AWS may fail a call while it swaps the code: one is too few for a verdict.
    codes = (exit_codes.OK, exit_codes.UNKNOWN)
    result, steps = Example("serverless_framework", tmp_path, shell).run(1, codes)
    (transition,) = result["transitions"]
    assert int(transition["from"]) < int(transition["to"])
    assert result["verdict"] in {"clean", "mixed", "unknown"}
    assert "code-updated" in steps
    assert "alias-updated" not in steps


@needs("aws")
def test_aws_cli(tmp_path: Path, shell: str) -> None:
    assert_is_mixed(*Example("aws_cli", tmp_path, shell).run())
