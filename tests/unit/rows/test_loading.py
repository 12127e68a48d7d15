"""Reading histories: whole, damaged, torn, written by others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from poster.rows import loading
from poster.rows.history import COLUMNS, HistoryError
from poster.rows.loading import load, load_rows
from poster.rows.record import Observation, Step, encode
from tests.support.histories import RUN, history_of, rows, write_history


def test_a_file_reads_back_as_it_was_written(tmp_path: Path) -> None:
    found = rows("aab!|?bb")
    read = load(write_history(tmp_path / "history.jsonl", found))
    assert read.run == RUN
    assert read.observations.equals(history_of(found).observations)
    assert [step.name for step in read.steps] == ["alias-updated"]
    assert (read.malformed_lines, read.torn_bytes) == (0, 0)


def test_every_observation_field_is_a_column_of_fixed_type(tmp_path: Path) -> None:
    empty = load(write_history(tmp_path / "history.jsonl", []))
    assert dict(empty.observations.schema) == COLUMNS
    assert list(COLUMNS) == list(Observation.__struct_fields__)


def test_a_run_directory_stands_for_its_history(tmp_path: Path) -> None:
    write_history(tmp_path / "history.jsonl", rows("ab"))
    assert load(tmp_path).observations.height == 2


def test_rows_are_in_order_of_seq_whatever_the_order_of_the_file(tmp_path: Path) -> None:
    read = load(write_history(tmp_path / "history.jsonl", reversed(rows("abc"))))
    assert read.observations["seq"].to_list() == [1, 2, 3]


def test_steps_are_in_order_of_time(tmp_path: Path) -> None:
    found = [Step("purge", 2), Step("gate-passed", 1)]
    read = load(write_history(tmp_path / "history.jsonl", found))
    assert [step.name for step in read.steps] == ["gate-passed", "purge"]


def test_a_torn_last_line_is_left_out_and_measured(tmp_path: Path) -> None:
    path = write_history(tmp_path / "history.jsonl", rows("ab"))
    torn = encode(rows("a")[0]).encode()[:40]
    path.write_bytes(path.read_bytes() + torn)
    read = load(path)
    assert (read.observations.height, read.malformed_lines, read.torn_bytes) == (2, 0, 40)


def test_a_whole_last_line_counts_without_its_newline(tmp_path: Path) -> None:
    path = write_history(tmp_path / "history.jsonl", rows("ab"))
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    read = load(path)
    assert (read.observations.height, read.torn_bytes) == (2, 0)


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b"[1]",
        b"null",
        b"{}",
        b'{"kind":"observation"}',
        b'{"kind":"step","name":"purge"}',
        b'{"kind":"step","name":"purge","at_ns":99999999999999999999}',
        b'{"kind":"weather"}',
        b"\xff\xfe",
        b"[" * 10_000,
        b'{"kind":"observation","seq":"1"',
    ],
)
def test_a_line_that_is_no_row_is_counted_and_costs_no_other(tmp_path: Path, line: bytes) -> None:
    path = write_history(tmp_path / "history.jsonl", rows("ab"))
    whole = path.read_bytes()
    path.write_bytes(whole + line + b"\n" + encode(rows("abc")[2]).encode() + b"\n")
    read = load(path)
    assert (read.observations["seq"].to_list(), read.malformed_lines) == ([1, 2, 3], 1)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seq", "1"),
        ("seq", 1.5),
        ("seq", True),
        ("seq", None),
        ("sent_ns", 2**63),
        ("sent_ns", 2**62 + 1),
        ("received_ns", "late"),
        ("outcome", "maybe"),
        ("outcome", None),
        ("status", [200]),
        ("cold_start", 1),
        ("server_ms", 2**60),
    ],
)
def test_a_field_of_the_wrong_kind_makes_the_line_malformed(
    tmp_path: Path, field: str, value: object
) -> None:
    good = json.loads(encode(rows("a")[0]))
    path = write_history(tmp_path / "history.jsonl", rows("a"))
    path.write_text(path.read_text() + json.dumps({**good, "seq": 2, field: value}) + "\n")
    read = load(path)
    assert (read.observations.height, read.malformed_lines) == (1, 1)


def test_fields_that_may_be_null_may_be_left_out_and_unknown_ones_are_ignored(
    tmp_path: Path,
) -> None:
    least = {
        "kind": "observation",
        "seq": 1,
        "poster": 1,
        "todo_id": "x",
        "planned_ns": 0,
        "sent_ns": 0,
        "outcome": "unknown",
        "weather": {"rain": [1]},
    }
    path = write_history(tmp_path / "history.jsonl", [])
    path.write_text(path.read_text() + json.dumps(least) + "\n\n")
    read = load(path)
    assert (read.observations["received_ns"].to_list(), read.malformed_lines) == ([None], 0)


def test_damage_is_found_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(loading, "SMALL_BLOCK_BYTES", 300)
    found = rows("ab" * 50 + "|" + "b" * 20)
    path = write_history(tmp_path / "history.jsonl", found)
    lines = path.read_bytes().split(b"\n")
    lines[30:30] = [b"damage"]
    lines[90:90] = [b"", b'{"kind":"run"}']
    path.write_bytes(b"\n".join(lines))
    read = load(path)
    assert read.observations["seq"].to_list() == list(range(1, 121))
    assert (len(read.steps), read.malformed_lines) == (1, 2)


def test_blank_lines_do_not_shift_a_step(tmp_path: Path) -> None:
    path = write_history(tmp_path / "history.jsonl", rows("a|b"))
    path.write_bytes(path.read_bytes().replace(b"\n", b"\n\n \n"))
    read = load(path)
    assert [step.name for step in read.steps] == ["alias-updated"]
    assert (read.observations.height, read.malformed_lines) == (2, 0)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"garbage\n", "line 1 is not JSON"),
        (b'{"kind":"step","name":"purge","at_ns":1}\n', "line 1 is no run row"),
        (b"\x00" * 100, "line 1 is not JSON"),
        (encode(RUN).replace('"schema":1', '"schema":2').encode(), "schema 2"),
        (encode(RUN).replace(f'"{RUN.target}"', r'"\ud800"').encode(), "line 1 is no run row"),
    ],
)
def test_what_is_no_history_is_refused_in_one_sentence(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "history.jsonl"
    path.write_bytes(content)
    with pytest.raises(HistoryError, match=said) as caught:
        load(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match=r"cannot read .*nowhere.*name a history"):
        load(tmp_path / "nowhere")


def test_rows_of_the_store_become_columns(tmp_path: Path) -> None:
    item = {"todoId": "t01-0001", "title": "x", "createdAt": 5, "lambda": "aaa", "extra": [1]}
    (tmp_path / "rows.jsonl").write_text(json.dumps(item) + "\n")
    read = load_rows(tmp_path)
    assert read is not None
    assert read.select("todo_id", "created_at_ms", "marker", "request_id").rows() == [
        ("t01-0001", 5, "aaa", None)
    ]


def test_rows_are_found_beside_the_history(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("")
    read = load_rows(tmp_path / "history.jsonl")
    assert read is not None
    assert read.height == 0


def test_no_dump_is_no_rows_not_an_empty_store(tmp_path: Path) -> None:
    assert load_rows(tmp_path) is None


@pytest.mark.parametrize("text", ["no json", '{"todoId":1.5}\n[', '{"title":"x"}'])
def test_a_damaged_dump_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "rows.jsonl").write_text(text)
    with pytest.raises(HistoryError, match=r"rows\.jsonl"):
        load_rows(tmp_path)
