"""Answers who served the call, whichever door it came through.

REST API (payload format 1.0), HTTP API and Function URL (2.0) and ALB say ``requestContext`` and
take a response with a status; a direct Invoke has an event of its caller's own and takes anything.
"""

from __future__ import annotations

import json
import time
from typing import Any

from release import MARKER

is_cold = True


def lambda_handler(event: Any, context: Any) -> dict[str, Any]:
    """Answer, and leave one line in the log."""
    global is_cold
    served = {
        "message": "ok",
        "marker": MARKER,
        "functionVersion": context.function_version,
        "instanceId": context.log_stream_name,
        "coldStart": is_cold,
        "createdAt": time.time_ns() // 1_000_000,
        "door": door_of(event),
    }
    is_cold = False
    print(json.dumps(served))
    if served["door"] == "invoke":
        return served
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps(served),
        "isBase64Encoded": False,  # an ALB answers 502 without it
    }


def door_of(event: Any) -> str:
    """Return through which door the call came."""
    context = event.get("requestContext") if isinstance(event, dict) else None
    if not isinstance(context, dict):
        return "invoke"
    if "elb" in context:
        return "alb"
    if event.get("version") != "2.0":
        return "rest-api"
    return "function-url" if ".lambda-url." in context.get("domainName", "") else "http-api"
