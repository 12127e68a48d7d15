"""The page for pipelines and the help say what the code does; both have it from one place."""

from __future__ import annotations

import re
from pathlib import Path

from click.testing import CliRunner

from poster.cli import exit_codes
from poster.cli.report import report

PAGE = Path(__file__).parents[3] / "docs" / "pipelines.md"
CODES = {
    name: value
    for name, value in vars(exit_codes).items()
    if name.isupper() and isinstance(value, int)
}


def test_every_exit_code_has_one_meaning() -> None:
    assert sorted(CODES.values()) == sorted(exit_codes.MEANINGS)


def test_the_help_of_a_report_names_its_exit_codes() -> None:
    said = CliRunner().invoke(report, ["--help"]).output
    for code in (exit_codes.OK, exit_codes.FAILED, exit_codes.USAGE, exit_codes.UNKNOWN):
        assert f"{code}  {exit_codes.MEANINGS[code]}" in said


def test_the_command_of_the_page_parses() -> None:
    for line in re.findall(r"^poster report (.*)$", PAGE.read_text(), re.MULTILINE):
        report.make_context("report", line.split())
