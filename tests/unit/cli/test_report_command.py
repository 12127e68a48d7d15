"""``poster report``, ``excerpt`` and ``export``: exit codes, files, a sentence for bad input.

Whatever a history holds, none of them ends in a trace.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import click
import polars as pl
import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from poster.cli import exit_codes
from poster.cli.excerpt import excerpt
from poster.cli.export import export
from poster.cli.report import report
from poster.judge.budgets import MEASURES
from poster.rows.history import COLUMNS
from poster.rows.record import Observation, encode
from tests.support.histories import RUN, rows, stored, write_history
from tests.support.schemas import faults


def run(*arguments: object, command: click.Command = report) -> Result:
    result = CliRunner().invoke(command, [str(argument) for argument in arguments])
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
    assert "\nMixed: " in result.stdout
    assert "8 rows read from the store" in result.stdout


def test_a_file_is_reported_like_its_directory(run_directory: Path) -> None:
    assert run(run_directory / "history.jsonl").stdout == run(run_directory).stdout


def test_a_page_is_not_printed_to_a_terminal(run_directory: Path) -> None:
    terminal, ours = os.openpty()
    command = [sys.executable, "-m", "poster", "report", "--format", "html", str(run_directory)]
    done = subprocess.run(command, stdout=ours, stderr=subprocess.PIPE, text=True, check=False)
    os.close(ours)
    os.close(terminal)
    assert done.returncode == exit_codes.USAGE
    assert "name a file with --out, or redirect" in done.stderr


def test_json_is_one_object_of_the_shared_format(run_directory: Path) -> None:
    found = json.loads(run(run_directory, "--format", "json").stdout)
    assert faults("result", found) == []
    assert found["checks"]["rows_read"] == 8


def test_the_latest_run_is_the_default(
    run_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "latest").symlink_to(run_directory)
    monkeypatch.chdir(tmp_path)
    assert "\nMixed: " in run().stdout


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


@pytest.mark.parametrize(
    ("budget", "code"),
    [
        ([], exit_codes.OK),
        (["--max-window", "0.1"], exit_codes.OK),
        (["--max-lost", "0", "--max-fail", "0"], exit_codes.OK),
        (["--max-window", "0.09"], exit_codes.FAILED),
        (["--max-settled", "9"], exit_codes.UNKNOWN),
        (["--max-settled", "9", "--max-stale", "0"], exit_codes.FAILED),
        (["--max-stale", "-1"], exit_codes.USAGE),
    ],
)
def test_budgets_make_the_exit_code(run_directory: Path, budget: list[str], code: int) -> None:
    result = run(run_directory, *budget)
    assert result.exit_code == code
    said = result.stderr.count("Budget: ")
    assert (said > 0) is (code in (exit_codes.FAILED, exit_codes.UNKNOWN))


def test_budgets_leave_the_json_on_stdout_alone(run_directory: Path) -> None:
    result = run(run_directory, "--format", "json", "--max-stale", "0")
    assert faults("result", json.loads(result.stdout)) == []
    assert result.stderr == (
        "Budget: --max-stale 0 is exceeded, it is 1: call 5, sent after call 4 was answered by"
        " version 2, was answered by version 1\n"
    )


def test_junit_goes_beside_the_report(run_directory: Path) -> None:
    result = run(run_directory, "--max-stale", "0", "--junit", run_directory / "junit.xml")
    assert "\nMixed: " in result.stdout
    suites = ElementTree.parse(run_directory / "junit.xml").getroot()
    assert suites.attrib["failures"] == "1"


def machines(folder: Path) -> list[Path]:
    """Write the history of one run as two machines would have, the store beside the second."""
    found = rows("aaa" * 20 + "|" + "bab" + "b" * 60)
    histories = []
    for name, posters in (("tokyo", {1, 2}), ("oregon", {3})):
        (folder / name).mkdir(exist_ok=True)
        calls = [row for row in found if isinstance(row, Observation) and row.poster in posters]
        own = [structs.replace(row, seq=seq) for seq, row in enumerate(calls, start=1)]
        named = structs.replace(RUN, run_id=name)
        histories.append(write_history(folder / name / "history.jsonl", own, named).parent)
    lines = [json.dumps(item) for item in stored(found)]
    (folder / "oregon" / "rows.jsonl").write_text("\n".join(lines))
    return histories


def test_several_histories_are_one_report_with_one_store(tmp_path: Path) -> None:
    result = run(*machines(tmp_path), "--format", "json")
    found = json.loads(result.stdout)
    assert faults("result", found) == []
    assert found["calls"]["total"] == found["checks"]["rows_read"] == 123
    assert [found["checks"][name] for name in ("lost_writes", "phantom_rows")] == [0, 0]
    assert [source["run_id"] for source in found["merged"]] == ["tokyo", "oregon"]
    assert found["transitions"][0]["window_s"] == pytest.approx(0.1)


def test_a_history_that_is_named_twice_is_one_sentence(run_directory: Path) -> None:
    result = run(run_directory, run_directory)
    assert (result.exit_code, result.stderr) == (
        exit_codes.USAGE,
        "Error: history short is named twice; name each history once\n",
    )


def test_the_excerpt_shows_every_switch(tmp_path: Path) -> None:
    write_history(tmp_path / "history.jsonl", rows("aaa|babbb|ccccc"))
    result = run(tmp_path, command=excerpt)
    first, second = result.stdout.split("\n\n")
    assert first.startswith("only aaa above\n1598499490110: t01-0001, aaa\n")
    assert second.endswith("\nonly ccc below\n")


def test_without_a_switch_there_is_no_excerpt(tmp_path: Path) -> None:
    write_history(tmp_path / "history.jsonl", rows("aaa"))
    result = run(tmp_path, command=excerpt)
    assert (result.exit_code, result.stdout) == (exit_codes.UNKNOWN, "")
    assert "short shows no switch" in result.stderr


def test_an_export_holds_every_call_and_field(run_directory: Path) -> None:
    csv, parquet = run_directory / "calls.csv", run_directory / "calls.parquet"
    assert run(run_directory, "--csv", csv, "--parquet", parquet, command=export).exit_code == 0
    for table in (pl.read_csv(csv), pl.read_parquet(parquet)):
        assert table.columns == list(COLUMNS)
        assert table["seq"].to_list() == list(range(1, 9))
        assert (
            table["marker"].cast(pl.String).to_list() == ["aaa"] * 3 + ["bbb", "aaa"] + ["bbb"] * 3
        )


def test_an_export_of_several_histories_says_where_each_call_is_from(tmp_path: Path) -> None:
    csv = tmp_path / "calls.csv"
    run(*machines(tmp_path), "--csv", csv, command=export)
    table = pl.read_csv(csv)
    assert table.columns == [*COLUMNS, "run", "run_seq"]
    assert table.row(2, named=True)["run_seq"] == 1  # poster 3's first call is the third in all


def test_an_export_wants_a_file_that_can_be_written(run_directory: Path) -> None:
    assert run(run_directory, command=export).exit_code == exit_codes.USAGE
    for option in ("--csv", "--parquet"):
        result = run(run_directory, option, run_directory / "no" / "file", command=export)
        assert result.exit_code == exit_codes.USAGE
        assert result.stderr.count("\n") == 1


def reported(path: Path, content: bytes) -> None:
    """Report whatever the file holds: results of their formats, or one sentence and exit 2."""
    path.write_bytes(content)
    result = run(path, "--format", "json")
    if result.exit_code == exit_codes.OK:
        found = json.loads(result.stdout)
        assert faults("result", found) == []
        rendered(path, found["calls"]["total"])
    else:
        for command, options in ((report, []), (excerpt, []), (export, ["--csv", path])):
            result = run(path, *options, command=command)
            assert result.exit_code == exit_codes.USAGE
            assert result.stderr.startswith("Error: ")
            assert result.stderr.count("\n") == 1


def rendered(path: Path, calls: int) -> None:
    """Take every other form of the same history, and the history as one of two."""
    budgets = [word for name in MEASURES for word in (f"--max-{name}", "0")]
    junit = path.with_name("junit.xml")
    code = run(path, "--junit", junit, *budgets).exit_code
    assert code in (exit_codes.OK, exit_codes.FAILED, exit_codes.UNKNOWN)
    ElementTree.parse(junit)
    assert run(path, command=excerpt).exit_code in (exit_codes.OK, exit_codes.UNKNOWN)
    table = path.with_name("calls")
    for option, read in (("--csv", pl.read_csv), ("--parquet", pl.read_parquet)):
        assert run(path, option, table, command=export).exit_code == exit_codes.OK
        if calls:
            assert (
                read(table, **({"infer_schema": False} if option == "--csv" else {})).height
                == calls
            )
    (path.parent / "other").mkdir(exist_ok=True)
    other = write_history(path.parent / "other" / "history.jsonl", rows("aaa|bab"), OTHER)
    merged = run(path, other)
    assert merged.exit_code in (exit_codes.OK, exit_codes.USAGE)
    assert merged.stderr.count("\n") == (merged.exit_code == exit_codes.USAGE)


OTHER = structs.replace(RUN, run_id="other")
FEW = settings(
    max_examples=25,  # 3,000 of each were run once
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
