"""What AWS knows of a run afterwards, fetched into the run's directory, part by part.

Each part is a file of its own, written whole or not at all, so that collecting can stop (expired
credentials) and go on later. What could not be had is said and never guessed.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from poster.aws.errors import AwsError, UnknownCallerError, told
from poster.aws.stack import Outputs, Stack, StackError, log_group_of
from poster.aws.target import Target, is_named_by_aws
from poster.rows.by_logs import FILTER, NAMED, version_in
from poster.rows.collected import COLLECTED, DEPLOYMENTS, METRICS, NOT_COLLECTED, STACK_EVENTS
from poster.rows.extent import Extent
from poster.rows.journal import ROWS

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_cloudwatch import CloudWatchClient
    from types_boto3_codedeploy import CodeDeployClient
    from types_boto3_logs import CloudWatchLogsClient

LOG_STREAMS = "log_streams.txt"  # on AWS one per execution environment, named like instance_id
REPORT_LINES = "reports.jsonl"
STORE = (ROWS, LOG_STREAMS)
PARTS = (*STORE, REPORT_LINES, METRICS, STACK_EVENTS, DEPLOYMENTS)
_MINUTE_S = 60
_MARGIN = datetime.timedelta(minutes=2)  # clocks differ, and metrics are by the minute
_LAMBDA_METRICS = ("Invocations", "Errors", "Throttles", "ConcurrentExecutions", "Duration")
_VERSION_METRICS = ("Invocations", "Errors")
_API_METRICS = ("Count", "4XXError", "5XXError", "Latency", "IntegrationLatency")

Between = tuple[datetime.datetime, datetime.datetime]


def collect(
    stack: Stack, extent: Extent, directory: Path, parts: Collection[str] = PARTS
) -> dict[str, str]:
    """Fetch the parts of a run; return what was had of each, or why it was not, and keep that too.

    Raises UnknownCallerError when the credentials no longer hold: what was fetched by then stays.
    Raises StackError when the stack of that name is not the one that was called.
    """
    with told():
        outputs = stack.outputs()
    _require_called(stack, outputs, extent.run.endpoint)
    between = _between(extent)
    prefix = str(extent.run.settings.get("id_prefix", ""))
    versions = sorted(filter(str.isdigit, extent.versions), key=int)
    fetched_by: dict[str, Callable[[], Iterable[Any]]] = {
        ROWS: lambda: _rows(stack, outputs, prefix),
        LOG_STREAMS: lambda: sorted(stack.log_streams(stack.log_group(outputs))),
        REPORT_LINES: lambda: _report_lines(stack, outputs, between),
        METRICS: lambda: _metrics(stack, outputs, versions, between),
        STACK_EVENTS: lambda: _stack_events(stack, between),
        DEPLOYMENTS: lambda: _deployments(stack, between),
    }
    had = dict.fromkeys(parts, f"{NOT_COLLECTED}collecting ended before")
    try:
        for name in parts:
            had[name] = _fetched(fetched_by[name], directory / name)
    finally:
        (directory / COLLECTED).write_text(json.dumps(had, indent=2) + "\n", encoding="utf-8")
    return had


def _require_called(stack: Stack, outputs: Outputs, called: str) -> None:
    """Raise StackError where the run called another API than this stack's.

    The table of another account's stack, or of one that was made anew, holds no row of the run: all
    its writes would look lost.
    """
    host, served = urlsplit(called).hostname, urlsplit(outputs.api_endpoint).hostname
    if is_named_by_aws(called) and host != served:
        raise StackError(
            f"the run called {host}, and stack {stack.name} here serves {served}: it is another"
            " account's or region's stack, or was made anew since; nothing was collected"
        )


def collect_versions(target: Target, function: str, extent: Extent, directory: Path) -> None:
    """Ask the function's log which version served which request, for `poster.rows.by_logs`.

    Raises AwsError.
    """

    def started() -> Iterable[dict[str, str]]:
        group = log_group_of(target.client("lambda"), function)
        for event in _log_events(target.client("logs"), group, FILTER, _between(extent)):
            if (found := version_in(event["message"])) is not None:
                yield {"request_id": found[0], "version": found[1]}

    with told():
        lines = [_json(each) for each in started()]
    _write(directory / NAMED, lines)


def _fetched(fetch: Callable[[], Iterable[Any]], path: Path) -> str:
    try:
        with told():
            lines = [each if isinstance(each, str) else _json(each) for each in fetch()]
    except UnknownCallerError:
        raise
    except AwsError as error:
        return f"{NOT_COLLECTED}{error}"
    _write(path, lines)
    return f"{len(lines)} lines"


def _write(path: Path, lines: list[str]) -> None:
    """Write them in one step that a reader cannot see."""
    staged = path.with_name(f".{path.name}")
    staged.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    staged.replace(path)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=_text)


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime.datetime) else str(value)


def _between(extent: Extent) -> Between:
    """Return the wall-clock times of the run's first and last row, with a margin."""
    origin_s = extent.run.origin_unix_ns / 1e9
    begin, end = (
        datetime.datetime.fromtimestamp(origin_s + at_ns / 1e9, datetime.UTC)
        for at_ns in (extent.begin_ns, extent.end_ns)
    )
    return begin - _MARGIN, end + _MARGIN


