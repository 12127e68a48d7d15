"""POST /orders: answers who served the call, in the names that poster reads."""

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
    }
    is_cold = False
    print(json.dumps(served))
    return {"statusCode": 200, "body": json.dumps(served)}
