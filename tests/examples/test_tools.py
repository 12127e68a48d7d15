"""The commands of each example's README, as they stand there, against `poster local`.

With `--update-golden` (`make tools`) what the runs found is kept for README's table.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from poster.cli import exit_codes
from poster.judge.analysis import analyse
from poster.judge.compare import Line, line_of
from poster.report.comparison import render_json
from poster.rows import loading
from tests.support.local_shell import poster_local
from tests.support.replaced import failed_under_way

ROOT = Path(__file__).parents[2]
LAG_S = 5
LAG = f"uniform:0,{LAG_S}"
TABLE = ROOT / "docs" / "tools.json"
TOLD = (exit_codes.OK, exit_codes.UNKNOWN)  # what it may say follows from the rows, below
MADE = shutil.ignore_patterns(
    *(
        "node_modules",
        ".serverless",
        ".venv",
        "cdk.out",
        ".nx",
        ".terraform*",
        "terraform.tfstate*",
    ),
    *("runs", "release.txt", "*.zip"),
)
# As npm, uv and Terraform say that what they fetch is not to be had from here.
UNREACHABLE = re.compile(
    r"npm error code (ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT).*|dns error.*"
    r"|Failed to query available provider packages"
)
pytestmark = [pytest.mark.local_aws, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def shell() -> Iterator[str]:
    """Return the lines to paste into a shell."""
    with poster_local("--lag", LAG) as (_, lines):
        yield "".join(lines) + f'export PATH="{Path(sys.executable).parent}:$PATH"\n'


@dataclasses.dataclass(frozen=True)
class Seen:
    """What a run found, and the details of its steps by their names."""

    run: Path
    result: dict[str, Any]
    steps: dict[str, dict[str, Any]]


class Example:
    """A copy of an example, and what its README says to run."""

    def __init__(self, tool: str, folder: Path, shell: str) -> None:
        shutil.copytree(ROOT / "examples", folder / "examples", ignore=MADE)
        self.folder = folder / "examples" / tool
        readme = (self.folder / "README.md").read_text(encoding="utf-8")
        self._commands = re.findall(r"```console\n(.*?)```", readme, re.DOTALL)
        self._shell = shell

    def run(self, number: int = 0, codes: Collection[int] = (exit_codes.OK,)) -> Seen:
        """Run a block of commands, which end with a run."""
        done = subprocess.run(
            ["bash", "-euc", self._shell + self._commands[number]],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        said = f"{done.stdout}\n{done.stderr}"
        if done.returncode and (missing := UNREACHABLE.search(said)):
            pytest.skip(f"what the example installs cannot be had here: {missing[0]}")
        assert done.returncode in codes, said
        run = max((self.folder / "runs").glob("*-run"))
        result = json.loads((run / "result.json").read_text(encoding="utf-8"))
        rows = [json.loads(line) for line in (run / "history.jsonl").open(encoding="utf-8")]
        assert rows[0]["settings"]["propagation"]["lag"] == LAG
        return Seen(
            run, result, {row["name"]: row["detail"] for row in rows if row["kind"] == "step"}
        )


Keep = Callable[[str, Seen], None]


@pytest.fixture
def updates(request: pytest.FixtureRequest) -> bool:
    """Return whether README's table is to be of these runs."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture
def keep(updates: bool) -> Keep:
    """Return what makes a run a line of README's table, by its name there, if asked to."""

    def kept(way: str, seen: Seen) -> None:
        if updates:
            lines = msgspec.json.decode(TABLE.read_bytes(), type=list[Line])
            line = dataclasses.replace(line_of(analyse(loading.load(seen.run), None)), way=way)
            by_way = {each.way: each for each in lines} | {way: line}
            TABLE.write_text(render_json([*by_way.values()]), encoding="utf-8")

    return kept


def needs(command: str) -> pytest.MarkDecorator:
    """Skip where a tool's own prerequisite is not there."""
    return pytest.mark.skipif(
        shutil.which(command) is None, reason=f"the example needs {command} on the PATH"
    )


