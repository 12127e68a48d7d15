"""Calls whose answers name no version get it from Lambda's log, by the request's id."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from poster.judge.analysis import analyse
from poster.report.text import render
from poster.rows.by_logs import NAMED, version_in
from poster.rows.history import COLUMNS, HistoryError
from poster.rows.loading import load
from poster.rows.record import Observation
from tests.support.histories import write_history


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("START RequestId: 6f-1 Version: 3\n", ("6f-1", "3")),
        ("START RequestId: 6f-1 Version: $LATEST\n", ("6f-1", "$LATEST")),
        (
            '{"type": "platform.start", "record": {"requestId": "6f-1", "version": "3"}}',
            ("6f-1", "3"),
        ),
        ("REPORT RequestId: 6f-1\tDuration: 1 ms", None),
        ('{"type": "platform.report", "record": {"requestId": "6f-1"}}', None),
        ('{"type": "platform.start", "record": "cut"}', None),
        ('["platform.start"]', None),
        ("the function says START RequestId: 6f-1 Version: 3", None),
    ],
)
def test_a_line_of_the_log_names_a_version(message: str, found: tuple[str, str] | None) -> None:
    assert version_in(message) == found


def call(seq: int, request_id: str | None, version: str | None = None) -> Observation:
    return Observation(
        seq=seq,
        poster=1,
        todo_id=f"t01-{seq:04}",
        planned_ns=seq,
        sent_ns=seq,
        received_ns=seq + 1,
        outcome="ok",
        request_id=request_id,
        function_version=version,
    )


def named(folder: Path, calls: list[Observation], *lines: tuple[str, str]) -> Any:
    path = write_history(folder / "history.jsonl", calls)
    text = "".join(json.dumps({"request_id": who, "version": what}) + "\n" for who, what in lines)
    (folder / NAMED).write_text(text)
    return load(path)


def test_a_call_gets_the_version_of_its_request_and_keeps_the_one_of_its_answer(
    tmp_path: Path,
) -> None:
    calls = [call(1, "a"), call(2, "b"), call(3, None), call(4, "d", "7"), call(5, "e")]
    # Lambda retries nothing that is called like this, but a log may be read twice.
    history = named(tmp_path, calls, ("b", "2"), ("a", "1"), ("d", "2"), ("a", "1"), ("z", "9"))
    found = history.observations
    assert found["seq"].to_list() == [1, 2, 3, 4, 5]
    assert found["function_version"].to_list() == ["1", "2", None, "7", None]
    assert dict(found.schema) == COLUMNS


def test_the_report_says_where_the_versions_are_from(tmp_path: Path) -> None:
    history = named(tmp_path, [call(1, "a")], ("a", "1"))
    assert "where answers name none: from Lambda's log" in render(analyse(history, None), history)
    (tmp_path / NAMED).unlink()
    history = load(tmp_path)
    assert "where answers name none" not in render(analyse(history, None), history)


def test_a_log_without_a_line_of_the_run_names_nobody(tmp_path: Path) -> None:
    assert named(tmp_path, [call(1, "a")]).observations["function_version"].to_list() == [None]


def test_a_file_of_anything_else_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = write_history(tmp_path / "history.jsonl", [call(1, "a")])
    (tmp_path / NAMED).write_text("{tea\n")
    with pytest.raises(HistoryError, match=r"versions\.jsonl cannot be read.*collect --by-logs"):
        load(path)
