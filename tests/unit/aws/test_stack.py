from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import botocore.exceptions
import botocore.parsers
import pytest

from poster.aws.errors import AwsError, NotThereError, sentence, told
from poster.aws.stack import Outputs, Stack, StackError
from poster.aws.target import AwsTarget

OUTPUTS = {
    "ApiEndpoint": "https://abc.execute-api.eu-west-1.amazonaws.com/Prod/todo",
    "FunctionName": "fn",
    "AliasName": "Sample",
    "TableName": "todo-sample-1-table",
}


def refusal(code: str, message: str, operation: str) -> botocore.exceptions.ClientError:
    return botocore.exceptions.ClientError({"Error": {"Code": code, "Message": message}}, operation)


class FakeAws:
    """A target whose every client is this object: a stack, an alias and a table of two pages."""

    def __init__(
        self, outputs: dict[str, str] | None = None, status: str | None = "CREATE_COMPLETE"
    ):
        self._outputs = OUTPUTS if outputs is None else outputs
        self._status = status
        self.scans: list[dict[str, Any]] = []

    def client(self, service: str) -> FakeAws:
        return self

    def reachable(self, api_endpoint: str) -> str:
        return api_endpoint.replace("https://", "http://here/")

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        if self._status is None:
            raise refusal("ValidationError", f"Stack {StackName} does not exist", "DescribeStacks")
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in self._outputs.items()]
        return {"Stacks": [{"StackStatus": self._status, "Outputs": outputs}]}

    def resources(self) -> dict[str, str]:
        """Return the physical id of each resource, by its type."""
        alias = "arn:aws:lambda:eu-west-1:1:function:fn:Sample"
        return {"AWS::Lambda::Function": "fn", "AWS::Lambda::Alias": alias}

    def get_alias(self, FunctionName: str, Name: str) -> dict[str, str]:
        assert (FunctionName, Name) == ("arn:aws:lambda:eu-west-1:1:function:fn", "Sample")
        return {"FunctionVersion": "7"}

    def get_function_configuration(self, FunctionName: str) -> dict[str, Any]:
        return {"FunctionName": FunctionName}

    def get_paginator(self, operation: str) -> FakeAws:
        assert operation in {"scan", "list_stack_resources"}
        return self

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        if "StackName" in request:
            self.describe_stacks(**request)
            for kind, name in self.resources().items():  # a page each: AWS lists a hundred on one
                yield {
                    "StackResourceSummaries": [{"ResourceType": kind, "PhysicalResourceId": name}]
                }
            return
        self.scans.append(request)
        yield {"Items": [{"todoId": {"S": "t01-0001"}, "createdAt": {"N": "1598499496969"}}]}
        yield {"Items": [{"todoId": {"S": "t01-0002"}, "createdAt": {"N": "1598499497006"}}]}


def test_outputs_name_what_is_deployed_and_where_it_is_reached() -> None:
    outputs = Stack("todo-sample-1", FakeAws()).outputs()
    assert outputs == Outputs(
        api_endpoint="https://abc.execute-api.eu-west-1.amazonaws.com/Prod/todo",
        function="fn",
        alias="Sample",
        table="todo-sample-1-table",
        reachable=str,
    )
    assert outputs.endpoint == "http://here/abc.execute-api.eu-west-1.amazonaws.com/Prod/todo"


def test_a_stack_says_whether_its_calls_must_be_signed() -> None:
    closed = Stack("x", FakeAws(outputs={**OUTPUTS, "Authorization": "AWS_IAM"})).outputs()
    assert closed.is_signed
    assert not Stack("x", FakeAws()).outputs().is_signed


def test_a_missing_stack_is_no_error_until_its_outputs_are_needed() -> None:
    stack = Stack("todo-sample-1", FakeAws(status=None))
    assert stack.status() is None
    assert stack.alias_version() is None
    with pytest.raises(
        NotThereError, match="there is no stack todo-sample-1 here: deploy it first"
    ):
        stack.outputs()


def test_another_applications_stack_is_refused() -> None:
    with pytest.raises(StackError, match="has no output 'FunctionName'"):
        Stack("other", FakeAws(outputs={"ApiEndpoint": OUTPUTS["ApiEndpoint"]})).outputs()