def assert_is_mixed(seen: Seen) -> None:
    """Callers got two versions at random, nothing failed, and the watcher saw why."""
    (transition,) = seen.result["transitions"]
    assert (transition["from"], transition["to"]) == ("1", "2")
    told = {"mixed"} if is_proven(seen) else {"clean", "unknown"}
    assert seen.result["verdict"] in told
    assert seen.result["calls"]["fail"] == 0
    assert seen.result["safe"]["s"] is not None
    assert_was_watched(seen)


def is_proven(seen: Seen) -> bool:
    """Return whether a call got old code that was sent after another had got new code.

    It must be, unless the machine stood still while callers got both: then few calls were made.
    """
    run, *rows = [
        json.loads(line) for line in (seen.run / "history.jsonl").read_text().split("\n")[:-1]
    ]
    calls = [row for row in rows if row["kind"] == "observation" and row["outcome"] == "ok"]
    old_ns = max(row["sent_ns"] for row in calls if row["function_version"] == "1")
    new_ns = min(row["received_ns"] for row in calls if row["function_version"] == "2")
    made = sum(abs(row["sent_ns"] - old_ns) < LAG_S * 1e9 for row in calls)
    planned = 2 * LAG_S * run["posters"] / run["pause_s"]
    assert old_ns > new_ns or made < 0.75 * planned, "callers got a clean cut"
    return bool(old_ns > new_ns)


def assert_was_watched(seen: Seen) -> None:
    watched = {"code-updated", "version-published", "deploy-started", "deploy-finished"}
    assert watched <= set(seen.steps)
    moved = seen.steps["alias-updated"]
    assert (moved["from"], moved["to"], moved["weights"]) == ("1", "2", {})


@needs("npm")
def test_cdk(tmp_path: Path, shell: str, keep: Keep, updates: bool) -> None:
    example = Example("cdk", tmp_path, shell)
    seen = example.run(codes=TOLD)
    assert_is_mixed(seen)
    keep("CDK, alias", seen)
    if not updates:
        return  # the second block makes two more deploys, of a minute each
    seen = example.run(1, codes=(exit_codes.FAILED,))
    assert_was_watched(seen)
    assert seen.result["verdict"] == "broken"
    assert "failed with HTTP 502 while version 2 took over from version 1" in seen.result["witness"]
    keep("CDK, alias, versions deleted", seen)


@needs("npm")
def test_serverless_framework_without_an_alias(tmp_path: Path, shell: str, keep: Keep) -> None:
    """Every answer is by `$LATEST`; the text that the build left tells the releases apart."""
    codes = (exit_codes.OK, exit_codes.UNKNOWN, exit_codes.FAILED)
    seen = Example("serverless_framework", tmp_path, shell).run(1, codes)
    (transition,) = seen.result["transitions"]
    assert int(transition["from"]) < int(transition["to"])
    # The local AWS fails calls that are under way while it swaps the code, and no others.
    failed = seen.result["calls"]["fail"]
    assert failed == failed_under_way(seen.run, "deploy-started", "deploy-finished")
    told = {"unknown", "broken"} if failed else {"clean", "mixed", "unknown"}
    assert seen.result["verdict"] in told
    assert "code-updated" in seen.steps
    assert "alias-updated" not in seen.steps
    keep("Serverless Framework (osls), `$LATEST`", seen)


@pytest.mark.parametrize(
    ("tool", "way"),
    [
        pytest.param(
            "serverless_framework", "Serverless Framework (osls), alias", marks=needs("npm")
        ),
        pytest.param("nx", "Nx (AWS CLI), alias", marks=[needs("aws"), needs("npm")]),
        pytest.param("terraform", "Terraform, alias", marks=needs("terraform")),
        pytest.param("aws_cli", "AWS CLI, alias", marks=needs("aws")),
    ],
)
def test_a_release_behind_an_alias_is_mixed(
    tmp_path: Path, shell: str, keep: Keep, tool: str, way: str
) -> None:
    seen = Example(tool, tmp_path, shell).run(codes=TOLD)
    assert_is_mixed(seen)
    keep(way, seen)
