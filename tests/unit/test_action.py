"""The GitHub action: its script against a poster that only notes what it is asked."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from poster.cli.wait import wait

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / ".github" / "action" / "wait.sh"
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
REACHED = {
    "outcome": "reached",
    "sentence": "459 new answers in a row",
    "expected": {"version": "8", "marker": None},
    "waited_s": 12.3,
}
Ended = tuple[subprocess.CompletedProcess[str], list[str], dict[str, Path]]
Run = Callable[..., Ended]
FAKE = """#!/bin/sh
printf '%s\\n' "$*" >> {folder}/asked
case "$*" in
  *--print-version*) echo 7 ;;
  *) printf '%s\\n' '{said}'; exit {code} ;;
esac
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return what runs the script and gives its end and what GitHub would read."""

    def run_script(said: object = REACHED, code: int = 0, **inputs: str) -> Ended:
        poster = tmp_path / "poster"
        poster.write_text(FAKE.format(folder=tmp_path, said=json.dumps(said), code=code))
        poster.chmod(0o755)
        files = {name: str(tmp_path / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        done = subprocess.run(
            [SCRIPT],
            cwd=tmp_path,
            env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", **files}
            | {f"INPUT_{name.upper()}": value for name, value in inputs.items()},
            capture_output=True,
            text=True,
        )
        asked = (tmp_path / "asked").read_text().splitlines()
        return done, asked, {name: Path(path) for name, path in files.items()}

    return run_script


def test_it_notes_the_version_deploys_and_waits_in_this_order(run: Run) -> None:
    done, asked, files = run(
        stack_name="shop",
        command="echo deployed >> asked",
        arguments="--purge-cloudfront E1 --paths '/a b*'",
    )
    assert done.returncode == 0, done.stderr
    assert asked == [
        "wait --stack-name shop --print-version",
        "deployed",
        "wait -q --format json --stack-name shop --was 7 --purge-cloudfront E1 --paths /a b*",
    ]
    said = files["GITHUB_OUTPUT"].read_text()
    assert said == "version=8\nsafe-after=12.3\nverdict=reached\n"
    assert "459 new answers" in files["GITHUB_STEP_SUMMARY"].read_text()


def test_a_wait_that_failed_is_an_error_with_its_exit_code(run: Run) -> None:
    done, _, files = run({"outcome": "timed-out", "sentence": "50 % old\n::x"}, 6, stack_name="s")
    assert done.returncode == 6
    assert "::error title=poster::50 %25 old%0A::x" in done.stdout
    assert "verdict=timed-out" in files["GITHUB_OUTPUT"].read_text()


def test_nothing_to_wait_for_is_a_warning(run: Run) -> None:
    done, *_ = run({"outcome": "nothing-to-wait-for", "sentence": "still 7"}, stack_name="s")
    assert (done.returncode, done.stdout) == (0, "::warning title=poster::still 7\n")


def test_a_deploy_that_failed_is_not_waited_for(run: Run) -> None:
    done, asked, _ = run(stack_name="s", command="exit 3")
    assert done.returncode == 3
    assert "::error title=poster::the deploy command failed" in done.stdout
    assert asked == ["wait --stack-name s --print-version"]


def test_arguments_are_words_and_never_run(run: Run, tmp_path: Path) -> None:
    done, asked, _ = run(stack_name="s", arguments="--marker '$(touch owned)' --rate 5")
    assert done.returncode == 0, done.stderr
    assert asked[-1].endswith("--marker $(touch owned) --rate 5")
    assert not (tmp_path / "owned").exists()


def test_every_input_reaches_the_script_as_a_variable_alone() -> None:
    step = ACTION["runs"]["steps"][-1]
    assert {f"INPUT_{name.upper().replace('-', '_')}" for name in ACTION["inputs"]} == set(
        step["env"]
    )
    assert "${{" not in step["run"]
    named = set(ACTION["inputs"]) - {"command", "arguments"}
    assert {f"--{name}" for name in named} <= {o for p in wait.params for o in p.opts}


def test_the_example_uses_the_action_as_it_is() -> None:
    workflow = yaml.safe_load((ROOT / "examples" / "github_actions.yml").read_text())
    [step] = [step for step in workflow["jobs"]["deploy"]["steps"] if step.get("id") == "deploy"]
    assert set(step["with"]) <= set(ACTION["inputs"])
    arguments = re.sub(r"\$\{\{.*?\}\}", "E123", step["with"]["arguments"])
    wait.make_context("wait", ["--stack-name", "s", *shlex.split(arguments)])
    used = re.findall(r"steps\.deploy\.outputs\.([\w-]+)", json.dumps(workflow))
    assert set(used) <= set(ACTION["outputs"])


@pytest.mark.parametrize("name", ["ci", "publish"])
def test_our_own_workflows_pin_every_action_to_a_commit(name: str) -> None:
    text = (ROOT / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8")
    assert re.findall(r"uses: (.+)", text)
    for used in re.findall(r"uses: (\S+)", text):
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", used)
