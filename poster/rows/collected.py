"""What AWS itself knows of a run, as it was collected beside the history. Pure.

Of each line what reports use; the files hold more.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

import msgspec

COLLECTED = "collected.json"  # what was had of each part, or why it was not
METRICS = "metrics.jsonl"
STACK_EVENTS = "stack_events.jsonl"
DEPLOYMENTS = "codedeploy.jsonl"
READ = (COLLECTED, METRICS, STACK_EVENTS, DEPLOYMENTS)
NOT_COLLECTED = "not collected: "


class Point(msgspec.Struct, frozen=True):
    """One minute of one metric."""

    namespace: str
    metric: str
    at: datetime.datetime = msgspec.field(name="Timestamp")
    total: float = msgspec.field(name="Sum")
    most: float = msgspec.field(name="Maximum")
    version: str | None = None  # of the function; None: all of it


class StackEvent(msgspec.Struct, frozen=True):
    """One event of CloudFormation's."""

    at: datetime.datetime = msgspec.field(name="Timestamp")
    resource_type: str = msgspec.field(name="ResourceType")
    status: str = msgspec.field(name="ResourceStatus")


class Deployment(msgspec.Struct, frozen=True, rename="camel"):
    """One deployment of CodeDeploy's."""

    status: str
    create_time: datetime.datetime
    complete_time: datetime.datetime | None = None
    deployment_config_name: str = "no name"
    error_information: dict[str, str] | None = None


class Collected(msgspec.Struct, frozen=True):
    """The parts that reports read; a part that is not there is empty."""

    said: dict[str, str]
    metrics: list[Point] = []
    stack_events: list[StackEvent] = []
    deployments: list[Deployment] = []


def collected_in(texts: Mapping[str, str]) -> Collected | None:
    """Return what the files hold, by name; None where nothing was collected.

    Raises ValueError for a file that holds anything else.
    """
    if COLLECTED not in texts:
        return None

    def lines(name: str, kind: Any) -> list[Any]:
        return [msgspec.json.decode(line, type=kind) for line in texts.get(name, "").splitlines()]

    try:
        return Collected(
            msgspec.json.decode(texts[COLLECTED], type=dict[str, str]),
            lines(METRICS, Point),
            lines(STACK_EVENTS, StackEvent),
            lines(DEPLOYMENTS, Deployment),
        )
    except msgspec.DecodeError as error:
        raise ValueError(f"{error}") from None
