"""A boto3 client made inside the handler, at every call."""

import boto3


def lambda_handler(event: dict[str, str], context: object) -> dict[str, bool]:
    """Write once."""
    client = boto3.client("dynamodb")
    client.put_item(TableName="todos", Item={"todoId": {"S": event["todoId"]}})
    return {"ok": True}
