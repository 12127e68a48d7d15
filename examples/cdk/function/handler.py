"""Answers which version this is."""

from __future__ import annotations

import os
from typing import Any


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer any call of the Function URL."""
    print(event["rawPath"])
    return {
        "statusCode": 200,
        "headers": {"X-Version": os.environ["AWS_LAMBDA_FUNCTION_VERSION"]},
        "body": "[]",
    }
