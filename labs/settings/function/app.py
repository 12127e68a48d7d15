"""Answers who served the call, after some work; its init takes a while, and may fail.

The seconds are slept: they stand for imports and for a store, and cost the machine nothing. A REST
API, an HTTP API and a Function URL say ``requestContext`` and take a response with a status; a
direct Invoke has an event of its caller's own and takes anything.
"""

from __future__ import annotations

import json
import time
from typing import Any

from release import MARKER

INIT_S = 0.4
WORK_S = 0.05

time.sleep(INIT_S)
if MARKER == "broken":
    raise RuntimeError("the init of this release fails")

is_first = True


def lambda_handler(event: Any, context: Any) -> dict[str, Any]:
    """Answer, and leave one line in the log."""
    global is_first
    time.sleep(WORK_S)
    served = {
        "message": "ok",
        "marker": MARKER,
        "functionVersion": context.function_version,
        "instanceId": context.log_stream_name,
        "coldStart": is_first,  # its first call: whether that met the init, its latency says
        "createdAt": time.time_ns() // 1_000_000,
    }
    is_first = False
    print(json.dumps(served))
    if not isinstance(event, dict) or "requestContext" not in event:
        return served
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps(served),
    }
