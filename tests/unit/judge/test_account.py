"""What the account says of a run, in the result, in the text and on the page."""

from __future__ import annotations

import dataclasses
import datetime
import json
from pathlib import Path

import pytest
from msgspec import structs

from poster.judge.account import Account, Counted, Gateway, Work, account_of
from poster.judge.analysis import analyse
from poster.report import html, text
from poster.report.account import facts
from poster.rows import loading
from poster.rows.collected import Collected, Deployment, Point, StackEvent, collected_in
from poster.rows.history import History, HistoryError
from poster.rows.record import encode
from tests.support.histories import history

ORIGIN = datetime.datetime(2026, 11, 25, 12, 0, tzinfo=datetime.UTC)
SAID = dict.fromkeys(("metrics.jsonl", "stack_events.jsonl", "codedeploy.jsonl"), "2 lines")
STACK = "AWS::CloudFormation::Stack"


def at(seconds: float) -> datetime.datetime:
    return ORIGIN + datetime.timedelta(seconds=seconds)


def points(namespace: str, version: str | None = None, **totals: float) -> list[Point]:
    """Return a point for each of two minutes, half of the total in each."""
    return [
        Point(namespace, metric, at(minute * 60), total / 2, total, version)
        for metric, total in totals.items()
        for minute in (0, 1)
    ]


METRICS = [
    *points("AWS/Lambda", Invocations=812, Errors=4, Throttles=2, ConcurrentExecutions=12),
    *points("AWS/Lambda", "1", Invocations=400, Errors=0),
    *points("AWS/Lambda", "2", Invocations=412, Errors=4),
    *points("AWS/ApiGateway", **{"Count": 814, "4XXError": 2, "5XXError": 6}),
]


def run_with(collected: Collected | None, target: str = "aws", **settings: str) -> History:
    found = history("aaaaa|bbbbb")
    run = structs.replace(
        found.run,
        target=target,
        origin_unix_ns=round(ORIGIN.timestamp() * 1e9),
        settings={"stack": "todo-sample-1", **settings},
    )
    return dataclasses.replace(found, run=run, collected=collected)


def account(collected: Collected | None) -> Account:
    found = account_of(run_with(collected))
    assert found is not None
    return found


def test_counts_are_totals_of_the_function_of_its_versions_and_of_the_gateway() -> None:
    found = account(Collected(SAID, METRICS))
    assert found.functions == [
        Counted(None, 812, 4, 2, 12),
        Counted("1", 400, 0),
        Counted("2", 412, 4),
    ]
    assert found.gateway == Gateway(814, 2, 6)
    assert found.missing == []


def test_a_figure_that_is_not_there_is_no_nought() -> None:
    found = account(Collected(SAID, points("AWS/Lambda", Invocations=2)))
    assert found.functions == [Counted(None, 2, None)]
    assert "no figure for throttles" in dict(facts(found))["Lambda"]


