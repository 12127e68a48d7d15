"""What the worker wrote down of each message, and what the dead-letter queue holds. Pure.

The worker's item is the answer to a message: every attempt, and the one effect. Dead letters come
in the shape of the service that gave up: the message itself, the event that held it, or, of a
shard, only where it was.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

_MESSAGE_ID = re.compile(r"t\d{2}-\d{4,}")  # as poster.calls.request.todo_id makes them


@dataclasses.dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a message."""

    at_ms: int  # the worker's clock
    marker: str
    lane: str  # the shard; empty where the source keeps no order
    sequence: str


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """What became of one message."""

    message_id: str
    attempts: tuple[Attempt, ...]
    effects: int  # 1 once it is processed; never more, if the worker is right
    repeats: int  # how often it came again after that
    processed_at_ms: int | None
    marker: str | None
    function_version: str | None
    instance_id: str | None
    request_id: str | None

    @property
    def lane(self) -> str:
        """Return what kept the message's order."""
        return self.attempts[0].lane if self.attempts else ""

    def rows(self) -> list[dict[str, Any]]:
        """Return the store's rows as ``rows.jsonl`` has them: one for each effect."""
        row = {
            "todoId": self.message_id,
            "createdAt": self.processed_at_ms,
            "lambda": self.marker,
            "functionVersion": self.function_version,
            "instanceId": self.instance_id,
            "requestId": self.request_id,
        }
        return [row] * self.effects


def record_in(item: Mapping[str, Any]) -> Record:
    """Return the record in an item of the worker's table, given as plain values."""
    return Record(
        message_id=item["messageId"],
        attempts=tuple(
            Attempt(each["at"], each["marker"], each["lane"], each["sequence"])
            for each in item.get("attempts", [])
        ),
        effects=item.get("effects", 0),
        repeats=item.get("repeats", 0),
        processed_at_ms=item.get("processedAt"),
        marker=item.get("marker"),
        function_version=item.get("functionVersion"),
        instance_id=item.get("instanceId"),
        request_id=item.get("requestId"),
    )


def dead_in(letters: Iterable[str], records: Iterable[Record]) -> set[str]:
    """Return the ids of the messages in the dead letters.

    A shard's letter names sequence numbers, which the worker wrote down with its attempts.
    """
    found: set[str] = set()
    ranges = []
    for letter in letters:
        place = _place_in(letter)
        if place is None:
            found |= set(_MESSAGE_ID.findall(letter))
        else:
            ranges.append(place)
    for record in records:
        for attempt in record.attempts:
            if attempt.sequence and any(
                first <= int(attempt.sequence) <= last for first, last in ranges
            ):
                found.add(record.message_id)
    return found


def _place_in(letter: str) -> tuple[int, int] | None:
    try:
        said = json.loads(letter)
        info = said.get("KinesisBatchInfo") or said.get("DDBStreamBatchInfo")
        return int(info["startSequenceNumber"]), int(info["endSequenceNumber"])
    except (ValueError, AttributeError, TypeError, KeyError):
        return None
