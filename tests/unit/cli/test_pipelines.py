"""The page for pipelines and the help say what the code does; both have it from one place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from poster.cli import exit_codes
from poster.cli.report import report
from poster.judge import budgets

PAGE = Path(__file__).parents[3] / "docs" / "pipelines.md"
CODES = {
    name: value
    for name, value in vars(exit_codes).items()
    if name.isupper() and isinstance(value, int)
}


@pytest.mark.parametrize(
    ("name", "table"), [("budgets", budgets.table()), ("exit codes", exit_codes.table())]
)
def test_the_page_shows_the_table_of_the_code(name: str, table: str) -> None:
    shown = re.search(
        f"<!-- {name}: begin -->\n(.*?)<!-- {name}: end -->", PAGE.read_text(), re.DOTALL
    )
    assert shown is not None
    assert shown.group(1) == table


def test_every_exit_code_has_one_meaning() -> None:
    assert sorted(CODES.values()) == sorted(exit_codes.MEANINGS)


def test_the_help_of_a_report_names_its_exit_codes() -> None:
    said = CliRunner().invoke(report, ["--help"]).output
    for code in (exit_codes.OK, exit_codes.FAILED, exit_codes.USAGE, exit_codes.UNKNOWN):
        assert f"{code}  {exit_codes.MEANINGS[code]}" in said


def test_the_command_of_the_page_parses() -> None:
    for line in re.findall(r"^poster report (.*)$", PAGE.read_text(), re.MULTILINE):
        report.make_context("report", line.split())
