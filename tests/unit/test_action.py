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

from poster.cli.run import run as run_command
from poster.cli.wait import wait
from tests.support.schemas import faults

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / ".github" / "action" / "wait.sh"
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
REACHED = {
    "outcome": "reached",
    "sentence": "459 new answers in a row",
    "expected": [{"version": "8", "marker": None}],
    "waited_s": 12.3,
}
SEEN = {
    "verdict": "mixed",
    "witness": "call 7 was old",
    "safe": {"s": 4.5},
    "transitions": [{"to": "8"}],
}
Ended = tuple[subprocess.CompletedProcess[str], list[str], dict[str, Path]]
Run = Callable[..., Ended]
# Notes what it is asked; as `poster run` it runs the command, as that does.
FAKE = """#!/bin/bash
printf '%s\\n' "$*" >> {folder}/asked
case "$*" in
  *--print-version*) echo 7 ;;
  run*)
    while [ "$1" != -- ]; do shift; done; shift
    "$@" >&2 || exit 4
    cat {folder}/seen; exit {seen_code} ;;
  *) cat {folder}/said; exit {code} ;;
esac
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return what runs the script and gives its end and what GitHub would read."""

    def run_script(
        said: object = REACHED,
        code: int = 0,
        seen: object = SEEN,
        seen_code: int = 0,
        **inputs: str,
    ) -> Ended:
        (tmp_path / "said").write_text(json.dumps(said))
        (tmp_path / "seen").write_text(json.dumps(seen))
        poster = tmp_path / "poster"
        poster.write_text(FAKE.format(folder=tmp_path, code=code, seen_code=seen_code))
        poster.chmod(0o755)
        files = {name: str(tmp_path / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        done = subprocess.run(
            [SCRIPT],
            cwd=tmp_path,
            env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", **files}
            | {"RUNNER_TEMP": "/tmp/runner"}
            | {f"INPUT_{name.upper()}": value for name, value in inputs.items()},
            capture_output=True,
            text=True,
        )
        asked = (tmp_path / "asked").read_text().splitlines()
        return done, asked, {name: Path(path) for name, path in files.items()}

    return run_script


def test_what_the_fake_says_has_the_form_of_what_poster_says() -> None:
    assert faults("wait", {"schema": 2, **REACHED}) == []
    missing = "is a required property"  # the script reads only these
    assert [fault for fault in faults("result", SEEN) if not fault.endswith(missing)] == []


def outputs(files: dict[str, Path]) -> dict[str, str]:
    """Return what later steps of the workflow read: of a name that is told twice the last."""
    lines = files["GITHUB_OUTPUT"].read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_it_notes_the_version_deploys_under_calls_and_waits_in_this_order(run: Run) -> None:
    done, asked, files = run(
        stack_name="shop",
        region="eu-west-1",
        command="echo deployed >> asked",
        run_arguments="--max-window 10",
        arguments="--purge-cloudfront E1 --paths '/a b*'",
    )
    assert done.returncode == 0, done.stderr
    assert asked == [
        "wait --stack-name shop --region eu-west-1 --print-version",
        "run --format json --out /tmp/runner/poster-run --stack-name shop --region eu-west-1"
        " --max-window 10 -- bash -euo pipefail -c echo deployed >> asked",
        "deployed",
        "wait -q --format json --stack-name shop --region eu-west-1 --was 7"
        " --purge-cloudfront E1 --paths /a b*",
    ]
    assert outputs(files) == {
        "version": "8",
        "safe-after": "4.5",
        "verdict": "mixed",
        "outcome": "reached",
    }
    summary = files["GITHUB_STEP_SUMMARY"].read_text()
    assert "mixed. call 7 was old" in summary
    assert "459 new answers" in summary


def test_of_an_endpoint_alone_the_calls_tell_all_and_nobody_waits(run: Run) -> None:
    done, asked, files = run(endpoint="https://x", command="true", version_from="header:X-Version")
    assert done.returncode == 0, done.stderr
    (only,) = asked
    assert "--endpoint https://x --version-from header:X-Version -- bash" in only
    assert outputs(files) == {"version": "8", "safe-after": "4.5", "verdict": "mixed"}


def test_what_follows_waits_for_the_release_that_the_calls_saw(run: Run) -> None:
    follows = {"endpoint": "https://x", "command": "true", "arguments": "--then ./migrate"}
    done, asked, _ = run(**follows, version_from="sha256")
    assert done.returncode == 0, done.stderr
    expected = "--endpoint https://x --version-from sha256 --expect 8 --then ./migrate"
    assert asked[-1] == f"wait -q --format json {expected}"
    _, asked, _ = run(seen={**SEEN, "transitions": [{"to": "xxx"}]}, **follows)
    assert " --marker xxx " in asked[-1]


def test_a_function_without_an_endpoint_is_deployed_without_calls(run: Run) -> None:
    done, asked, files = run(function_name="f", alias="live", command="echo deployed >> asked")
    assert done.returncode == 0, done.stderr
    assert asked == [
        "wait --function-name f --alias live --print-version",
        "deployed",
        "wait -q --format json --function-name f --alias live --was 7",
    ]
    assert outputs(files)["verdict"] == "reached"
    assert outputs(files)["safe-after"] == "12.3"


def test_harm_that_callers_saw_fails_the_step_and_nothing_follows(run: Run) -> None:
    done, asked, files = run(
        seen={**SEEN, "verdict": "broken"},
        seen_code=1,
        stack_name="s",
        command="true",
        arguments="--purge-cloudfront E1",
    )
    assert done.returncode == 1
    assert "::error title=poster::call 7 was old" in done.stdout
    assert not [each for each in asked if "purge" in each]
    assert outputs(files) == {"verdict": "broken", "version": "8", "safe-after": "4.5"}


def test_where_the_calls_cannot_tell_the_wait_decides(run: Run) -> None:
    nothing = {"verdict": "unknown", "witness": "no new release", "safe": {"s": None}}
    done, _, files = run(
        {"outcome": "nothing-to-wait-for", "sentence": "still 7"},
        seen={**nothing, "transitions": []},
        seen_code=3,
        stack_name="s",
        command="true",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "::warning title=poster::the calls around the deploy cannot tell: no new release",
        "::warning title=poster::still 7",
    ]
    assert outputs(files)["outcome"] == "nothing-to-wait-for"


def test_a_wait_that_failed_is_an_error_with_its_exit_code(run: Run) -> None:
    done, _, files = run({"outcome": "timed-out", "sentence": "50 % old\n::x"}, 6, stack_name="s")
    assert done.returncode == 6
    assert "::error title=poster::50 %25 old ::x" in done.stdout
    assert outputs(files)["verdict"] == "timed-out"


def test_nothing_to_wait_for_is_a_warning(run: Run) -> None:
    done, *_ = run({"outcome": "nothing-to-wait-for", "sentence": "still 7"}, stack_name="s")
    assert (done.returncode, done.stdout) == (0, "::warning title=poster::still 7\n")


def test_a_deploy_that_failed_is_not_waited_for(run: Run) -> None:
    done, asked, _ = run(stack_name="s", command="exit 3")
    assert done.returncode == 4
    assert "::error title=poster::the deploy command failed" in done.stdout
    assert [each.split()[0] for each in asked] == ["wait", "run"]


def test_arguments_are_words_and_never_run(run: Run, tmp_path: Path) -> None:
    done, asked, _ = run(stack_name="s", arguments="--marker '$(touch owned)' --rate 5")
    assert done.returncode == 0, done.stderr
    assert asked[-1].endswith("--marker $(touch owned) --rate 5")
    assert not (tmp_path / "owned").exists()
    _, asked, _ = run(stack_name="s")
    assert asked[-1] == "wait -q --format json --stack-name s", "no empty word"


def test_every_input_reaches_the_script_as_a_variable_alone() -> None:
    step = ACTION["runs"]["steps"][-1]
    assert {f"INPUT_{name.upper().replace('-', '_')}" for name in ACTION["inputs"]} == set(
        step["env"]
    )
    assert "${{" not in step["run"]
    named = set(ACTION["inputs"]) - {"command", "arguments", "run-arguments"}
    assert {f"--{name}" for name in named} <= {o for p in wait.params for o in p.opts}


def test_the_example_uses_the_action_as_it_is() -> None:
    workflow = yaml.safe_load((ROOT / "examples" / "github_actions.yml").read_text())
    [step] = [step for step in workflow["jobs"]["deploy"]["steps"] if step.get("id") == "deploy"]
    assert set(step["with"]) <= set(ACTION["inputs"])
    arguments = re.sub(r"\$\{\{.*?\}\}", "E123", step["with"]["arguments"])
    wait.make_context("wait", ["--stack-name", "s", *shlex.split(arguments)])
    run_command.make_context("run", [*shlex.split(step["with"].get("run-arguments", "")), "true"])
    used = re.findall(r"steps\.deploy\.outputs\.([\w-]+)", json.dumps(workflow))
    assert set(used) <= set(ACTION["outputs"])


@pytest.mark.parametrize("name", ["ci", "publish"])
def test_our_own_workflows_pin_every_action_to_a_commit(name: str) -> None:
    text = (ROOT / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8")
    assert re.findall(r"uses: (.+)", text)
    for used in re.findall(r"uses: (\S+)", text):
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", used)
