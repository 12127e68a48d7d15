"""``python -m labs patterns``: who processes what during a deploy, and what is lost or doubled."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from labs.invocation_patterns.judge import Evidence, checks_in, faults_in, patterns_in, tables
from labs.invocation_patterns.pollers import EventSources, Sources
from labs.invocation_patterns.producer import PATTERNS, Producer
from labs.invocation_patterns.senders import DeadLetters, WorkerTable, senders
from labs.invocation_patterns.worker_record import dead_in, record_in
from labs.kit.direct import DirectTarget
from labs.kit.workbench import Bench, Lab, LabOptions, bench, end_badly, lab_options, show
from poster.calls.engine import Load
from poster.calls.posting import Posting
from poster.calls.schedule import OpenLoop
from poster.deploy import sam
from poster.deploy.application import StagedApplication
from poster.deploy.release import Release
from poster.deploy.site import Site
from poster.rows import loading
from poster.rows.clock import RunClock
from poster.rows.journal import HISTORY, ROWS, Journal
from poster.rows.record import Run
from poster.rows.tools import tool_versions

LAB = Lab("patterns", "invocation_patterns", ("worker",), usd=0.10, left_per_month_usd=22.0)
WRITE_UNIT_PER_MONTH_USD = 0.47  # of the message table; the rest is two shards of Kinesis
FIRST, SECOND = "aaa", "xxx"
RECORDS = "records.jsonl"
DEAD = "dead_letters.jsonl"
BEFORE_S = 5.0  # of sending, before the release is built and deployed
# The longest that a message may take: all visibility time-outs of the queue, on AWS also the three
# minutes before the second asynchronous retry, and some patience.
DRAIN_S = {"local": 120.0, "aws": 600.0}
MODEL = "model of Lambda's pollers and asynchronous queue"
SIMULATED = {
    "api": "MiniStack",
    **dict.fromkeys(("event", "sns", "s3", "kinesis", "dynamodb"), MODEL),
    "sqs": "MiniStack",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Redrive:
    """How the queue gives a message up."""

    visibility_s: int  # that a received message is hidden
    receives: int  # after so many it is a dead letter


AS_ADVISED = Redrive(60, 5)  # by AWS: six times the function's time-out, and at least five
QUICK = Redrive(24, 3)  # locally, where the last poison is waited for


@click.command("patterns")
@click.option(
    "--messages",
    type=click.IntRange(10, 5000),
    default=20,
    show_default=True,
    help="Of each pattern, once the release is deployed; before and meanwhile they are sent too.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0.1, 50),
    default=1.0,
    show_default=True,
    metavar="PER_S",
    help="Messages per second of each pattern.",
)
@lab_options
def patterns(messages: int, rate: float, **given: Any) -> None:
    """Call one worker by an API, events, streams and a queue, while it is deployed.

    A share of the messages fails once, another always.
    """
    options = LabOptions(**given)
    clock = RunClock()
    writes = math.ceil(rate)
    left_usd = LAB.left_per_month_usd + WRITE_UNIT_PER_MONTH_USD * writes
    with bench(dataclasses.replace(LAB, left_per_month_usd=left_usd), options, DirectTarget) as on:
        redrive = QUICK if on.is_local else AS_ADVISED
        parameters = {
            "WritesPerSecond": str(writes),
            "VisibilityTimeout": str(redrive.visibility_s),
            "MaxReceiveCount": str(redrive.receives),
        }
        evidence = _run(on, rate, messages / rate, clock, parameters)
        found = patterns_in(evidence)
        simulated = SIMULATED if on.is_local else {}
        show(LAB, options, on.directory, tables(found, simulated, redrive.receives))
        faults = faults_in(found, checks_in(evidence))
    if faults:
        end_badly(faults)


def _run(
    on: Bench, rate_per_s: float, after_s: float, clock: RunClock, parameters: Mapping[str, str]
) -> Evidence:
    application = StagedApplication(on.application.path, Path("worker/release.py"))
    site = Site(application, on.sam, on.stack, parameters, clock)
    on.narrator.phase(f"deploying release {FIRST}")
    steps = list(sam.deploy(Release(FIRST, FIRST), site))
    outputs = on.stack.output_values()
    dead = DeadLetters(on.target.client("sqs"), outputs["DeadLetters"])
    with _sources(on, outputs) as invoke_async:
        endpoint = on.target.reachable(outputs["ApiEndpoint"])
        producer = Producer(
            senders(
                on.target.caller_client, outputs, endpoint, on.target.through_proxies, invoke_async
            ),
            WorkerTable(on.target.client("dynamodb"), outputs["TableName"]).fetch,
            dead.all,
            DRAIN_S[on.target.name],
        )
        loop = OpenLoop(rate_per_s * len(PATTERNS))
        load = Load(endpoint, tuple(range(1, len(PATTERNS) + 1)), loop)
        run = _run_row(on, endpoint, loop, clock)
        with Journal(on.directory / HISTORY, run) as journal:
            for step in steps:
                journal.write(step)
            on.narrator.phase(f"sending {rate_per_s:g} messages per second by each pattern")
            with Posting(producer, load, clock, journal.write):
                _wait(BEFORE_S, clock)
                on.narrator.phase(f"deploying release {SECOND} under them")
                for step in sam.deploy(Release(SECOND, SECOND), site):
                    journal.write(step)
                    on.narrator.step(step)
                _wait(after_s, clock)
                on.narrator.phase("waiting for the record or dead letter of every message")
    return _collected(on, outputs, dead)


def _wait(seconds: float, clock: RunClock) -> None:
    clock.sleep_until_ns(clock.now_ns() + round(seconds * 1e9))


@contextmanager
def _sources(on: Bench, outputs: dict[str, str]) -> Iterator[Callable[[bytes], None]]:
    """Give what invokes the worker asynchronously; locally the model of Lambda stands behind it."""
    function, alias = outputs["FunctionName"], outputs["AliasName"]
    if on.is_local:
        named = Sources(
            function, alias, outputs["Topic"], outputs["Bucket"], outputs["DeadLetters"]
        )
        with EventSources(on.target.client, named) as sources:
            yield sources.invoke_async
        return
    awslambda = on.target.caller_client("lambda")

    def invoke_async(payload: bytes) -> None:
        awslambda.invoke(
            FunctionName=function, Qualifier=alias, InvocationType="Event", Payload=payload
        )

    try:
        yield invoke_async
    finally:
        # CloudFormation does not remove a bucket that holds anything.
        s3 = on.target.client("s3")
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=outputs["Bucket"]):
            for item in page.get("Contents", []):
                s3.delete_object(Bucket=outputs["Bucket"], Key=item["Key"])


def _run_row(on: Bench, endpoint: str, loop: OpenLoop, clock: RunClock) -> Run:
    settings: dict[str, Any] = {
        "patterns": dict(enumerate(PATTERNS, start=1)),
        "releases": [{"marker": marker} for marker in (FIRST, SECOND)],
    }
    if on.is_local:
        settings["event_sources"] = SIMULATED
    return Run(
        run_id=on.directory.name,
        origin_unix_ns=clock.origin_unix_ns,
        target=on.target.name,
        endpoint=endpoint,
        loop="open",
        posters=len(PATTERNS),
        rate_per_s=loop.rate_per_s,
        settings=settings,
        tools=tool_versions(),
    )


def _collected(on: Bench, outputs: dict[str, str], dead: DeadLetters) -> Evidence:
    """Save the table and the dead letters beside the history, and return all of it."""
    on.narrator.phase("collecting the table")
    items = list(on.stack.items(outputs["TableName"]))
    records = {item["messageId"]: record_in(item) for item in items}
    rows = [row for record in records.values() for row in record.rows()]
    for name, lines in ((RECORDS, items), (ROWS, rows), (DEAD, dead.letters)):
        (on.directory / name).write_text(
            "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines),
            encoding="utf-8",
        )
    return Evidence(
        loading.load(on.directory),
        loading.load_rows(on.directory),
        records,
        dead_in(dead.letters, records.values()),
    )
