"""``poster collect --by-logs``: what it asks the log, and how many calls it could attribute."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from poster.cli import collect as command
from poster.cli.main import main
from poster.rows.by_logs import FILTER
from poster.rows.record import Observation
from tests.support.histories import RUN, write_history


class FakeAws:
    """A function with a log group of its own, and what its log says on two pages."""

    def __init__(self, region: str | None) -> None:
        self.region = region

    def client(self, service: str) -> FakeAws:
        return self

    def get_function_configuration(self, FunctionName: str) -> dict[str, Any]:
        assert FunctionName == "orders"
        return {"LoggingConfig": {"LogGroup": "/shop/orders"}}

    def get_paginator(self, operation: str) -> FakeAws:
        assert operation == "filter_log_events"
        return self

    def paginate(
        self, logGroupName: str, filterPattern: str, startTime: int, endTime: int
    ) -> Iterator[dict[str, Any]]:
        assert (logGroupName, filterPattern) == ("/shop/orders", FILTER)
        origin_ms = RUN.origin_unix_ns // 1_000_000
        assert startTime < origin_ms < endTime
        yield {"events": [{"message": "START RequestId: a Version: 1\n"}]}
        yield {"events": [{"message": "?"}, {"message": "START RequestId: b Version: 2\n"}]}


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "AwsTarget", FakeAws)


def run_of(folder: Path, *request_ids: str | None) -> Path:
    calls = [
        Observation(
            seq=seq,
            poster=1,
            todo_id=f"t01-{seq:04}",
            planned_ns=seq,
            sent_ns=seq,
            received_ns=seq + 1,
            outcome="ok",
            request_id=request_id,
        )
        for seq, request_id in enumerate(request_ids, 1)
    ]
    write_history(folder / "history.jsonl", calls)
    return folder


def test_calls_are_attributed_and_counted_and_the_run_is_judged_anew(tmp_path: Path) -> None:
    folder = run_of(tmp_path, "a", "a-gateways-own", "b", None)
    done = CliRunner().invoke(main, ["collect", str(folder), "--by-logs", "orders"])
    assert done.exit_code == 0, done.output
    assert "2 of 4 ok calls have a version; of the others the log says nothing" in done.output
    result = json.loads((folder / "result.json").read_text())
    assert [each["release"] for each in result["releases"]] == ["1", "2"]


def test_where_every_call_is_attributed_nothing_else_is_said(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        main, ["collect", str(run_of(tmp_path, "a", "b")), "--by-logs", "orders"]
    )
    assert "2 of 2 ok calls have a version\n" in done.output


def test_where_none_could_be_attributed_the_sentence_says_why(tmp_path: Path) -> None:
    folder = run_of(tmp_path, "a-gateways-own", None)
    done = CliRunner().invoke(main, ["collect", str(folder), "--by-logs", "orders"])
    assert done.exit_code == 5
    assert (
        "the log of orders names the version of none of 2 ok calls: only a Function URL and Invoke"
        in done.output
    )
