"""Does a policy of Lambda's let a service invoke the function? Pure.

An alias has a policy of its own: what the function's allows says nothing of it. Conditions, such as
the API that a permission is for, are not looked at.
https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_INVOKE = {"lambda:InvokeFunction", "lambda:*", "*"}


def lets_invoke(policy: Mapping[str, Any] | None, service: str) -> bool:
    """Return whether a statement allows it; no policy allows nothing."""
    statements = policy["Statement"] if policy is not None else []
    return any(
        each["Effect"] == "Allow"
        and each["Principal"] in ("*", {"Service": service})
        and each["Action"] in _INVOKE
        for each in statements
    )
