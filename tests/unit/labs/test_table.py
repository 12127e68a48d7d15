from __future__ import annotations

from pathlib import Path

import pytest

from labs.kit.table import ReadmeError, Table, write_into

TABLE = Table("two calls", ("who", "how long"), [("loopless", "20"), ("アレ", "a|b")])


def test_columns_line_up_also_under_wide_characters() -> None:
    assert TABLE.text() == "two calls\n\nwho       how long\nloopless  20\nアレ      a|b\n"


def test_a_cell_cannot_end_its_column() -> None:
    assert "| アレ | a\\|b |" in TABLE.markdown()


def test_what_a_service_said_cannot_drive_the_terminal() -> None:
    assert "\x1b" not in Table("t", ("a",), [("\x1b[2J",)]).text()


def test_a_new_table_replaces_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- measured: local -->\nold\n<!-- end: local -->\nafter\n")
    write_into(readme, "local", [TABLE])
    first = readme.read_text()
    assert first.startswith("before\n<!-- measured: local -->\n*two calls*\n")
    assert first.endswith("<!-- end: local -->\nafter\n")
    assert "old" not in first
    write_into(readme, "local", [TABLE])
    assert readme.read_text() == first


@pytest.mark.parametrize("text", ["", "<!-- measured: local -->\n", "<!-- end: local -->"])
def test_a_readme_without_its_markers_is_left_alone(tmp_path: Path, text: str) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(text)
    with pytest.raises(ReadmeError, match="put them back"):
        write_into(readme, "local", [TABLE])
    assert readme.read_text() == text
