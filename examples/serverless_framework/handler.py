"""Answers which release this is: its version and, for `$LATEST`, a text that the build leaves."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

RELEASE = Path(__file__).with_name("release.txt").read_text(encoding="utf-8").strip()


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer GET /orders."""
    print(event["rawPath"])
    return {
        "statusCode": 200,
        "headers": {
            "X-Version": os.environ["AWS_LAMBDA_FUNCTION_VERSION"],
            "X-Release": RELEASE,
        },
        "body": "[]",
    }
