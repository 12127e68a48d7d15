from __future__ import annotations

from labs.kit.table import Table

TABLE = Table("two calls", ("who", "how long"), [("loopless", "20"), ("アレ", "a|b")])


def test_columns_line_up_also_under_wide_characters() -> None:
    assert TABLE.text() == "two calls\n\nwho       how long\nloopless  20\nアレ      a|b\n"


def test_a_cell_cannot_end_its_column() -> None:
    assert "| アレ | a\\|b |" in TABLE.markdown()


def test_what_a_service_said_cannot_drive_the_terminal() -> None:
    assert "\x1b" not in Table("t", ("a",), [("\x1b[2J",)]).text()
