"""What AWS knows of a run afterwards, fetched into the run's directory, part by part.

Each part is a file of its own, written whole or not at all, so that collecting can stop (expired
credentials) and go on later. What could not be had is said and never guessed.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poster.aws.errors import AwsError, NoPermissionError, told
from poster.aws.stack import Outputs, Stack

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_cloudwatch import CloudWatchClient
    from types_boto3_codedeploy import CodeDeployClient
    from types_boto3_logs import CloudWatchLogsClient

LOG_STREAMS = "log_streams.txt"  # on AWS one per execution environment, named like instance_id
_MINUTE_S = 60
_MARGIN = datetime.timedelta(minutes=2)  # clocks differ, and metrics are by the minute
_LAMBDA_METRICS = ("Invocations", "Errors", "Throttles", "ConcurrentExecutions", "Duration")
_API_METRICS = ("Count", "4XXError", "5XXError", "Latency", "IntegrationLatency")

Between = tuple[datetime.datetime, datetime.datetime]


def collect(
    stack: Stack, directory: Path, between: Between, id_prefix: str, rows: str
) -> dict[str, str]:
    """Fetch every part; return what was had of each, or why it was not.

    Raises NoPermissionError when the credentials no longer hold: what was fetched by then stays.
    """
    with told():
        outputs = stack.outputs()
    begin, end = between[0] - _MARGIN, between[1] + _MARGIN
    parts: dict[str, Callable[[], Iterable[Any]]] = {
        rows: lambda: rows_of(stack, outputs, id_prefix),
        LOG_STREAMS: lambda: sorted(stack.log_streams(stack.log_group(outputs))),
        "reports.jsonl": lambda: _report_lines(stack, outputs, begin, end),
        "metrics.jsonl": lambda: _metrics(stack, outputs, begin, end),
        "stack_events.jsonl": lambda: _stack_events(stack, begin, end),
        "codedeploy.jsonl": lambda: _deployments(stack, begin, end),
    }
    had = {}
    for name, fetch in parts.items():
        try:
            with told():
                lines = [each if isinstance(each, str) else _json(each) for each in fetch()]
        except NoPermissionError as error:
            if "expired" in str(error).lower():
                raise
            had[name] = f"not collected: {error}"
        except AwsError as error:
            had[name] = f"not collected: {error}"
        else:
            write_lines(directory / name, lines)
            had[name] = f"{len(lines)} lines"
    return had


def rows_of(stack: Stack, outputs: Outputs, id_prefix: str) -> Iterable[dict[str, Any]]:
    """Yield the table's rows that calls of this run wrote."""
    return (row for row in stack.rows(outputs) if str(row.get("todoId", "")).startswith(id_prefix))


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write them in one step that a reader cannot see."""
    staged = path.with_name(f".{path.name}")
    staged.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    staged.replace(path)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def _report_lines(
    stack: Stack, outputs: Outputs, begin: datetime.datetime, end: datetime.datetime
) -> Iterable[dict[str, Any]]:
    """Yield Lambda's own line about each invocation: duration, init, memory."""
    client: CloudWatchLogsClient = stack.client("logs")
    pages = client.get_paginator("filter_log_events").paginate(
        logGroupName=stack.log_group(outputs),
        filterPattern="REPORT",
        startTime=_ms(begin),
        endTime=_ms(end),
    )
    for page in pages:
        for event in page["events"]:
            yield {name: event.get(name) for name in ("timestamp", "logStreamName", "message")}


def _metrics(
    stack: Stack, outputs: Outputs, begin: datetime.datetime, end: datetime.datetime
) -> Iterable[dict[str, Any]]:
    client: CloudWatchClient = stack.client("cloudwatch")
    for namespace, names, dimensions in (
        ("AWS/Lambda", _LAMBDA_METRICS, {"FunctionName": outputs.function}),
        ("AWS/ApiGateway", _API_METRICS, {"ApiName": stack.name}),
    ):
        for name in names:
            statistics = client.get_metric_statistics(
                Namespace=namespace,
                MetricName=name,
                Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
                StartTime=begin,
                EndTime=end,
                Period=_MINUTE_S,
                Statistics=["Sum", "Average", "Maximum"],
            )
            points = sorted(statistics["Datapoints"], key=lambda point: str(point.get("Timestamp")))
            for point in points:
                yield {"namespace": namespace, "metric": name, **point}


def _stack_events(
    stack: Stack, begin: datetime.datetime, end: datetime.datetime
) -> Iterable[dict[str, Any]]:
    client: CloudFormationClient = stack.client("cloudformation")
    for page in client.get_paginator("describe_stack_events").paginate(StackName=stack.name):
        for event in page["StackEvents"]:
            if begin <= event["Timestamp"] <= end:
                yield dict(event)


def _deployments(
    stack: Stack, begin: datetime.datetime, end: datetime.datetime
) -> Iterable[dict[str, Any]]:
    """Yield what CodeDeploy did; nothing where the stack has no application of it."""
    application = stack.physical_id("AWS::CodeDeploy::Application")
    group = stack.physical_id("AWS::CodeDeploy::DeploymentGroup")
    if application is None or group is None:
        return
    client: CodeDeployClient = stack.client("codedeploy")
    pages = client.get_paginator("list_deployments").paginate(
        applicationName=application,
        deploymentGroupName=group,
        createTimeRange={"start": begin, "end": end},
    )
    for page in pages:
        for deployment in page["deployments"]:
            yield dict(client.get_deployment(deploymentId=deployment)["deploymentInfo"])


def _ms(moment: datetime.datetime) -> int:
    return round(moment.timestamp() * 1000)
