"""Deletes old published versions, but none that a caller may still be routed to.

AWS refuses to delete a version that an alias points at, and nothing else: callers that are still
routed to a version that is gone get errors. So a version by which any probe was answered stays,
whatever its age.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from poster.actions.errors import ActionError
from poster.aws.alias import routing_of
from poster.aws.errors import sentence


@dataclasses.dataclass(frozen=True, slots=True)
class Deletion:
    """What was deleted, and why each other version stays."""

    deleted: tuple[str, ...]
    kept: dict[str, str]


def choose(
    versions: Collection[str], aliased: Collection[str], answered: Collection[str], keep: int
) -> Deletion:
    """Return which versions go. Pure.

    The newest ``keep`` stay; so do those that an alias names, by whatever weight, and those that
    answered a probe.
    """
    newest_first = sorted(versions, key=int, reverse=True)
    kept = {}
    for place, version in enumerate(newest_first):
        if place < keep:
            kept[version] = f"one of the newest {keep}"
        elif version in aliased:
            kept[version] = "an alias names it"
        elif version in answered:
            kept[version] = "it answered a probe"
    return Deletion(
        tuple(version for version in reversed(newest_first) if version not in kept), kept
    )


def delete_old_versions(
    client: Any, function: str, answered: Collection[str], keep: int
) -> Deletion:
    """Delete the old versions of a function, oldest first. Raises ActionError.

    ``client`` is boto3's of "lambda".
    """
    deleted: list[str] = []
    try:
        versions = {
            each["Version"]
            for page in client.get_paginator("list_versions_by_function").paginate(
                FunctionName=function
            )
            for each in page["Versions"]
        }
        chosen = choose(versions - {"$LATEST"}, _aliased(client, function), answered, keep)
        for version in chosen.deleted:
            client.delete_function(FunctionName=function, Qualifier=version)
            deleted.append(version)
    except (ClientError, BotoCoreError) as error:
        done = f"versions {', '.join(deleted)}" if deleted else "no version"
        raise ActionError(
            f"{done} of function {function} deleted, then: {sentence(error)}"
        ) from error
    return chosen


def _aliased(client: Any, function: str) -> set[str]:
    named: set[str] = set()
    for page in client.get_paginator("list_aliases").paginate(FunctionName=function):
        for alias in page["Aliases"]:
            version, weights = routing_of(alias)
            named |= {version, *weights}
    return named
