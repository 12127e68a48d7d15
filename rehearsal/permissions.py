"""``python -m rehearsal.permissions``: the recorded calls as permissions, in docs/permissions.md.

A *recording* is which operations each command called, on what. It is made by the tests of the AWS
path (``make permissions``), which also hold it: a call that is not in it fails them. What stands on
the page is derived from it and from nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rehearsal.calls import EXECUTE_API, Call

RECORDING = Path(__file__).with_name("recorded_calls.json")
PAGE = Path(__file__).parents[1] / "docs" / "permissions.md"

Permission = tuple[str, str]  # an action of IAM's and the resource that it is for
Recorded = dict[str, list[list[str]]]  # permissions by command

# Where an operation is not called by the name of its action (Service Authorization Reference).
_ACTION_OF = {
    ("lambda", "Invoke"): "lambda:InvokeFunction",
    ("s3", "HeadObject"): "s3:GetObject",
    ("s3", "HeadBucket"): "s3:ListBucket",
    ("s3", "ListObjectsV2"): "s3:ListBucket",
}
# How the resource of a call is named: the parameter that names it (or it is just Id), and its ARN.
_RESOURCES = {
    "lambda": ("FunctionName", "arn:aws:lambda:*:*:function:{}"),
    "cloudformation": ("StackName", "arn:aws:cloudformation:*:*:stack/{}/*"),
    "dynamodb": ("TableName", "arn:aws:dynamodb:*:*:table/{}"),
    "logs": ("logGroupName", "arn:aws:logs:*:*:log-group:{}:*"),
    "cloudfront": ("DistributionId", "arn:aws:cloudfront::*:distribution/{}"),
    "s3": ("Bucket", "arn:aws:s3:::{}/*"),
}
# Actions that know no resource, whatever the call names (Service Authorization Reference).
_NO_RESOURCE = {"lambda:ListEventSourceMappings"}
_NEEDS_NONE = {"sts:GetCallerIdentity"}  # it cannot be denied
_SERVERLESS = "arn:aws:cloudformation:*:aws:transform/Serverless-2016-10-31"
# Names that differ from run to run or from account to account.
_VARIES = re.compile(r"(/?todo-sample-|lab-|aws-sam-cli-managed-default-|E(?=[0-9A-Z]{6,}$)).+")


def permissions_of(calls: Iterable[tuple[str, Call]]) -> Recorded:
    """Return what each command's calls need, sorted; calls of the API itself need nothing."""
    found: dict[str, set[Permission]] = {}
    for command, call in calls:
        of_command = found.setdefault(command, set())
        if call.service != EXECUTE_API:
            of_command |= set(_needed(call))
    return {command: sorted(map(list, found[command])) for command in sorted(found)}


def _needed(call: Call) -> list[Permission]:
    action = _ACTION_OF.get((call.service, call.operation), f"{call.service}:{call.operation}")
    parameter, arn = _RESOURCES.get(call.service, ("", "*"))
    name = call.names.get(parameter) or call.names.get("Id")
    if action in _NO_RESOURCE:
        return [(action, "*")]
    needed = [(action, arn.format(_narrowed(name)) if name else "*")]
    if call.operation == "CreateChangeSet":
        needed.append((action, _SERVERLESS))
    return needed


def _narrowed(name: str) -> str:
    """Return the name, or the name in an ARN, with ``*`` for what varies."""
    if name.startswith("arn:"):
        name = re.split(r"[:/]", name)[6]
    found = _VARIES.fullmatch(name)
    return f"{found[1].rstrip('E')}*" if found else name


def policy(permissions: Iterable[Permission]) -> dict[str, Any]:
    """Return the smallest policy of IAM's that allows this: one statement for each resource."""
    actions: dict[str, set[str]] = {}
    for action, resource in permissions:
        if action not in _NEEDS_NONE:
            actions.setdefault(resource, set()).add(action)
    statements = [
        {"Effect": "Allow", "Action": sorted(actions[resource]), "Resource": resource}
        for resource in sorted(actions)
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def page(recorded: Mapping[str, Any]) -> str:
    """Return docs/permissions.md."""
    commands: Recorded = recorded["commands"]
    users: dict[Permission, list[str]] = {}
    for command, permissions in commands.items():
        for action, resource in permissions:
            users.setdefault((action, resource), []).append(command)
    rows = [
        f"| {action} | `{resource}` | {_who(users[action, resource], commands)} |"
        for action, resource in sorted(users)
    ]
    types = [f"- `{each}`" for each in recorded["resource_types"]]
    parts = [_HEAD, *rows, _CLOUDFORMATION, *types, _POLICIES]
    for command, permissions in commands.items():
        parts.append(f"\n### {command}\n\n{_policy_text(permissions)}")
    return "\n".join(parts) + "\n"


def _who(users: list[str], commands: Recorded) -> str:
    return "all" if len(users) == len(commands) else "; ".join(users)


def _policy_text(permissions: list[list[str]]) -> str:
    allowed = policy((action, resource) for action, resource in permissions)
    if not allowed["Statement"]:
        return "Needs no permission."
    return f"```json\n{json.dumps(allowed, indent=2)}\n```"


_HEAD = """\
# Permissions

Recorded, not remembered: these are the calls that passed when the commands ran against AWS's own
host names on one machine (`make rehearse`), and nothing else. `make permissions` writes this page
anew; the rehearsal fails when a command makes a call that is not on it.

Stacks, tables and functions are called `todo-sample-NUMBER...`, SAM's own bucket
`aws-sam-cli-managed-default-...`: that is what the patterns stand for. `*` for region and account
can be narrowed to yours. The API is public unless the template says otherwise: calling it needs no
permission, and `execute-api:Invoke` where calls are signed. The partition is `aws`; elsewhere it is
`aws-cn` or `aws-us-gov`. `sts:GetCallerIdentity` is called too and cannot be denied.

## What is called

| action | resource | by |
| --- | --- | --- |"""

_CLOUDFORMATION = """
## What CloudFormation does for `sam deploy`

It makes, changes and removes the stacks' resources with the caller's permissions, or with those of
a service role (`role_arn` in samconfig.toml, and `iam:PassRole` for it). Those calls are made
inside AWS, so no recording of ours can hold them. CloudFormation itself lists them for each type,
under `handlers` in the schema that
`aws cloudformation describe-type --type RESOURCE --type-name TYPE` prints. The types in our stack
and in SAM's own:
"""

_POLICIES = """
## A policy for each command"""


def main() -> None:
    """Write the page from the committed recording."""
    PAGE.write_text(page(json.loads(RECORDING.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
