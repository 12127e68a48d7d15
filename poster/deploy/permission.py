"""What lets API Gateway invoke an alias: statements of the alias's own policy. Pure.

https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from poster.deploy.release import DeployError

Permission = dict[str, Any]  # of AddPermission, without function and qualifier

_GATEWAY = "apigateway.amazonaws.com"
# The conditions that AddPermission makes, by its parameter.
_CONDITIONS = {
    ("ArnLike", "AWS:SourceArn"): "SourceArn",
    ("StringEquals", "AWS:SourceAccount"): "SourceAccount",
}


def gateway_permissions(policy: Mapping[str, Any]) -> list[Permission]:
    """Return what AddPermission must be told to make API Gateway's statements again.

    Raises DeployError for a condition that it could not make.
    """
    return [
        _permission(each)
        for each in policy["Statement"]
        if each["Principal"] == {"Service": _GATEWAY}
    ]


def _permission(statement: Mapping[str, Any]) -> Permission:
    permission = {
        "StatementId": statement["Sid"],
        "Action": statement["Action"],
        "Principal": _GATEWAY,
    }
    for operator, compared in statement.get("Condition", {}).items():
        for key, value in compared.items():
            if (operator, key) not in _CONDITIONS:
                raise DeployError(
                    f"the permission {statement['Sid']} has a condition, {operator} {key}, that"
                    " could not be given back: nothing was taken away"
                )
            permission[_CONDITIONS[operator, key]] = value
    return permission
