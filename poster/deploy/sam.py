"""``sam build`` and ``sam deploy``: the published way, and the way of most teams.

The alias is moved all at once, by CloudFormation. Steps are taken from CloudFormation's own
events (``sam deploy --output json``): SAM prints them late, at its next poll, so a step's time is
the event's timestamp and never the moment at which its line arrived.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import structs

from poster.deploy.failure import with_failure_told
from poster.deploy.function import BEHIND_S, LOOK_AGAIN_S
from poster.deploy.release import DeployError, Release, Steps
from poster.deploy.site import Site
from poster.rows.clock import Clock, from_server_ms
from poster.rows.record import Step, StepName

_DONE = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
_STEP_OF = {
    "AWS::Lambda::Function": StepName.CODE_UPDATED,
    "AWS::Lambda::Version": StepName.VERSION_PUBLISHED,
    "AWS::Lambda::Alias": StepName.ALIAS_UPDATED,
    "AWS::CloudFormation::Stack": StepName.STACK_COMPLETE,
}

AliasVersion = Callable[[], str | None]  # what the control plane says now; None: no stack yet


def deploy(
    release: Release,
    site: Site,
    *,
    express: bool = False,
    parameters: Mapping[str, str] | None = None,
    alias_version: AliasVersion | None = None,
) -> Steps:
    """Deploy the stack. With ``express`` CloudFormation does not wait for readiness.

    ``parameters`` are of the template, beside the site's; ``alias_version`` is for a stack of
    several aliases. Every parameter is passed: one that is not keeps its value of before.
    """
    defaults = {
        name: value for name, value in site.application.parameters().items() if value is not None
    }
    given = {
        **defaults,
        **site.parameters,
        **(parameters or {}),
        "ConfigMarker": release.config_marker,
    }
    alias = alias_version or site.stack.alias_version
    return with_failure_told(_steps(release, site, express, given, alias), site.clock)


def _steps(
    release: Release,
    site: Site,
    express: bool,
    parameters: Mapping[str, str],
    alias_version: AliasVersion,
) -> Steps:
    yield from site.built(release)
    before = alias_version()
    yield site.step(StepName.DEPLOY_STARTED, marker=release.marker)
    arguments = [
        *("deploy", "--output", "json", "--no-confirm-changeset"),
        *("--stack-name", site.stack.name),
        *(["--express"] if express else []),
        *("--parameter-overrides", *(_override(name, value) for name, value in parameters.items())),
    ]
    result = None
    is_published = False
    for event in _events(site.sam.lines(arguments, site.application.path)):
        if event.get("type") == "result":
            result = event.get("status")
        step = _step_in(event, site.clock.origin_unix_ns)
        if step is None:
            continue
        is_published |= step.name == StepName.VERSION_PUBLISHED
        if step.name != StepName.ALIAS_UPDATED:
            yield step
            continue
        after = _moved_to(alias_version, before, site.clock, is_published)
        if after != before:  # the event repeats for an alias that was left where it was
            yield structs.replace(step, detail={"from": before, "to": after, **step.detail})
    if result == "no_changes":
        raise DeployError(
            f"sam deploy found nothing to change for release {release.marker}: the stack"
            f" {site.stack.name} has this release already"
        )
    yield site.step(StepName.DEPLOY_FINISHED, marker=release.marker)


def _override(name: str, value: str) -> str:
    return f"{name}={value}" if re.fullmatch(r"[^\s\"]+", value) else f'{name}="{value}"'


def _events(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """Yield the events in SAM's output; its other lines are for people.

    Raises DeployError: CloudFormation names the cause first, what follows are its consequences.
    """
    cause = None
    try:
        for line in lines:
            event = _parsed(line)
            if cause is None and str(event.get("status")).endswith("_FAILED"):
                cause = "{logical_id} {status}: {reason}".format_map(event)
            yield event
    except DeployError as error:
        raise DeployError(f"{cause}; {error}" if cause else f"{error}") from error


def _moved_to(
    alias_version: AliasVersion, before: str | None, clock: Clock, is_published: bool
) -> str | None:
    """Return where the alias is now; it must have moved if a version was published.

    A read may be behind (see ``poster.deploy.function``), so it is made again for some seconds.
    """
    until_ns = clock.now_ns() + round(BEHIND_S * 1e9)
    while True:
        after = alias_version()
        if after != before or not is_published or clock.now_ns() >= until_ns:
            return after
        clock.sleep_until_ns(clock.now_ns() + round(LOOK_AGAIN_S * 1e9))


def _step_in(event: dict[str, Any], origin_unix_ns: int) -> Step | None:
    name = _STEP_OF.get(str(event.get("resource_type")))
    if event.get("type") != "event" or event.get("status") not in _DONE or name is None:
        return None
    server_ms = _milliseconds(str(event["timestamp"]))
    detail: dict[str, Any] = {
        "logical_id": event.get("logical_id"),
        "status": event["status"],
        "server_ms": server_ms,
    }
    return Step(name, from_server_ms(server_ms, origin_unix_ns), detail)


def _parsed(line: str) -> dict[str, Any]:
    """Return the event that a line of SAM's output holds; other lines are for people."""
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _milliseconds(timestamp: str) -> int:
    return round(datetime.datetime.fromisoformat(timestamp).timestamp() * 1000)
