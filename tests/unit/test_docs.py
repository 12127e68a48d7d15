"""The documentation says what the code does."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from msgspec import Struct

from docs.figures import draw, sections
from docs.sections import NoSectionError, filled, section
from poster.cli import main
from poster.rows.record import Observation, Run, Step, StepName

ROOT = Path(__file__).parents[2]


def table_after(heading: str, text: str) -> list[str]:
    """Return the first cells of the table that follows a heading."""
    section = text.partition(heading)[2].partition("\n## ")[0]
    return re.findall(r"^\| (\w+) \|", section, re.MULTILINE)[1:]


@pytest.mark.parametrize(
    ("heading", "row"),
    [('"kind": "run"`', Run), ('"kind": "observation"`', Observation), ('"kind": "step"`', Step)],
)
def test_the_format_documents_every_field(heading: str, row: type[Struct]) -> None:
    documented = table_after(heading, (ROOT / "docs" / "history.md").read_text())
    assert documented == list(row.__struct_fields__)


def test_the_format_documents_every_step_that_some_part_of_the_instrument_emits() -> None:
    document = (ROOT / "docs" / "history.md").read_text()
    (named,) = re.findall(r"^\| name \| str \| (.*) \|$", document, re.MULTILINE)
    assert named.split(", ") == [*StepName]
    emitting = ("deploy", "gate", "calls")
    source = "".join(
        path.read_text() for room in emitting for path in (ROOT / "poster" / room).glob("*.py")
    )
    assert [name for name in StepName if f"StepName.{name.name}" not in source] == []


def test_files_named_in_the_documentation_exist() -> None:
    for document in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} names {target}"


def commands_in(document: str) -> list[str]:
    """Return the commands of the document's console blocks."""
    blocks = re.findall(r"```console\n(.*?)```", (ROOT / document).read_text(), re.DOTALL)
    return [
        command.strip().rstrip("&").strip()
        for block in blocks
        for line in block.splitlines()
        for command in line.split("&&")
    ]


COMMANDS = commands_in("README.md")


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("poster ")])
def test_poster_commands_in_the_readme_parse(command: str) -> None:
    _, name, *arguments = shlex.split(command)
    subcommand = main.get_command(click.Context(main), name)
    assert subcommand is not None
    subcommand.make_context(name, arguments)  # raises on an unknown option or a bad value


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")])
def test_make_targets_in_the_readme_exist(command: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(rf"^{command.split()[1]}:.*## ", makefile, re.MULTILINE)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("sam ")])
def test_sam_commands_in_the_readme_name_what_is_there(command: str) -> None:
    words = shlex.split(command)
    if "-e" in words:
        assert (ROOT / words[words.index("-e") + 1]).exists()
        assert f"\n  {words[3]}:\n" in (ROOT / "template.yaml").read_text()
    if "--parameter-overrides" in words:
        parameter = words[words.index("--parameter-overrides") + 1].partition("=")[0]
        assert f"\n  {parameter}:\n    Type:" in (ROOT / "template.yaml").read_text()
    stack = f'"{words[words.index("--stack-name") + 1]}"' if "--stack-name" in words else None
    if stack and "--parameter-overrides" not in words:
        assert f"stack_name = {stack}" in (ROOT / "samconfig.toml").read_text()


def test_the_readme_shows_nothing_but_these_kinds_of_commands() -> None:
    known = ("poster ", "make ", "sam ", "touch finish.txt")
    assert [command for command in COMMANDS if not command.startswith(known)] == []


def test_the_pictures_are_what_the_code_draws(tmp_path: Path) -> None:
    draw(tmp_path)
    drawn = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert drawn == {path.name: path.read_text() for path in (ROOT / "docs" / "images").iterdir()}


@pytest.mark.parametrize(("page", "name", "text"), sections(), ids=lambda part: part[:20])
def test_a_page_shows_what_the_code_and_the_kept_results_say(
    page: str, name: str, text: str
) -> None:
    assert section((ROOT / page).read_text(encoding="utf-8"), name) == text


def test_a_section_is_replaced_and_nothing_else() -> None:
    page = "before\n<!-- tea: begin -->\nold\n<!-- tea: end -->\nafter\n"
    assert filled(page, "tea", "new\n") == page.replace("old", "new")
    assert section(page, "tea") == "old\n"


@pytest.mark.parametrize("page", ["", "<!-- tea: begin -->\n", "<!-- tea: end -->"])
def test_a_page_without_the_two_lines_of_a_section_is_not_written(page: str) -> None:
    with pytest.raises(NoSectionError, match="put them back"):
        filled(page, "tea", "new\n")
