"""A DynamoDB client in memory that knows one call: the conditional PutItem of ``app.DynamoTable``.

It raises what botocore raises, so it stands where the real client stands and nothing is patched.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

Item = dict[str, dict[str, str]]


class FakeDynamoDB:
    """One table with the hash key todoId; ``fails_with`` are the errors of the coming calls."""

    def __init__(self, *fails_with: Exception) -> None:
        self.items: dict[str, Item] = {}
        self.fails_with = list(fails_with)

    def put_item(
        self,
        *,
        TableName: str,
        Item: Item,
        ConditionExpression: str,
        ReturnValuesOnConditionCheckFailure: str,
    ) -> dict[str, Any]:
        assert TableName == "todos"
        assert ConditionExpression == "attribute_not_exists(todoId)"
        if self.fails_with:
            raise self.fails_with.pop(0)
        key = Item["todoId"]["S"]
        if key not in self.items:
            self.items[key] = Item
            return {}
        response: dict[str, Any] = {"Error": {"Code": "ConditionalCheckFailedException"}}
        if ReturnValuesOnConditionCheckFailure == "ALL_OLD":
            response["Item"] = self.items[key]
        raise ClientError(response, "PutItem")
