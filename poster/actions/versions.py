"""Deletes old published versions, but none that a caller may still reach.

AWS refuses to delete a version that an alias points at, and nothing else: callers that are still
routed to a version that is gone get errors. So a version by which any probe was answered stays,
whatever its age, and so does one that something names by its number: an event source, provisioned
concurrency, a URL, a permission of its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

from poster.actions.errors import ActionError
from poster.aws.alias import routing_of
from poster.aws.errors import AwsError, NotThereError, told


@dataclasses.dataclass(frozen=True, slots=True)
class Deletion:
    """What goes, and why each other version stays."""

    deleted: tuple[str, ...]
    kept: dict[str, str]


def choose(
    versions: Collection[str], used: Mapping[str, str], answered: Collection[str], keep: int
) -> Deletion:
    """Return which versions go, oldest first. Pure.

    The newest ``keep`` stay; so do those that are ``used``, with the reason, those that answered a
    probe, and names that are no number, which Lambda gives to what is not ours to delete.
    """
    kept = {name: "its name is no number" for name in versions if not name.isdigit()}
    newest_first = sorted((name for name in versions if name.isdigit()), key=int, reverse=True)
    for place, version in enumerate(newest_first):
        if place < keep:
            kept[version] = f"one of the newest {keep}"
        elif version in used:
            kept[version] = used[version]
        elif version in answered:
            kept[version] = "it answered a probe"
    gone = [version for version in reversed(newest_first) if version not in kept]
    return Deletion(tuple(gone), kept)


def find_old_versions(client: Any, function: str, answered: Collection[str], keep: int) -> Deletion:
    """Return what would go. Reads only; raises AwsErrors where it may not see who uses a version.

    ``client`` is boto3's of "lambda".
    """
    with told():
        listed = client.get_paginator("list_versions_by_function")
        versions = {
            each["Version"]
            for page in listed.paginate(FunctionName=function)
            for each in page["Versions"]
        }
        used = _used(client, function)
        for version in choose(versions - {"$LATEST"}, used, answered, keep).deleted:
            used |= _used_alone(client, function, version)
    return choose(versions - {"$LATEST"}, used, answered, keep)


def delete_old_versions(
    client: Any, function: str, answered: Collection[str], keep: int
) -> Deletion:
    """Delete the old versions of a function, oldest first. Raises ActionError."""
    deleted: list[str] = []
    try:
        chosen = find_old_versions(client, function, answered, keep)
        for version in chosen.deleted:
            with told():
                client.delete_function(FunctionName=function, Qualifier=version)
            deleted.append(version)
    except AwsError as error:
        done = f"versions {', '.join(deleted)}" if deleted else "no version"
        raise ActionError(f"{done} of function {function} deleted, then: {error}") from error
    return chosen


def _used(client: Any, function: str) -> dict[str, str]:
    """Return the versions that aliases and URLs name, with the reason."""
    used: dict[str, str] = {}
    for page in client.get_paginator("list_function_url_configs").paginate(FunctionName=function):
        for each in page["FunctionUrlConfigs"]:
            used[_qualifier(each)] = "it has a URL"
    for page in client.get_paginator("list_aliases").paginate(FunctionName=function):
        for alias in page["Aliases"]:
            version, weights = routing_of(alias)
            used |= dict.fromkeys((version, *weights), "an alias names it")
    return used


def _used_alone(client: Any, function: str, version: str) -> dict[str, str]:
    """Return the same for what has to be asked version by version."""
    sources = client.get_paginator("list_event_source_mappings").paginate(
        FunctionName=f"{function}:{version}"
    )
    if any(_qualifier(each) == version for page in sources for each in page["EventSourceMappings"]):
        return {version: "an event source calls it"}
    for ask, reason in (
        (client.get_provisioned_concurrency_config, "it has provisioned concurrency"),
        (client.get_policy, "it has permissions of its own"),
    ):
        with suppress(NotThereError), told():
            ask(FunctionName=function, Qualifier=version)
            return {version: reason}
    return {}


def _qualifier(described: Mapping[str, Any]) -> str:
    return str(described["FunctionArn"]).rpartition(":")[2]