def test_the_table_is_read_whole_page_by_page_and_consistently() -> None:
    aws = FakeAws()
    stack = Stack("todo-sample-1", aws)
    rows = list(stack.rows(stack.outputs()))
    assert rows == [
        {"todoId": "t01-0001", "createdAt": 1598499496969},
        {"todoId": "t01-0002", "createdAt": 1598499497006},
    ]
    assert all(not isinstance(value, Decimal) for row in rows for value in row.values())
    assert aws.scans == [{"TableName": "todo-sample-1-table", "ConsistentRead": True}]


def test_the_default_log_group_is_lambdas() -> None:
    stack = Stack("todo-sample-1", FakeAws())
    assert stack.alias_version() == "7"
    assert stack.log_group(stack.outputs()) == "/aws/lambda/fn"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (refusal("ExpiredToken", "expired", "GetCallerIdentity"), "sign in again"),
        (refusal("ThrottlingException", "Rate exceeded", "GetAlias"), "AWS throttles these calls"),
        (refusal("Odd", "text", "Scan"), "Scan was refused (Odd): text"),
        (
            refusal("SignatureDoesNotMatch", "Signature expired: 1 is now earlier than 2", "Get"),
            "this machine's clock is off: set it",
        ),
        (refusal("RequestTimeTooSkewed", "too large", "PutObject"), "this machine's clock is off"),
        (botocore.exceptions.NoCredentialsError(), "there are no AWS credentials"),
        (
            botocore.exceptions.EndpointConnectionError(endpoint_url="https://x"),
            "check the region and the network",
        ),
        (botocore.parsers.ResponseParserError("b'\nno XML'"), "check AWS_ENDPOINT_URL"),
    ],
)
def test_an_aws_error_becomes_one_sentence_with_a_way_out(error: Exception, said: str) -> None:
    assert said in sentence(error)
    assert "\n" not in sentence(error)
    with pytest.raises(AwsError), told():
        raise error


def test_a_table_that_holds_rows_is_found_without_outputs() -> None:
    class Used(FakeAws):
        def resources(self) -> dict[str, str]:
            return {"AWS::DynamoDB::Table": "the-table"}

    assert Stack("todo-sample-1", Used(outputs={})).used_table() == "the-table"
    assert Stack("todo-sample-1", FakeAws(status=None)).used_table() is None


def test_a_client_for_calls_that_are_measured_never_repeats_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    target = AwsTarget("us-east-1")
    assert target.caller_client("lambda").meta.config.retries["total_max_attempts"] == 1
    assert target.client("lambda").meta.config.retries["mode"] == "standard"


class AnyStack(FakeAws):
    """A stack of somebody else's: no outputs of ours, resources on two pages."""

    def __init__(self, *pages: list[dict[str, str]]) -> None:
        super().__init__(outputs={"Url": "https://x"})
        self._pages = pages

    def get_paginator(self, operation: str) -> AnyStack:
        assert operation == "list_stack_resources"
        return self

    def paginate(self, StackName: str) -> list[dict[str, Any]]:
        return [{"StackResourceSummaries": page} for page in self._pages]


def test_the_functions_of_any_stack_are_those_that_its_aliases_lead_to() -> None:
    arn = "arn:aws:lambda:eu-west-1:1:function"
    alias = {"ResourceType": "AWS::Lambda::Alias"}
    aws = AnyStack(
        [
            alias | {"PhysicalResourceId": f"{arn}:one:live"},
            alias,  # one that is being made has no id yet
            {"ResourceType": "AWS::Lambda::Function", "PhysicalResourceId": "three"},
        ],
        [alias | {"PhysicalResourceId": f"{arn}:two:live"}],
    )
    stack = Stack("theirs", aws)  # type: ignore[arg-type]
    assert stack.own_outputs() is None
    assert stack.aliases() == [(f"{arn}:one", "live"), (f"{arn}:two", "live")]


def test_a_stack_without_an_alias_says_what_to_name_instead() -> None:
    with pytest.raises(StackError, match="name the function with --function-name"):
        Stack("theirs", AnyStack([])).aliases()  # type: ignore[arg-type]
