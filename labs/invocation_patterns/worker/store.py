"""The worker's record: one item per message, with every attempt and the one effect.

The effect is a conditional write: the first attempt that gets so far makes it, and any later one
finds it made. Effect and proof of the effect are the same write, so nothing can come between them;
``effects`` counts how often it was made, and would count a second time too.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from botocore.exceptions import ClientError
from messages import Message


@dataclass(frozen=True, slots=True)
class Served:
    """Who works on a message; names as in the item."""

    marker: str
    functionVersion: str
    instanceId: str
    requestId: str


class Store:
    """A DynamoDB table with the hash key messageId."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def begin(self, source: str, message: Message, served: Served, now_ms: int) -> int:
        """Record an attempt and return its number: 1 for the first."""
        attempt = {
            **{name: {"S": value} for name, value in asdict(served).items()},
            "at": {"N": str(now_ms)},
            "lane": {"S": message.lane},
            "sequence": {"S": message.sequence},
        }
        answer = self._client.update_item(
            TableName=self._table,
            Key={"messageId": {"S": message.message_id}},
            UpdateExpression=(
                "SET #source = :source, kind = :kind,"
                " attempts = list_append(if_not_exists(attempts, :none), :attempt)"
            ),
            ExpressionAttributeNames={"#source": "source"},
            ExpressionAttributeValues={
                ":source": {"S": source},
                ":kind": {"S": message.kind},
                ":none": {"L": []},
                ":attempt": {"L": [{"M": attempt}]},
            },
            ReturnValues="UPDATED_NEW",
        )
        return len(answer["Attributes"]["attempts"]["L"])

    def finish(self, message: Message, served: Served, attempt: int, now_ms: int) -> bool:
        """Make the effect, unless it has been made; return whether this call made it."""
        values = {name: {"S": value} for name, value in asdict(served).items()}
        values |= {"attempt": {"N": str(attempt)}, "processedAt": {"N": str(now_ms)}}
        try:
            self._client.update_item(
                TableName=self._table,
                Key={"messageId": {"S": message.message_id}},
                UpdateExpression="SET "
                + ", ".join(f"{name} = :{name}" for name in values)
                + " ADD effects :one",
                ConditionExpression="attribute_not_exists(effects)",
                ExpressionAttributeValues={
                    ":one": {"N": "1"},
                    **{f":{name}": value for name, value in values.items()},
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            self._count_repeat(message)
            return False
        return True

    def _count_repeat(self, message: Message) -> None:
        self._client.update_item(
            TableName=self._table,
            Key={"messageId": {"S": message.message_id}},
            UpdateExpression="ADD repeats :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
