"""The Lambda function behind POST /todo: proxy event in, row into the table, answer out.

This is the edge. Client and configuration are made once, when an execution environment starts,
and handed to the handler; what a todo is and what to answer is decided in ``todo``.

Invariant: every call gets an answer and leaves one line in the log. Nothing a caller sends makes
a 5xx; a failing table is a 500 whose cause is in the log and nowhere else.
"""

from __future__ import annotations

import base64
import json
import os
import time
from typing import TYPE_CHECKING, Any, Protocol

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from release import MARKER
from todo import Rejected, Row, Served, answer, parse, row_of, who

if TYPE_CHECKING:
    from collections.abc import Callable

    Handler = Callable[[Any, Any], dict[str, Any]]

HEADERS = {"Content-Type": "application/json", "Cache-Control": "no-store"}
PROBE_HEADER = "x-poster-probe"  # asks who answers; the body is not read and nothing is written


class StoreError(Exception):
    """The table gave no usable answer; the text says why, for the log only."""


class Table(Protocol):
    """Where rows go."""

    def put_if_absent(self, row: Row) -> str | None:
        """Write the row and return None, or return the title under an id that is taken.

        Raises StoreError.
        """


class DynamoTable:
    """A DynamoDB table with the hash key todoId."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name

    def put_if_absent(self, row: Row) -> str | None:
        """Write the row and return None, or return the title under an id that is taken.

        One conditional PutItem, and no read: the row that stands in the way comes back with the
        refusal. No AWS document found asks for GetItem here: what a write returns belongs
        to the write's own permission (DynamoDB Developer Guide, "Using IAM policy conditions for
        fine-grained access control": dynamodb:ReturnValues narrows it on the write action).

        Race: the client may repeat a put whose answer was lost. The second try then meets our own
        row, finds our own title, and the call is answered as the success it was.
        """
        try:
            self._client.put_item(
                TableName=self._name,
                Item={
                    name: {"N": str(value)} if isinstance(value, int) else {"S": value}
                    for name, value in row.items()
                },
                ConditionExpression="attribute_not_exists(todoId)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            taken_by: Any = error.response.get("Item")
            if taken_by is None:
                raise StoreError(f"{type(error).__name__}: {error}") from error
            return str(taken_by.get("title", {}).get("S", ""))
        except BotoCoreError as error:  # no connection, no credentials, a time-out
            raise StoreError(f"{type(error).__name__}: {error}") from error
        return None


def make_handler(
    table: Table, marker: str, config_marker: str, now_ms: Callable[[], int]
) -> Handler:
    """Return the handler of one execution environment; its first call is the cold start."""
    cold_start = True

    def handler(event: Any, context: Any) -> dict[str, Any]:
        nonlocal cold_start
        served = Served(
            marker=marker,
            config_marker=config_marker,
            function_version=context.function_version,
            instance_id=context.log_stream_name,
            cold_start=cold_start,
            created_at_ms=now_ms(),
            request_id=context.aws_request_id,
        )
        cold_start = False
        cause = {}
        try:
            if _is_probe(event):
                status, body = 200, {"message": "probe", **who(served)}
            else:
                todo = parse(_body(event))
                title_in_table = table.put_if_absent(row_of(todo, served))
                status, body = 200, answer(todo, title_in_table, served)
        except Rejected as rejection:
            status, body = rejection.status, {"message": str(rejection)}
        except StoreError as error:
            status, body, cause = 500, {"message": "ng"}, {"error": str(error)}
        level = "ERROR" if cause else "INFO"
        print(json.dumps({"level": level, "status": status, **who(served), **body, **cause}))
        return {"statusCode": status, "headers": HEADERS, "body": json.dumps(body)}

    return handler


def _is_probe(event: Any) -> bool:
    headers = event.get("headers") if isinstance(event, dict) else None
    # API Gateway keeps the case in which the caller wrote a name.
    return isinstance(headers, dict) and PROBE_HEADER in map(str.lower, headers)


def _body(event: Any) -> bytes:
    body = event.get("body") if isinstance(event, dict) else None
    if body is None or body == "":
        raise Rejected(400, "body is missing")
    if not isinstance(body, str):
        raise Rejected(400, "body is not text")
    try:
        if event.get("isBase64Encoded"):
            return base64.b64decode(body, validate=True)
        return body.encode()
    except ValueError:
        encoding = "base64" if event.get("isBase64Encoded") else "UTF-8"
        raise Rejected(400, f"body is not {encoding}") from None


def _dynamodb_client() -> Any:
    session = botocore.session.get_session()
    # Lambda gives credentials in the environment. Without any, the next place to look would be
    # the network, and a start outside Lambda would hang on it.
    session.get_component("credential_provider").remove("iam-role")
    return session.create_client(
        "dynamodb",
        # Always set in Lambda. Elsewhere there is no table, so any region will do.
        region_name=os.environ.get("AWS_REGION", "us-east-1"),
        # Three tries with their waits end within 9 s: a dead table is our 500, logged with its
        # cause, and not Lambda's time-out.
        config=Config(
            connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 3}
        ),
    )


lambda_handler = make_handler(
    DynamoTable(_dynamodb_client(), os.environ.get("TABLE_NAME", "")),
    marker=MARKER,
    config_marker=os.environ.get("CONFIG_MARKER", ""),
    now_ms=lambda: time.time_ns() // 1_000_000,
)
