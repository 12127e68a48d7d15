"""From calls to permissions, and the page that says them."""

from __future__ import annotations

import json

import pytest

from rehearsal.calls import Call
from rehearsal.permissions import PAGE, RECORDING, page, permissions_of, policy

FUNCTION = "todo-sample-991-TodoFunction-0A1B"
ARN = f"arn:aws:lambda:us-east-1:000000000000:function:{FUNCTION}"
STACK = "arn:aws:cloudformation:us-east-1:000000000000:stack/aws-sam-cli-managed-default/5d5e"


@pytest.mark.parametrize(
    ("call", "action", "resource"),
    [
        (
            Call("lambda", "GetAlias", {"FunctionName": ARN, "Name": "Sample"}),
            "lambda:GetAlias",
            "arn:aws:lambda:*:*:function:todo-sample-*",
        ),
        (
            Call("lambda", "Invoke", {"FunctionName": FUNCTION}),
            "lambda:InvokeFunction",
            "arn:aws:lambda:*:*:function:todo-sample-*",
        ),
        (
            Call(
                "s3", "HeadObject", {"Bucket": "aws-sam-cli-managed-default-samcli-1", "Key": "k"}
            ),
            "s3:GetObject",
            "arn:aws:s3:::aws-sam-cli-managed-default-*/*",
        ),
        (
            Call("cloudformation", "DescribeStacks", {"StackName": STACK}),
            "cloudformation:DescribeStacks",
            "arn:aws:cloudformation:*:*:stack/aws-sam-cli-managed-default/*",
        ),
        (
            Call("cloudfront", "CreateInvalidation", {"DistributionId": "E2QWRUHAPOMQZL"}),
            "cloudfront:CreateInvalidation",
            "arn:aws:cloudfront::*:distribution/*",
        ),
        (
            Call("logs", "DescribeLogStreams", {"logGroupName": "/todo-sample-9/TodoFunction"}),
            "logs:DescribeLogStreams",
            "arn:aws:logs:*:*:log-group:/todo-sample-*:*",
        ),
        (Call("sts", "GetCallerIdentity", {}), "sts:GetCallerIdentity", "*"),
    ],
)
def test_a_call_needs_an_action_on_a_resource_without_what_varies(
    call: Call, action: str, resource: str
) -> None:
    assert permissions_of([("wait", call)]) == {"wait": [[action, resource]]}


def test_a_change_set_needs_the_transform_too() -> None:
    call = Call("cloudformation", "CreateChangeSet", {"StackName": "todo-sample-1"})
    resources = [resource for _, resource in permissions_of([("e", call)])["e"]]
    assert "arn:aws:cloudformation:*:aws:transform/Serverless-2016-10-31" in resources


def test_calls_of_the_api_itself_need_nothing_and_the_command_is_there_all_the_same() -> None:
    call = Call("execute-api", "Invoke", {"Api": "x1"})
    assert permissions_of([("post", call)]) == {"post": []}


def test_a_policy_has_one_statement_for_each_resource() -> None:
    allowed = policy([("s3:PutObject", "b"), ("s3:GetObject", "b"), ("sts:GetCallerIdentity", "*")])
    assert allowed["Statement"] == [
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "b"}
    ]


def test_the_page_says_what_was_recorded() -> None:
    recorded = json.loads(RECORDING.read_text(encoding="utf-8"))
    assert PAGE.read_text(encoding="utf-8") == page(recorded), "write it with make permissions"


def test_nothing_recorded_is_narrower_than_a_run_or_an_account() -> None:
    text = RECORDING.read_text(encoding="utf-8")
    assert "000000000000" not in text
    assert "us-east-1" not in text
