"""What a base install can do, and what it says of what it cannot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from poster.cli import extras
from poster.cli.main import COMMANDS, main

# As in an environment without extras: None in sys.modules makes an import fail.
BASE = """
import sys
from poster.cli import extras
for brought in extras._LIBRARIES.values():
    sys.modules.update(dict.fromkeys(brought))
from poster.cli.main import main
main(prog_name="poster")
"""
NEEDS_NOTHING = ("collect", "doctor", "init", "mark", "post", "run", "schema", "wait")


def poster_without_extras(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BASE, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("command", NEEDS_NOTHING)
def test_a_base_install_is_enough_for_a_pipeline(command: str, tmp_path: Path) -> None:
    said = poster_without_extras(command, "--help", cwd=tmp_path)
    assert (said.returncode, said.stderr) == (0, "")


def test_a_missing_extra_is_one_sentence_with_the_command_that_brings_it(tmp_path: Path) -> None:
    said = poster_without_extras("report", "runs/latest", cwd=tmp_path)
    assert (said.returncode, said.stdout, said.stderr) == (
        5,
        "",
        "Error: poster report needs polars, which is not installed:"
        " pip install 'deploy-poster[report]'\n",
    )


def test_a_module_that_no_extra_brings_is_a_fault_of_ours_and_not_hidden() -> None:
    with pytest.raises(ModuleNotFoundError), extras.named_for("this"):
        raise ModuleNotFoundError(name="poster.cli.nothing")


def test_an_extra_that_is_there_is_not_asked_for() -> None:
    extras.require("report", "a test")


def test_the_list_of_commands_says_what_each_does_and_imports_none() -> None:
    said = " ".join(CliRunner().invoke(main, ["--help"]).output.split())
    assert sorted(main.commands) == sorted(COMMANDS)
    for name in COMMANDS:
        imported = main.commands[name]  # as click-man asks, too
        assert imported.help is not None
        first = imported.help.partition("\n")[0]
        assert f"{name} {first}" in said


def test_every_extra_is_one_that_the_package_declares() -> None:
    pyproject = (Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8")
    for name in extras._LIBRARIES:
        assert f"\n{name} = [" in pyproject
    assert f'name = "{extras.DISTRIBUTION}"' in pyproject


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("poster s", ["schema"]),
        ("poster ", sorted(COMMANDS)),
        ("poster schema h", ["history"]),
        ("poster report --fo", []),  # its module cannot be imported
    ],
)
def test_a_shell_completes_in_a_base_install_too(
    words: str, completed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"COMP_WORDS": words, "COMP_CWORD": f"{words.count(' ')}"}
    for name, value in {**asked, "_POSTER_COMPLETE": "bash_complete"}.items():
        monkeypatch.setenv(name, value)
    said = poster_without_extras(cwd=tmp_path)
    assert (said.stdout.split(), said.stderr) == ([f"plain,{each}" for each in completed], "")


# What takes longer to import than all the rest of a start, or comes with an extra.
SLOW = {"boto3", "numpy", "polars", "requests", "scipy"}


@pytest.mark.parametrize("command", ["mark", "run", "wait"])
def test_no_help_waits_for_a_library_that_is_slow_to_import(command: str) -> None:
    code = f"import sys, poster.cli.{command}; print(*{SLOW} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (said.stdout, said.stderr) == ("\n", "")