def test_times_of_cloudformation_and_codedeploy_are_on_the_runs_clock() -> None:
    events = [
        StackEvent(at(50), STACK, "UPDATE_COMPLETE"),
        StackEvent(at(48), STACK, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
        StackEvent(at(30), "AWS::Lambda::Function", "UPDATE_COMPLETE"),
        StackEvent(at(10), STACK, "UPDATE_IN_PROGRESS"),
        StackEvent(at(60), STACK, "UPDATE_IN_PROGRESS"),
        StackEvent(at(70), STACK, "UPDATE_ROLLBACK_IN_PROGRESS"),
        StackEvent(at(90), STACK, "UPDATE_ROLLBACK_COMPLETE"),
        StackEvent(at(100), STACK, "UPDATE_IN_PROGRESS"),
    ]
    alarm = {"code": "ALARM_ACTIVE", "message": "an alarm"}
    deployed = [
        Deployment("Succeeded", at(20), at(45.5), "Linear"),
        Deployment("Failed", at(65), None, "Linear", alarm),
    ]
    assert account(Collected(SAID, METRICS, events, deployed)).works == [
        Work("CloudFormation", "UPDATE_COMPLETE", 10, 50),
        Work("CloudFormation", "UPDATE_ROLLBACK_COMPLETE", 60, 90),
        Work("CloudFormation", "not over", 100, None),
        Work("CodeDeploy", "Succeeded (Linear)", 20, 45.5),
        Work("CodeDeploy", "Failed (Linear): an alarm", 65, None),
    ]


def test_what_is_not_there_is_said_with_the_way_to_it() -> None:
    again = "poster collect RUN"
    assert account(None).missing == [f"nothing was collected: {again}"]
    refused = {**SAID, "codedeploy.jsonl": "not collected: no permission"}
    assert account(Collected(refused, METRICS)).missing == [
        f"codedeploy.jsonl, not collected: no permission; {again}"
    ]
    assert account(Collected(SAID)).missing == [
        f"metrics: CloudWatch had none yet; {again} asks again"
    ]


def test_metrics_that_end_before_the_run_are_said_to() -> None:
    early = [structs.replace(each, at=at(-100)) for each in METRICS]
    (said,) = account(Collected(SAID, early)).missing
    assert said.startswith("metrics of the last 41 s: CloudWatch shows them late")


def test_a_run_without_an_account_has_no_such_section() -> None:
    local = run_with(Collected(SAID, METRICS), target="local", endpoint_type="REGIONAL")
    assert account_of(local) is None
    report = text.render(analyse(local, None), local)
    assert "AWS itself" not in report
    assert "endpoint type" not in report


def test_the_section_and_the_type_of_the_endpoint_are_in_the_text_and_on_the_page() -> None:
    events = [StackEvent(at(10), STACK, "UPDATE_IN_PROGRESS")]
    found = run_with(Collected(SAID, METRICS, events), endpoint_type="EDGE")
    result = analyse(found, None)
    report = " ".join(text.render(result, found).split())
    page = html.render(result, found)
    assert "endpoint type EDGE" in report
    assert "<dt>Endpoint type</dt><dd>EDGE</dd>" in page
    for name, said in (
        ("Lambda", "812 invocations, 4 errors, 2 throttles, 12 at once at most"),
        ("version 2", "412 invocations, 4 errors"),
        ("API Gateway", "814 calls, 2 answered 4XX, 6 answered 5XX"),
        ("CloudFormation", "not over, from 10.0 s of the run"),
    ):
        assert f"{name} {said}" in report
        assert f"<dt>{name}</dt><dd>{said}</dd>" in page


def written(folder: Path, **files: str) -> Path:
    found = run_with(None)
    (folder / "history.jsonl").write_text(encode(found.run) + "\n")
    for name, content in files.items():
        (folder / name.replace("_", ".", 1)).write_text(content)
    return folder


def test_what_was_collected_lies_beside_the_history(tmp_path: Path) -> None:
    event = {"Timestamp": at(1).isoformat(), "ResourceType": STACK, "ResourceStatus": "X", "Y": 1}
    written(tmp_path, collected_json=json.dumps({"rows.jsonl": "1 lines"}))
    (tmp_path / "stack_events.jsonl").write_text(json.dumps(event) + "\n")
    found = loading.load(tmp_path).collected
    assert found == Collected({"rows.jsonl": "1 lines"}, [], [StackEvent(at(1), STACK, "X")])
    assert collected_in({}) is None


@pytest.mark.parametrize("content", ["{", "[]", '{"metrics.jsonl": 1}'])
def test_a_file_that_was_not_collected_is_refused_with_the_way_out(
    tmp_path: Path, content: str
) -> None:
    written(tmp_path, collected_json=content)
    with pytest.raises(HistoryError, match="collect it anew: poster collect"):
        loading.load(tmp_path)
