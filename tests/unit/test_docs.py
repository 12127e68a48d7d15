"""The documentation says what the code does."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import click
import pytest
from msgspec import Struct

from docs.figures import draw, sections
from docs.sections import NoSectionError, filled, section
from poster.aws.collecting import PARTS
from poster.cli.main import main
from poster.experiment.command import LOG
from poster.rows.by_logs import NAMED
from poster.rows.collected import COLLECTED
from poster.rows.journal import HISTORY
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


PAGES = sorted(
    page
    for pattern in (
        *("*.md", "docs/*.md", "labs/*/README.md", "requirements/*.md", "notebooks/*.md"),
        *("examples/*.md", "examples/*/README.md"),
    )
    for page in ROOT.glob(pattern)
)
NOTEBOOK = ROOT / "notebooks" / "deploy_mixing.ipynb"
SOURCES = [
    path
    for path in sorted(ROOT.rglob("*.py"))
    if not any(
        part.startswith(".") or part in {"runs", "node_modules"}
        for part in path.relative_to(ROOT).parts
    )
]
OURS = "bench|docs|examples|labs|poster|rehearsal|studies|tests"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_links_to_exists(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", [*PAGES, NOTEBOOK], ids=lambda page: str(page.relative_to(ROOT)))
def test_the_paths_that_a_page_names_exist(page: Path) -> None:
    folders = rf"(?:{OURS}|events|hello_world|notebooks|requirements)"
    for path in re.findall(rf"(?<![\w/.-])({folders}/[\w./*-]*\w/?)", page.read_text()):
        assert [*ROOT.glob(path), *page.parent.glob(path)], path


def is_there(name: str) -> bool:
    """Whether a dotted name is a module of ours, or something in one."""
    path = ROOT / name.replace(".", "/")
    if path.is_dir() or path.with_suffix(".py").exists():
        return True
    module = path.parent.with_suffix(".py")
    source = module if module.exists() else path.parent / "__init__.py"
    return source.exists() and re.search(rf"\b{path.name}\b", source.read_text()) is not None


@pytest.mark.parametrize("page", [*PAGES, NOTEBOOK], ids=lambda page: str(page.relative_to(ROOT)))
def test_the_modules_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text()
    for name in re.findall(rf"(?:`|-m |from |import )((?:{OURS})(?:\.\w+)+)", text):
        assert is_there(name) or (page.parent / name).exists(), name


def test_what_the_notebook_imports_exists() -> None:
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    found = re.findall(rf"^from ((?:{OURS})[\w.]*) import (\w+)$", code, re.MULTILINE)
    assert found
    assert [each for each in found if not is_there(".".join(each))] == []


def test_the_tables_that_contributors_are_sent_to_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = {path for path in re.findall(r"`([\w./-]+)`", text) if (ROOT / path).is_file()}
    code = "\n".join((ROOT / path).read_text() for path in sorted(named))
    tables = re.findall(r"`([A-Z]{4,})`", text)
    assert tables
    assert [each for each in tables if not re.search(rf"^{each}\b", code, re.MULTILINE)] == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_modules_that_a_comment_or_docstring_names_exist(source: Path) -> None:
    for name in re.findall(rf"``((?:{OURS})(?:\.\w+)+)``", source.read_text()):
        assert is_there(name), name


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


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith(".venv/bin/poster ")])
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
    known = (".venv/bin/poster ", "export PATH=", "make ", "sam ", "touch finish.txt")
    assert [command for command in COMMANDS if not command.startswith(known)] == []


def test_the_japanese_readme_has_the_same_commands_links_and_measured_table() -> None:
    english, japanese = (
        (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.ja.md")
    )
    blocks = re.compile(r"```console\n.*?```", re.DOTALL)
    assert blocks.findall(japanese) == blocks.findall(english)
    links = re.compile(r"\]\(([^)]+)\)")
    own = {"README.md", "README.ja.md"}
    assert set(links.findall(japanese)) - own == set(links.findall(english)) - own
    headings = re.compile(r"^#+", re.MULTILINE)
    assert headings.findall(blocks.sub("", japanese)) == headings.findall(blocks.sub("", english))
    installed = re.compile(r"^\| [^|]+ \| (`(?:pip|uvx) .*) \|$", re.MULTILINE)
    assert installed.findall(japanese) == installed.findall(english)


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


def test_every_file_that_a_run_leaves_has_a_line() -> None:
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE))
    writers = ("experiment/nine_phases.py", "report/saving.py", "aws/collecting.py")
    source = "".join((ROOT / "poster" / name).read_text(encoding="utf-8") for name in writers)
    written = set(re.findall(r'"([\w.]+\.(?:txt|json|html))"', source))
    assert listed == written | {HISTORY, COLLECTED, *PARTS, NAMED, LOG, "sam.log", "app/"}
