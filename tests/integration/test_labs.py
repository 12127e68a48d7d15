"""Each lab once, in small, on the local AWS: builds, deploys, calls, judges, keeps its tables."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from docs.figures import measured_by_labs
from poster.judge.verdict import VerdictKind

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.local_aws, pytest.mark.timeout(900)]


LABS = sorted(path.parent.name for path in ROOT.glob("labs/*/template.yaml"))


@pytest.mark.parametrize("lab", LABS)
def test_sam_takes_the_template_and_has_nothing_to_say(lab: str) -> None:
    done = subprocess.run(
        ["sam", "validate", "--lint"],
        cwd=ROOT / "labs" / lab,
        env={**os.environ, "AWS_DEFAULT_REGION": "us-east-1", "SAM_CLI_TELEMETRY": "0"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def copied_labs(tmp_path: Path) -> Path:
    labs = tmp_path / "labs"
    shutil.copytree(ROOT / "labs", labs)
    return labs


def run_lab(labs: Path, *arguments: str) -> str:
    """Run a lab and return what the command printed."""
    done = subprocess.run(
        [sys.executable, "-m", "labs", *arguments, "--labs", str(labs)],
        cwd=labs.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def kept_in(tmp_path: Path, lab: str) -> str:
    """Return what `make figures` would put into the lab's README, which the run left alone."""
    readme = Path("labs") / lab / "README.md"
    assert (tmp_path / readme).read_bytes() == (ROOT / readme).read_bytes()
    ((page, section, text),) = measured_by_labs(tmp_path / "runs")
    assert (page, section) == (str(readme), "measured local")
    return text


def test_the_missing_loop_shows_on_the_runtime_emulator_and_not_on_ministack(
    tmp_path: Path,
) -> None:
    labs = copied_labs(tmp_path)
    printed = run_lab(labs, "runtime", "--calls", "5")
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    assert any(line.startswith("loopless RIE, local right 502 HTTP 502 (5 of 5)") for line in lines)
    assert any(line.startswith("loopless MiniStack, local right 200 none") for line in lines)
    assert "5 calls, one at a time" in kept_in(tmp_path, "custom_runtime")


def test_a_release_and_a_removal_leave_the_other_function_alone(tmp_path: Path) -> None:
    labs = copied_labs(tmp_path)
    printed = run_lab(labs, "two-functions")
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    assert any(line.startswith("removal of orders 1 untouched the same gone") for line in lines)
    assert "stock" in kept_in(tmp_path, "two_functions")


def test_no_message_is_lost_or_doubled_by_any_pattern_during_a_deploy(tmp_path: Path) -> None:
    labs = copied_labs(tmp_path)
    template = labs / "invocation_patterns" / "template.yaml"
    # In small: a poisonous message of the queue is a dead letter after 15 s, not 72.
    as_ever, quick = "VisibilityTimeout: !Ref VisibilityTimeout", "VisibilityTimeout: 5"
    text = template.read_text()
    assert as_ever in text
    template.write_text(text.replace(as_ever, quick))
    printed = run_lab(labs, "patterns", "--messages", "10", "--rate", "1")
    measured = kept_in(tmp_path, "invocation_patterns")
    for pattern in ("api", "event", "sns", "s3", "kinesis", "dynamodb", "sqs"):
        assert f"\n{pattern} " in printed
        assert f"\n| {pattern} | " in measured


def test_every_door_sees_every_deploy(tmp_path: Path) -> None:
    labs = copied_labs(tmp_path)
    printed = run_lab(labs, "doors")
    lines = [line.split() for line in printed.splitlines()]
    for door in ("rest-api", "http-api", "function-url", "invoke"):
        ends = [line[-1] for line in lines if door in line]
        assert len([end for end in ends if end in get_args(VerdictKind)]) == 2  # rounds
    assert "function-url" in kept_in(tmp_path, "doors")
    (page,) = (tmp_path / "runs").glob("*/doors.html")
    assert page.read_text().count("<iframe") == 8
    assert (tmp_path / "runs" / "doors-local.svg").exists()


def test_a_setting_shows_in_what_callers_are_told(tmp_path: Path) -> None:
    labs = copied_labs(tmp_path)
    parts = ("--part", "starts", "--part", "permission")
    printed = run_lab(labs, "settings", "--rounds", "1", *parts)
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    assert any(line.startswith("the old one goes first (permission-gap) ") for line in lines)
    assert any(line.endswith(" HTTP 500: Internal server error") for line in lines)
    assert "keep connections" in kept_in(tmp_path, "settings")
