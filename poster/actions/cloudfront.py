"""Purges a CloudFront distribution: from now on it asks the origin again.

Done too early, the origin's old answer is cached again, for as long as the cache's time to live.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import BotoCoreError

from poster.actions.errors import ActionError
from poster.aws.errors import AwsError, NoPermissionError, UnknownCallerError, told

# botocore's waiter looks every 20 s, 30 times; small purges take some seconds.
_WAITER = {"Delay": 5, "MaxAttempts": 120}


@dataclasses.dataclass(frozen=True, slots=True)
class Purge:
    """An invalidation that was made."""

    distribution: str
    invalidation: str
    paths: tuple[str, ...]
    created_ms: int  # CloudFront's clock, ms since the epoch
    is_complete: bool


def require_distribution(client: Any, distribution: str) -> None:
    """Raise NotThereError where there is no such distribution, and what else AWS refuses.

    Who may purge need not be allowed to read: that alone is no reason to stop.
    """
    try:
        with told():
            client.get_distribution(Id=distribution)
    except UnknownCallerError:  # who may read nothing may not purge either
        raise
    except NoPermissionError:
        return


def purge(
    client: Any, distribution: str, paths: Sequence[str], reference: str, wait: bool
) -> Purge:
    """Invalidate the paths and, if asked, wait until all edges have done it.

    ``client`` is boto3's of "cloudfront". ``reference`` names this purge: CloudFront answers a
    repeated one with the invalidation that it made the first time. Raises ActionError.
    """
    try:
        with told():
            made = client.create_invalidation(
                DistributionId=distribution,
                InvalidationBatch={
                    "Paths": {"Quantity": len(paths), "Items": list(paths)},
                    "CallerReference": reference,
                },
            )["Invalidation"]
        if wait and made["Status"] != "Completed":
            client.get_waiter("invalidation_completed").wait(
                DistributionId=distribution, Id=made["Id"], WaiterConfig=_WAITER
            )
    except BotoCoreError as error:
        raise ActionError(
            f"invalidation {made['Id']} of distribution {distribution} was made, but is not"
            f" complete: {error}"
        ) from error
    except AwsError as error:
        raise ActionError(f"distribution {distribution} was not purged: {error}") from error
    return Purge(
        distribution,
        made["Id"],
        tuple(paths),
        created_ms=round(made["CreateTime"].timestamp() * 1000),
        is_complete=wait or made["Status"] == "Completed",
    )
