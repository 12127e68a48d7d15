"""What can be known of an account before a run in it: each finding is good, a remark or a fault.

A *fault* has its mend in the sentence and keeps a run from starting; a *remark* does not.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal

from poster.aws.errors import AwsError, told
from poster.aws.stack import Stack
from poster.aws.target import AwsTarget

if TYPE_CHECKING:
    from types_boto3_iam import IAMClient
    from types_boto3_lambda import LambdaClient

_DEPLOYABLE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"}
NOTHING_YET = {"REVIEW_IN_PROGRESS", None}  # an abandoned change set made a stack of nothing
ENOUGH_CONCURRENCY = 100  # for callers, 25 probes in flight, and both versions at once
# The calls without which no run begins; docs/permissions.md has all of them.
ACTIONS = (
    *("cloudformation:CreateChangeSet", "cloudformation:DescribeStacks", "s3:PutObject"),
    *("iam:CreateRole", "iam:PassRole", "lambda:CreateFunction", "lambda:PublishVersion"),
    *("lambda:UpdateAlias", "apigateway:POST", "dynamodb:CreateTable", "dynamodb:Scan"),
    *("logs:CreateLogGroup", "logs:DescribeLogStreams"),
)

Grade = Literal["ok", "note", "fault"]


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    grade: Grade
    said: str


def findings(target: AwsTarget, stack_name: str, hours: float) -> Iterator[Finding]:
    """Look at the account for a run of that stack that takes that long; reads only."""
    try:
        identity = target.identity()
    except AwsError as error:
        yield Finding("identity", "fault", f"{error}")
        return  # everything else would fail for the same reason
    yield Finding("identity", "ok", f"{identity.arn} in account {identity.account}")
    yield Finding("region", "ok", target.region)
    yield lasting(target.credentials_expire_at(), hours, datetime.datetime.now(datetime.UTC))
    yield from _looked("concurrency", lambda: _concurrency(target))
    yield from _looked("permissions", lambda: _permissions(target, identity.arn))
    yield from _looked("stack", lambda: _stack(Stack(stack_name, target), target.region))


def lasting(expire_at: datetime.datetime | None, hours: float, now: datetime.datetime) -> Finding:
    """Return whether credentials last as long as a run."""
    if expire_at is None:
        return Finding("credentials", "ok", "say no time at which they expire")
    left_h = (expire_at - now).total_seconds() / 3600
    said = f"hold for {max(0.0, left_h):.1f} h, the run takes about {hours:.1f} h"
    if left_h >= hours:
        return Finding("credentials", "ok", said)
    return Finding("credentials", "fault", f"{said}: sign in again first, or deploy less often")


def undeployable(stack_name: str, status: str | None, region: str) -> str | None:
    """Return why a stack in that status cannot be deployed to, and the way out; None if it can."""
    if status is None or status in NOTHING_YET | _DEPLOYABLE:
        return None
    if status.endswith("_IN_PROGRESS"):
        return f"{stack_name} is busy ({status}): wait until it is done"
    return (
        f"{stack_name} is in {status} and cannot be deployed to: remove it with"
        f" {removal(stack_name, region)}"
    )


def removal(stack_name: str, region: str) -> str:
    """Return the command that removes a stack."""
    return f"sam delete --stack-name {stack_name} --region {region}"


def _looked(name: str, look: Callable[[], Finding]) -> Iterator[Finding]:
    try:
        with told():
            yield look()
    except AwsError as error:
        yield Finding(name, "note", f"could not be looked at: {error}")


def _concurrency(target: AwsTarget) -> Finding:
    client: LambdaClient = target.client("lambda")
    free = client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    if free >= ENOUGH_CONCURRENCY:
        return Finding("concurrency", "ok", f"{free} executions at a time are free")
    return Finding(
        "concurrency",
        "note",
        f"only {free} executions at a time are free: callers and probes may be throttled, which"
        " they see as 500; ask for more under Service Quotas, or use fewer --posters and no --gate",
    )


def _permissions(target: AwsTarget, arn: str) -> Finding:
    client: IAMClient = target.client("iam")
    simulated = client.simulate_principal_policy(
        PolicySourceArn=_role_of(arn), ActionNames=list(ACTIONS)
    )
    denied = [
        result["EvalActionName"]
        for result in simulated["EvaluationResults"]
        if result["EvalDecision"] != "allowed"
    ]
    if not denied:
        return Finding("permissions", "ok", f"IAM allows the {len(ACTIONS)} calls that begin a run")
    said = f"IAM may refuse {', '.join(denied)} (a policy narrowed to resources is not seen here)"
    return Finding("permissions", "note", said)


def _role_of(arn: str) -> str:
    """Return the role of an assumed role's session: IAM simulates roles and users alone."""
    head, _, session = arn.partition(":assumed-role/")
    if not session:
        return arn
    return f"{head.replace(':sts:', ':iam:')}:role/{session.partition('/')[0]}"


def _stack(stack: Stack, region: str) -> Finding:
    status = stack.status()
    if status in NOTHING_YET:
        return Finding("stack", "ok", f"{stack.name} is not there yet")
    refusal = undeployable(stack.name, status, region)
    if refusal is not None:
        return Finding("stack", "fault", refusal)
    table = stack.used_table()
    if table is not None:
        said = f"table {table} holds rows of an earlier run: choose another --number, or"
        return Finding("stack", "fault", f"{said} {removal(stack.name, region)}")
    outputs = stack.outputs()
    kind = f"endpoint type {outputs.endpoint_type}, authorization {outputs.authorization}"
    return Finding("stack", "ok", f"{stack.name} is there and unused, {kind}")
