from __future__ import annotations

from pathlib import Path

import pytest

from poster.rows.extent import NoRunError, extent_in, extent_of
from poster.rows.record import Step
from tests.support.histories import RUN, rows, write_history


def test_a_run_reaches_from_its_first_row_to_its_last_and_names_what_answered_or_was_moved_to() -> (
    None
):
    moved = Step("alias-updated", 9_000_000_000, {"from": "2", "to": "3", "weight": 0.1})
    found = extent_of([RUN, *rows("aaa|bbb"), moved])
    assert found is not None
    assert (found.run, found.begin_ns, found.end_ns) == (RUN, 0, 9_000_000_000)
    assert found.versions == {"1", "2", "3"}


def test_lines_that_are_no_rows_are_passed_over(tmp_path: Path) -> None:
    write_history(tmp_path / "history.jsonl", rows("aaa"))
    with (tmp_path / "history.jsonl").open("a") as file:
        file.write('{"kind": "note"}\nnothing\n{"kind": "st')
    assert extent_in(tmp_path).versions == {"1"}


def test_a_directory_without_a_history_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(NoRunError, match="No such file or directory; name the directory of a run"):
        extent_in(tmp_path / "nowhere")


def test_a_file_without_a_run_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").write_text("nothing\n")
    with pytest.raises(NoRunError, match=r"history\.jsonl is no history: no line of it describes"):
        extent_in(tmp_path)
