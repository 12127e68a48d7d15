"""The published experiment's handler doing what hello_world does, written the way most are.

One module, ``boto3.resource`` at its top, the condition from ``boto3.dynamodb``: for
``bench.handler`` only.
"""

import json
import os
import time

import boto3
from boto3.dynamodb.conditions import Attr
from botocore.exceptions import ClientError

dynamodb = boto3.resource("dynamodb")
table = dynamodb.Table(os.environ["TABLE_NAME"])


def lambda_handler(event, context):
    """Write the todo unless its id is taken, and say ok, or ng."""
    try:
        todo = json.loads(event["body"])
        item = {
            "todoId": todo["todoId"],
            "title": todo["title"],
            "createdAt": int(time.time() * 1000),
            "lambda": "aaa",
            "configMarker": os.environ.get("CONFIG_MARKER", ""),
            "functionVersion": context.function_version,
            "instanceId": context.log_stream_name,
            "requestId": context.aws_request_id,
        }
        table.put_item(Item=item, ConditionExpression=Attr("todoId").not_exists())
        answer = {"message": "ok", "marker": item["lambda"], **item}
        status = 200
    except ClientError as error:
        answer = {"message": "ng", "error": str(error)}
        status = 500
    print(json.dumps(answer))
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps(answer),
    }
