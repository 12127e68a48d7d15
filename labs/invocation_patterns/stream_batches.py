"""How Lambda hands a shard's records to a function, failure by failure. Pure.

The rules that AWS documents for Kinesis and DynamoDB event source mappings: a shard goes on only
when a batch is done or given up. A function's error cuts the batch in two (bisect), which uses up
no retry; a partial answer moves the checkpoint to the first record that is not done; otherwise the
batch is tried again, as often as the mapping allows, and then discarded to the destination.

Invariant: every record is handed over at least once, and in order within its shard.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

Batch = Sequence[Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Mapping:
    """What an event source mapping sets."""

    max_retries: int
    bisects: bool


def deliver(
    records: Batch,
    mapping: Mapping,
    invoke: Callable[[Batch], int | None],
    discard: Callable[[Batch, int], None],
    pause: Callable[[int], object],
) -> None:
    """Hand over the records until each is done or discarded.

    ``invoke`` returns how many from the front are done, or None when the function failed.
    ``discard`` is given a batch and how often it was tried, ``pause`` the number of the retry that
    it comes before.
    """
    waiting = [records]
    while waiting:
        batch = waiting.pop(0)
        retries = 0
        while batch:
            done = invoke(batch)
            if done is None and mapping.bisects and len(batch) > 1:
                half = len(batch) // 2
                waiting.insert(0, batch[half:])
                batch, retries = batch[:half], 0
            elif done:
                batch, retries = batch[done:], 0
            elif retries == mapping.max_retries:
                discard(batch, retries + 1)
                break
            else:
                retries += 1
                pause(retries)


def done_in(answer: Any, identifiers: Sequence[str]) -> int:
    """Return how many records from the front a function's answer calls done.

    An answer without failures, whatever else it holds, is a success; one that names a record that
    was not in the batch is a failure of all.
    """
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    if not failures:
        return len(identifiers)
    places = [
        identifiers.index(failure["itemIdentifier"])
        for failure in failures
        if isinstance(failure, dict) and failure.get("itemIdentifier") in identifiers
    ]
    return min(places) if len(places) == len(failures) else 0
