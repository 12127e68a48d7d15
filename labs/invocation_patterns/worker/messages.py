"""What was sent, whichever way it came, and what becomes of it.

The core of the worker: no AWS, no clock, no environment. A *message* has an id and a kind: *good*
ones work, *flaky* ones fail at their first attempt, *poison* always fails. A *lane* is what its
source keeps in order (a shard), and the sequence is the message's place in it.

Invariant: ``in_order`` never starts a message of a lane before those in front of it are done, or
before their source has been told that they are not.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

KINDS = ("good", "flaky", "poison")


class MessageFailed(Exception):
    """The message could not be processed this time."""


class Unreadable(ValueError):
    """The event holds no message; its text is one sentence."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message."""

    message_id: str
    kind: str
    lane: str = ""
    sequence: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """A message and the name by which its source takes it back."""

    identifier: str
    message: Message


@dataclass(frozen=True, slots=True)
class Batch:
    """What one invocation brings; ``source`` is the pattern."""

    source: str
    items: list[Item]


def batch_in(event: Any) -> Batch:
    """Return the messages in an event of any of the sources. Raises Unreadable."""
    if not isinstance(event, dict):
        raise Unreadable("the event is no object")
    if "httpMethod" in event:
        return Batch("api", [Item("", _from_json(event.get("body") or ""))])
    records = event.get("Records")
    if records is None:
        return Batch("event", [Item("", _from(event))])
    try:
        source = str(records[0].get("eventSource") or records[0]["EventSource"])
        read = _READERS[source]
        return Batch(source.partition(":")[2], [read(record) for record in records])
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise Unreadable(f"the records are of no known source: {error!r}") from None


def must_fail(kind: str, attempt: int) -> bool:
    """Return whether an attempt (1, 2, ...) at a message of that kind is to fail."""
    return kind == "poison" or (kind == "flaky" and attempt == 1)


def in_order(items: list[Item], process: Callable[[Item], None]) -> dict[str, Any]:
    """Process a shard's items one by one, and return where to go on from.

    What failed is named, and nothing behind it has been touched: the shard goes on from there. At
    the head of a longer batch a failure is raised instead, so that the batch is cut in two until
    the failing item is alone: only then is it given up by itself, without its neighbours.
    """
    for place, item in enumerate(items):
        try:
            process(item)
        except Exception:
            if place == 0 and len(items) > 1:
                raise
            return {"batchItemFailures": [{"itemIdentifier": item.identifier}]}
    return {"batchItemFailures": []}


def _from_sns(record: dict[str, Any]) -> Item:
    return Item("", _from_json(record["Sns"]["Message"]))


def _from_s3(record: dict[str, Any]) -> Item:
    # The key says it all, so the object need not be read: KIND/ID.
    kind, _, message_id = record["s3"]["object"]["key"].partition("/")
    return Item("", _from({"messageId": message_id, "kind": kind}))


def _from_kinesis(record: dict[str, Any]) -> Item:
    shard, _, _ = record["eventID"].partition(":")
    sequence = record["kinesis"]["sequenceNumber"]
    text = base64.b64decode(record["kinesis"]["data"]).decode()
    return Item(sequence, _from_json(text, shard, sequence))


def _from_dynamodb(record: dict[str, Any]) -> Item:
    image = record["dynamodb"]["NewImage"]
    sequence = record["dynamodb"]["SequenceNumber"]
    said = {name: image[name]["S"] for name in ("messageId", "kind")}
    # The event does not name the shard. A table as small as this one has one.
    return Item(sequence, _from(said, "table", sequence))


def _from_sqs(record: dict[str, Any]) -> Item:
    return Item(record["messageId"], _from_json(record["body"]))


_READERS: dict[str, Callable[[dict[str, Any]], Item]] = {
    "aws:sns": _from_sns,
    "aws:s3": _from_s3,
    "aws:kinesis": _from_kinesis,
    "aws:dynamodb": _from_dynamodb,
    "aws:sqs": _from_sqs,
}


def _from_json(text: str, lane: str = "", sequence: str = "") -> Message:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        raise Unreadable("the message is not JSON") from None
    return _from(said, lane, sequence)


def _from(said: Any, lane: str = "", sequence: str = "") -> Message:
    message_id = said.get("messageId") if isinstance(said, dict) else None
    if not isinstance(message_id, str) or not message_id:
        raise Unreadable("messageId is missing")
    if said.get("kind") not in KINDS:
        raise Unreadable(f"kind is not one of {', '.join(KINDS)}")
    return Message(message_id, said["kind"], lane, sequence)
