"""The examples, and the commands that the documentation shows, are ones that this poster takes."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest

from poster.cli.run import run
from poster.cli.wait import wait

ROOT = Path(__file__).parents[3]
SHOWN = ["examples/Makefile", "examples/aws_cli/Makefile", "docs/gate.md"]
VARIABLES = {
    "DISTRIBUTION": "E123",
    "FUNCTION": "shop",
    "REPOSITORY": "account.dkr.ecr.region.amazonaws.com/shop",
}


def commands_in(text: str) -> list[str]:
    joined = re.sub(r"\\\n\s*", " ", text)
    # In a Makefile and a workflow, variables stand where a shell sees words.
    plain = re.sub(r"\$\{\{.*?\}\}|\$\(([A-Z]+)\)|\$\$?([a-zA-Z]+)", "x", joined)
    return re.findall(r"poster (wait [^\n)]*)", plain)


@pytest.mark.parametrize("file", SHOWN)
def test_every_command_parses(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    shown = (
        text
        if file.endswith(("Makefile", ".yml"))
        else "".join(re.findall(r"```console\n(.*?)```", text, re.DOTALL))
    )
    commands = commands_in(shown)
    assert len(commands) >= 2
    for command in commands:
        context = wait.make_context("wait", shlex.split(command)[1:])
        assert isinstance(context, click.Context)


READMES = sorted((ROOT / "examples").glob("*/README.md"))


@pytest.mark.parametrize("readme", READMES, ids=lambda readme: readme.parent.name)
def test_a_tools_deploy_is_watched_with_options_that_there_are(readme: Path) -> None:
    commands = re.findall(r"&& (poster run .*)$", readme.read_text("utf-8"), re.MULTILINE)
    assert commands
    for command in commands:
        context = run.make_context("run", shlex.split(command)[2:])
        assert context.params["command"]
        assert context.params["stack_name"] or context.params["function_name"]


@pytest.mark.parametrize(
    ("makefile", "target"),
    [("examples/Makefile", "deploy-sam"), ("examples/aws_cli/Makefile", "deploy")],
)
def test_the_makefile_says_what_it_would_run(makefile: str, target: str) -> None:
    done = subprocess.run(
        ["make", "-n", "-f", makefile, target]
        + [f"{name}={value}" for name, value in VARIABLES.items()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--purge-cloudfront E123 --paths '/*'" in done.stdout


def test_the_makefile_ends_with_the_wait_that_failed(tmp_path: Path) -> None:
    for name, script in {"poster": "exit 6", "sam": "true", "aws": "true"}.items():
        (tmp_path / name).write_text(
            f'#!/bin/sh\ncase "$*" in *print*) echo 1;; *) {script};; esac\n'
        )
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        ["make", "-f", "examples/Makefile", "deploy-sam", "DISTRIBUTION=E123"],
        cwd=ROOT,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "Error 6" in done.stderr
