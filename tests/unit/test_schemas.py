"""The schemas are those of the code, and real files are what they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from docs.json_schemas import schemas
from poster.cli.main import main
from poster.cli.schema import NAMES
from poster.judge.analysis import analyse
from poster.judge.checks import CHECKS
from poster.report import json as report_json
from poster.rows import loading
from poster.rows.record import MalformedLineError, decode
from tests.support.schemas import SCHEMAS, faults

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "notebooks" / "sample_run"
RUN = {
    "kind": "run",
    "run_id": "r",
    "origin_unix_ns": 1,
    "target": "url",
    "endpoint": "http://x",
    "loop": "open",
    "posters": 1,
}
CALL = {
    "kind": "observation",
    "seq": 1,
    "poster": 1,
    "todo_id": "t",
    "planned_ns": 1,
    "sent_ns": 1,
    "outcome": "unknown",
}


def test_the_kept_schemas_are_what_the_code_makes() -> None:
    kept = {path.stem: path.read_text(encoding="utf-8") for path in SCHEMAS.iterdir()}
    assert kept == schemas(), "run `make figures`"


@pytest.mark.parametrize("name", NAMES)
def test_the_command_prints_them(name: str) -> None:
    assert CliRunner().invoke(main, ["schema", name]).output == schemas()[name]


def test_the_command_knows_all_of_them() -> None:
    assert set(NAMES) == set(schemas())
    refused = CliRunner().invoke(main, ["schema", "rows"])
    assert refused.exit_code == 2
    assert "is not one of 'history', 'result', 'wait'" in refused.output


def test_a_history_that_we_wrote_is_one() -> None:
    lines = (SAMPLE / "history.jsonl").read_text(encoding="utf-8").splitlines()
    assert [fault for line in lines for fault in faults("history", json.loads(line))] == []


@pytest.mark.parametrize(
    "row",
    [
        RUN,
        CALL,
        {"kind": "step", "name": "purge", "at_ns": 1},
        {**CALL, "received_ns": None},
        {**CALL, "outcome": "good"},
        {**CALL, "seq": "1"},
        {**RUN, "posters": None},
        {**RUN, "rate_per_s": 5},
        {"kind": "step", "name": "purge"},
        {"kind": "note"},
        {"seq": 1},
    ],
)
def test_the_schema_takes_a_row_where_our_reader_does(row: dict[str, Any]) -> None:
    try:
        decode(json.dumps(row))
    except MalformedLineError:
        assert faults("history", row)
    else:
        assert faults("history", row) == []


def test_a_result_of_a_real_run_is_one() -> None:
    result = analyse(loading.load(SAMPLE), loading.load_rows(SAMPLE))
    assert faults("result", json.loads(report_json.render(result))) == []


def test_a_kept_result_is_one() -> None:
    golden = ROOT / "tests" / "golden" / "published-1.json"
    found = json.loads(golden.read_text(encoding="utf-8"))
    found["checks"] = {"rows_read": None, **dict.fromkeys(CHECKS, 0)}  # the golden leaves them out
    assert faults("result", found) == []
