from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import botocore.exceptions
import pytest
from msgspec import structs
from test_stack import OUTPUTS, FakeAws

from poster.aws.collecting import collect
from poster.aws.errors import UnknownCallerError
from poster.aws.stack import Stack, StackError
from poster.rows.extent import extent_of
from poster.rows.record import Observation, Run, Step

BEGIN = datetime.datetime(2026, 11, 25, 12, 0, tzinfo=datetime.UTC)
MARGIN = datetime.timedelta(minutes=2)
END = BEGIN + datetime.timedelta(minutes=5)
MOVED = Step("alias-updated", 300_000_000_000, {"from": "1", "to": "2"})
CALL = Observation(1, 1, "abc-t01-0001", 0, 0, 1, "ok", function_version="1")
RUN = Run(
    "r",
    round(BEGIN.timestamp() * 1e9),
    "aws",
    OUTPUTS["ApiEndpoint"],
    "closed",
    1,
    settings={"id_prefix": "abc-"},
)


class Account(FakeAws):
    """A stack whose run has been; ``refuses`` names the operations that are refused, and how."""

    def __init__(self, **refuses: str) -> None:
        super().__init__(outputs=OUTPUTS)
        self._refuses = refuses
        self._page = ""
        self.asked: list[dict[str, str]] = []

    def get_paginator(self, operation: str) -> Account:
        if operation in self._refuses:
            said = {"Error": {"Code": self._refuses[operation], "Message": "it is expired"}}
            raise botocore.exceptions.ClientError(said, operation)
        self._page = operation
        return self

    def paginate(self, **request: Any) -> list[dict[str, Any]]:
        late = END + datetime.timedelta(hours=1)
        function = {"ResourceType": "AWS::Lambda::Function", "PhysicalResourceId": "fn"}
        return {
            "list_stack_resources": [{"StackResourceSummaries": [function]}],
            "scan": [
                {"Items": [{"todoId": {"S": "abc-t01-0001"}}, {"todoId": {"S": "old-t01-0001"}}]}
            ],
            "describe_log_streams": [{"logStreams": [{"logStreamName": "two"}]}],
            "filter_log_events": [{"events": [{"timestamp": 1, "message": "REPORT RequestId: x"}]}],
            "describe_stack_events": [
                {"StackEvents": [{"Timestamp": BEGIN, "EventId": "1"}, {"Timestamp": late}]}
            ],
        }[self._page]

    def get_metric_statistics(self, **request: Any) -> dict[str, Any]:
        assert (request["StartTime"], request["EndTime"]) == (BEGIN - MARGIN, END + MARGIN)
        self.asked.append({each["Name"]: each["Value"] for each in request["Dimensions"]})
        return {"Datapoints": [{"Timestamp": BEGIN, "Sum": 2.0, "Maximum": 1.0}]}


def collected(account: Account, directory: Path, run: Run = RUN) -> dict[str, str]:
    extent = extent_of([run, CALL, MOVED])
    assert extent is not None
    return collect(Stack("todo-sample-1", account), extent, directory)


def test_rows_logs_metrics_and_events_of_this_run_are_fetched(tmp_path: Path) -> None:
    had = collected(Account(), tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [row["todoId"] for row in rows] == ["abc-t01-0001"], "not another run's"
    assert "REPORT RequestId" in (tmp_path / "reports.jsonl").read_text()
    assert (tmp_path / "log_streams.txt").read_text() == "two\n"
    assert len((tmp_path / "stack_events.jsonl").read_text().splitlines()) == 1
    assert '"metric": "Throttles"' in (tmp_path / "metrics.jsonl").read_text()
    assert had["rows.jsonl"] == "1 lines"
    assert had["codedeploy.jsonl"] == "0 lines"
    assert json.loads((tmp_path / "collected.json").read_text()) == had


def test_metrics_are_asked_for_by_version_also_of_one_that_never_answered(tmp_path: Path) -> None:
    account = Account()
    collected(account, tmp_path)
    versions = [each["ExecutedVersion"] for each in account.asked if "ExecutedVersion" in each]
    assert versions == ["1", "1", "2", "2"]
    assert {"FunctionName": "fn", "Resource": "fn:Sample", "ExecutedVersion": "2"} in account.asked


def test_a_part_that_is_refused_is_said_and_the_others_are_fetched(tmp_path: Path) -> None:
    had = collected(Account(filter_log_events="Throttling"), tmp_path)
    assert had["reports.jsonl"].startswith("not collected: filter_log_events was refused")
    assert not (tmp_path / "reports.jsonl").exists()
    assert had["metrics.jsonl"] == "14 lines"


def test_expired_credentials_stop_the_collecting_and_keep_what_was_fetched(tmp_path: Path) -> None:
    with pytest.raises(UnknownCallerError, match="sign in again"):
        collected(Account(filter_log_events="ExpiredTokenException"), tmp_path)
    assert (tmp_path / "rows.jsonl").exists()
    had = json.loads((tmp_path / "collected.json").read_text())
    assert had["rows.jsonl"] == "1 lines"
    assert had["metrics.jsonl"].startswith("not collected: ")


@pytest.mark.parametrize("domain", ["amazonaws.com", "amazonaws.com.cn"])
def test_a_stack_that_was_not_called_is_not_collected_from(tmp_path: Path, domain: str) -> None:
    called = f"https://former.execute-api.eu-west-1.{domain}/Prod/todo"
    run = structs.replace(RUN, endpoint=called)
    with pytest.raises(StackError, match=r"the run called former.* serves abc.* made anew"):
        collected(Account(), tmp_path, run)
    assert not list(tmp_path.iterdir()), "an empty table would make every write look lost"


def test_behind_a_name_of_ones_own_the_stack_is_whom_the_caller_says(tmp_path: Path) -> None:
    run = structs.replace(RUN, endpoint="https://api.example.com/todo")
    assert collected(Account(), tmp_path, run)["rows.jsonl"] == "1 lines"


def test_a_collecting_that_is_interrupted_does_not_blame_the_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Account, "get_metric_statistics", interrupt)
    with pytest.raises(KeyboardInterrupt):
        collected(Account(), tmp_path)
    had = json.loads((tmp_path / "collected.json").read_text())
    assert had["rows.jsonl"] == "1 lines"
    assert had["codedeploy.jsonl"] == "not collected: collecting ended before"
