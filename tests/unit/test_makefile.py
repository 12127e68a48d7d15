"""What the targets of the Makefile would run, without running it."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def would_run(target: str, *changed: str) -> str:
    """Return what `make TARGET` would run if these files had just been changed."""
    options = [option for name in changed for option in ("--what-if", name)]
    return subprocess.run(
        ["make", "--dry-run", *options, target],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_a_changed_project_can_be_locked_before_it_can_be_installed() -> None:
    said = would_run("lock", "pyproject.toml")
    assert "uv pip compile" in said
    assert "-e ." not in said, "with the old lock a new build backend is not there"


def test_a_changed_project_is_installed_anew() -> None:
    assert "-e ." in would_run("setup", "pyproject.toml")


def test_a_changed_pin_of_uv_makes_both_anew() -> None:
    said = would_run("setup", "requirements/uv.txt")
    assert said.index("-r requirements/uv.txt") < said.index("-e .")
