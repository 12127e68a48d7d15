"""The worker behind all sources: one function, one alias, seven ways to call it.

What a failure means differs by the way: a caller is told (api), Lambda tries again (event, sns,
s3), the shard goes back to it (kinesis, dynamodb), or it stays in the queue (sqs). So each way has
its own answer here; what a message is and when it fails is decided in ``messages``.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

import botocore.session
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from botocore.config import Config
from messages import Batch, Item, MessageFailed, Unreadable, batch_in, in_order, must_fail
from release import MARKER
from store import Served, Store

logger = Logger(service="worker")
store = Store(
    # Without boto3, which would double the time that a new environment takes to start.
    botocore.session.get_session().create_client(
        "dynamodb",
        region_name=os.environ.get("AWS_REGION", "us-east-1"),
        # Within the function's 10 s: a dead table is an error of ours, not Lambda's time-out.
        config=Config(connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 2}),
    ),
    os.environ.get("TABLE_NAME", ""),
)
# A queue whose whole batch failed is told so item by item, as if part of it had.
queue = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
is_cold = True


@logger.inject_lambda_context
def lambda_handler(event: Any, context: Any) -> Any:
    """Process what the event brings, and answer as its source expects."""
    global is_cold
    served = Served(
        MARKER, context.function_version, context.log_stream_name, context.aws_request_id
    )
    was_cold, is_cold = is_cold, False
    try:
        batch = batch_in(event)
    except Unreadable as error:
        if isinstance(event, dict) and "httpMethod" in event:
            return _http(400, {"message": str(error)})
        raise

    def process(item: Item) -> None:
        _process(batch.source, item, served)

    if batch.source == "api":
        return _answered(batch, process, {**_who(served), "coldStart": was_cold})
    if batch.source in ("kinesis", "dynamodb"):
        return in_order(batch.items, process)
    if batch.source == "sqs":
        return process_partial_response(
            event=event,
            record_handler=lambda record: process(
                batch_in({"Records": [record.raw_event]}).items[0]
            ),
            processor=queue,
            context=context,
        )
    for item in batch.items:
        process(item)
    return None


def _process(source: str, item: Item, served: Served) -> None:
    message = item.message
    attempt = store.begin(source, message, served, _now_ms())
    told = {"message_id": message.message_id, "source": source, "attempt": attempt}
    if must_fail(message.kind, attempt):
        logger.error("failed", extra=told)
        raise MessageFailed(f"{message.kind} message {message.message_id}, attempt {attempt}")
    is_first = store.finish(message, served, attempt, _now_ms())
    logger.info("processed" if is_first else "was processed before", extra=told)


def _answered(batch: Batch, process: Any, who: dict[str, Any]) -> dict[str, Any]:
    try:
        process(batch.items[0])
    except MessageFailed as error:
        return _http(500, {"message": str(error), **who})
    return _http(200, {"message": "ok", **who})


def _who(served: Served) -> dict[str, Any]:
    return {
        "marker": served.marker,
        "functionVersion": served.functionVersion,
        "instanceId": served.instanceId,
        "createdAt": _now_ms(),
    }


def _http(status: int, body: dict[str, Any]) -> dict[str, Any]:
    return {"statusCode": status, "body": json.dumps(body)}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
