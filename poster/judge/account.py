"""What the account itself says of a run: counts of CloudWatch's, times of deployments.

It judges nothing: what callers saw is in the rows. What is not there is named, with the way to it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from poster.rows.collected import (
    METRICS,
    NOT_COLLECTED,
    Collected,
    Deployment,
    Point,
    StackEvent,
)
from poster.rows.history import History

AGAIN = "poster collect RUN"
_MINUTE_S = 60.0  # a point of a metric stands for so long


@dataclasses.dataclass(frozen=True, slots=True)
class Counted:
    """What was counted of a function, or of one version of it; None: no figure is there."""

    version: str | None
    invocations: int | None
    errors: int | None
    throttles: int | None = None
    most_at_once: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Gateway:
    """What API Gateway counted; None: no figure is there."""

    calls: int | None
    answered_4xx: int | None
    answered_5xx: int | None


@dataclasses.dataclass(frozen=True, slots=True)
class Work:
    """One change that a service of AWS's made, in seconds of the run."""

    service: str
    ended: str
    from_s: float
    to_s: float | None  # None: it was not over


@dataclasses.dataclass(frozen=True, slots=True)
class Account:
    """What the account says."""

    functions: list[Counted]  # the whole function, then its versions
    gateway: Gateway | None
    works: list[Work]
    missing: list[str]


def account_of(history: History) -> Account | None:
    """Return what the account says of the run; None for a run that had no account."""
    run, collected = history.run, history.collected
    if run.target == "local" or (collected is None and "stack" not in run.settings):
        return None
    if collected is None:
        return Account([], None, [], [f"nothing was collected: {AGAIN}"])
    origin_s = run.origin_unix_ns / 1e9
    works = [*_stack_works(collected.stack_events), *_deployments(collected.deployments)]
    return Account(
        functions=list(_functions(collected.metrics)),
        gateway=_gateway(collected.metrics),
        works=[_on_the_runs_clock(work, origin_s) for work in works],
        missing=list(_missing(history, collected)),
    )


def _functions(metrics: Sequence[Point]) -> Iterator[Counted]:
    ours = [point for point in metrics if point.namespace == "AWS/Lambda"]
    versions = {point.version for point in ours if point.version is not None}
    for version in (None, *sorted(versions)):
        points = [point for point in ours if point.version == version]
        if points:
            at_once = [round(each.most) for each in points if each.metric == "ConcurrentExecutions"]
            yield Counted(
                version,
                _total(points, "Invocations"),
                _total(points, "Errors"),
                _total(points, "Throttles"),
                max(at_once, default=None),
            )


def _gateway(metrics: Sequence[Point]) -> Gateway | None:
    points = [point for point in metrics if point.namespace == "AWS/ApiGateway"]
    if not points:
        return None
    return Gateway(*(_total(points, name) for name in ("Count", "4XXError", "5XXError")))


def _total(points: Sequence[Point], metric: str) -> int | None:
    found = [point.total for point in points if point.metric == metric]
    return round(sum(found)) if found else None


def _stack_works(events: Sequence[StackEvent]) -> Iterator[Work]:
    """Yield what CloudFormation did to the stack, each from its first event to its last one."""
    begun: float | None = None
    ours = [event for event in events if event.resource_type == "AWS::CloudFormation::Stack"]
    for event in sorted(ours, key=lambda each: each.at):
        if event.status in {"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"}:
            begun = event.at.timestamp()
        elif begun is not None and event.status.endswith(("_COMPLETE", "_FAILED")):
            yield Work("CloudFormation", event.status, begun, event.at.timestamp())
            begun = None
    if begun is not None:
        yield Work("CloudFormation", "not over", begun, None)


def _deployments(deployments: Sequence[Deployment]) -> Iterator[Work]:
    for each in sorted(deployments, key=lambda each: each.create_time):
        why = (each.error_information or {}).get("message")
        ended = f"{each.status} ({each.deployment_config_name})"
        done = each.complete_time
        yield Work(
            "CodeDeploy",
            f"{ended}: {why}" if why else ended,
            each.create_time.timestamp(),
            None if done is None else done.timestamp(),
        )


def _on_the_runs_clock(work: Work, origin_s: float) -> Work:
    to_s = None if work.to_s is None else work.to_s - origin_s
    return dataclasses.replace(work, from_s=work.from_s - origin_s, to_s=to_s)


def _missing(history: History, collected: Collected) -> Iterator[str]:
    for part, said in collected.said.items():
        if said.startswith(NOT_COLLECTED):
            yield f"{part}, {said}; {AGAIN}"
    if collected.said.get(METRICS, NOT_COLLECTED).startswith(NOT_COLLECTED):
        return
    if not collected.metrics:
        yield f"metrics: CloudWatch had none yet; {AGAIN} asks again"
        return
    end_s = (history.run.origin_unix_ns + history.last_sent_ns) / 1e9
    known_s = max(point.at.timestamp() for point in collected.metrics) + _MINUTE_S
    if known_s < end_s:
        late = f"metrics of the last {end_s - known_s:.0f} s"
        yield f"{late}: CloudWatch shows them late; {AGAIN} asks again"
