"""``poster report``: exit codes, files, one sentence for bad input, never a trace."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poster.cli import exit_codes
from poster.cli.report import report
from poster.record import encode
from tests.support.histories import RUN, rows, stored, write_history
from tests.support.report_schema import differences


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(report, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


@pytest.fixture
def run_directory(tmp_path: Path) -> Path:
    found = rows("aaa|babbb")
    write_history(tmp_path / "history.jsonl", found)
    lines = [json.dumps(item) for item in stored(found)]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    return tmp_path


def test_a_run_directory_is_reported_with_its_store(run_directory: Path) -> None:
    result = run(run_directory)
    assert result.exit_code == exit_codes.OK
    assert result.stdout.startswith("Mixed: ")
    assert "8 rows read from the store" in result.stdout


def test_a_file_is_reported_like_its_directory(run_directory: Path) -> None:
    assert run(run_directory / "history.jsonl").stdout == run(run_directory).stdout


def test_json_is_one_object_of_the_shared_format(run_directory: Path) -> None:
    found = json.loads(run(run_directory, "--format", "json").stdout)
    assert differences(found) == []
    assert found["checks"]["rows_read"] == 8


def test_the_latest_run_is_the_default(
    run_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "latest").symlink_to(run_directory)
    monkeypatch.chdir(tmp_path)
    assert run().stdout.startswith("Mixed: ")


def test_without_a_latest_run_the_way_out_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run()
    assert result.exit_code == exit_codes.USAGE
    assert "name a history.jsonl or a run directory" in result.stderr


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_report_can_go_to_a_file(run_directory: Path, form: str) -> None:
    out = run_directory / "out"
    result = run(run_directory, "--format", form, "--out", out)
    assert result.stdout == ""
    assert out.read_text() == run(run_directory, "--format", form).stdout


def test_a_file_that_cannot_be_written_is_one_sentence(run_directory: Path) -> None:
    result = run(run_directory, "--out", run_directory / "no" / "out")
    assert result.exit_code == exit_codes.USAGE
    assert result.stderr.count("\n") == 1


def test_a_damaged_store_is_one_sentence(run_directory: Path) -> None:
    (run_directory / "rows.jsonl").write_text("{")
    result = run(run_directory)
    assert result.exit_code == exit_codes.USAGE
    assert result.stderr.count("\n") == 1


def reported(path: Path, content: bytes) -> None:
    """Report whatever the file holds: a result of the format, or one sentence and exit 2."""
    path.write_bytes(content)
    result = run(path, "--format", "json")
    if result.exit_code == exit_codes.OK:
        assert differences(json.loads(result.stdout)) == []
        assert run(path).exit_code == exit_codes.OK
    else:
        assert result.exit_code == exit_codes.USAGE
        assert result.stderr.startswith("Error: ")
        assert result.stderr.count("\n") == 1


FEW = settings(
    max_examples=80,  # 3,000 of each were run once
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)
INTEGER = st.integers(-(2**63) - 1, 2**63) | st.integers(-5, 5) | st.integers(0, 10**10)
NAME = st.sampled_from(["aaa", "bbb", "1", "2", "3", ""]) | st.text(max_size=5)
FIELDS = {
    "kind": st.sampled_from(["observation", "observation", "step", "run"]),
    "seq": INTEGER,
    "poster": st.integers(-2, 3),
    "todo_id": NAME,
    "planned_ns": INTEGER,
    "sent_ns": INTEGER,
    "received_ns": INTEGER | st.none(),
    "outcome": st.sampled_from(["ok", "ok", "ok", "fail", "unknown"]),
}
OPTIONAL = {
    "status": INTEGER | st.none(),
    "marker": NAME | st.none(),
    "config_marker": NAME | st.none(),
    "function_version": NAME | st.none(),
    "instance_id": NAME | st.none(),
    "cold_start": st.booleans() | st.none(),
    "server_ms": INTEGER | st.none(),
    "request_id": NAME | st.none(),
    "error": NAME | st.none(),
    "name": st.sampled_from(["alias-updated", "deploy-started", "x"]),
    "at_ns": INTEGER,
    "detail": st.fixed_dictionaries({"from": NAME, "to": NAME}) | ANY_JSON,
    "other": ANY_JSON,
}


@FEW
@given(content=st.binary(max_size=200))
def test_random_bytes_never_end_in_a_trace(tmp_path: Path, content: bytes) -> None:
    reported(tmp_path / "history.jsonl", content)


@FEW
@given(content=st.binary(max_size=200))
def test_random_bytes_after_a_run_row_never_end_in_a_trace(tmp_path: Path, content: bytes) -> None:
    reported(tmp_path / "history.jsonl", encode(RUN).encode() + b"\n" + content)


@FEW
@given(found=st.lists(st.fixed_dictionaries(FIELDS, optional=OPTIONAL), max_size=30))
def test_hostile_rows_give_a_result_of_the_format(tmp_path: Path, found: list[object]) -> None:
    lines = [encode(RUN), *(json.dumps(row) for row in found)]
    reported(tmp_path / "history.jsonl", "\n".join(lines).encode("utf-8", "surrogatepass"))


@FEW
@given(changed=st.dictionaries(st.sampled_from(list(json.loads(encode(RUN)))), ANY_JSON))
def test_a_hostile_run_row_gives_a_result_or_a_sentence(
    tmp_path: Path, changed: dict[str, object]
) -> None:
    run_row = {**json.loads(encode(RUN)), **changed}
    lines = [json.dumps(run_row), *(encode(row) for row in rows("aaa|babbb"))]
    reported(tmp_path / "history.jsonl", "\n".join(lines).encode("utf-8", "surrogatepass"))


@FEW
@given(data=st.data(), cut=st.integers(0, 4000), junk=st.binary(max_size=20))
def test_a_history_with_a_hole_gives_a_result(
    tmp_path: Path, data: st.DataObject, cut: int, junk: bytes
) -> None:
    whole = write_history(tmp_path / "whole.jsonl", rows("aaa|ba!?bbb")).read_bytes()
    at = data.draw(st.integers(0, len(whole)))
    reported(tmp_path / "history.jsonl", whole[:at] + junk + whole[at + cut :])