def _rows(stack: Stack, outputs: Outputs, id_prefix: str) -> Iterable[dict[str, Any]]:
    """Yield the table's rows that calls of this run wrote."""
    return (row for row in stack.rows(outputs) if str(row.get("todoId", "")).startswith(id_prefix))


def _report_lines(stack: Stack, outputs: Outputs, between: Between) -> Iterable[dict[str, Any]]:
    """Yield Lambda's own line about each invocation: duration, init, memory."""
    for event in _log_events(stack.client("logs"), stack.log_group(outputs), "REPORT", between):
        yield {name: event.get(name) for name in ("timestamp", "logStreamName", "message")}


def _log_events(
    client: CloudWatchLogsClient, group: str, pattern: str, between: Between
) -> Iterable[Any]:
    begin_ms, end_ms = (round(moment.timestamp() * 1000) for moment in between)
    pages = client.get_paginator("filter_log_events").paginate(
        logGroupName=group, filterPattern=pattern, startTime=begin_ms, endTime=end_ms
    )
    return (event for page in pages for event in page["events"])


def _metrics(
    stack: Stack, outputs: Outputs, versions: Iterable[str], between: Between
) -> Iterable[dict[str, Any]]:
    """Yield each minute of each metric, of a function's versions too: by them it is shifted."""
    function, alias = outputs.function, f"{outputs.function}:{outputs.alias}"
    wanted: list[tuple[str, tuple[str, ...], dict[str, str]]] = [
        ("AWS/Lambda", _LAMBDA_METRICS, {"FunctionName": function}),
        ("AWS/ApiGateway", _API_METRICS, {"ApiName": stack.name}),
    ]
    for version in versions:
        of_version = {"FunctionName": function, "Resource": alias, "ExecutedVersion": version}
        wanted.append(("AWS/Lambda", _VERSION_METRICS, of_version))
    client: CloudWatchClient = stack.client("cloudwatch")
    for namespace, names, dimensions in wanted:
        for name in names:
            statistics = client.get_metric_statistics(
                Namespace=namespace,
                MetricName=name,
                Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
                StartTime=between[0],
                EndTime=between[1],
                Period=_MINUTE_S,
                Statistics=["Sum", "Average", "Maximum"],
            )
            of = {"metric": name, "version": dimensions.get("ExecutedVersion")}
            for point in sorted(statistics["Datapoints"], key=lambda each: each["Timestamp"]):
                yield {"namespace": namespace, **of, **point}


def _stack_events(stack: Stack, between: Between) -> Iterable[dict[str, Any]]:
    client: CloudFormationClient = stack.client("cloudformation")
    begin, end = between
    for page in client.get_paginator("describe_stack_events").paginate(StackName=stack.name):
        for event in page["StackEvents"]:
            if begin <= event["Timestamp"] <= end:
                yield dict(event)


def _deployments(stack: Stack, between: Between) -> Iterable[dict[str, Any]]:
    """Yield what CodeDeploy did; nothing where the stack has no application of it."""
    application = stack.physical_id("AWS::CodeDeploy::Application")
    group = stack.physical_id("AWS::CodeDeploy::DeploymentGroup")
    if application is None or group is None:
        return
    client: CodeDeployClient = stack.client("codedeploy")
    begin, end = between
    pages = client.get_paginator("list_deployments").paginate(
        applicationName=application,
        deploymentGroupName=group,
        createTimeRange={"start": begin, "end": end},
    )
    for page in pages:
        for deployment in page["deployments"]:
            yield dict(client.get_deployment(deploymentId=deployment)["deploymentInfo"])
