"""What to call of a stack that some tool made, and which function and alias its deploys change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from poster.aws.any_stack import Served, function_of, served_by
from poster.aws.stack import Stack, StackError

OURS = {
    "ApiEndpoint": "https://x.execute-api.eu-west-1.amazonaws.com/Prod/todo",
    "FunctionName": "fn",
    "AliasName": "Sample",
    "TableName": "table",
}
FUNCTION, ALIAS = "AWS::Lambda::Function", "AWS::Lambda::Alias"
HTTP_API, REST_API = "AWS::ApiGatewayV2::Api", "AWS::ApiGateway::RestApi"
STAGE, URL = "AWS::ApiGateway::Stage", "AWS::Lambda::Url"


class FakeAws:
    """A target whose every client is this object: one stack, and what its APIs are."""

    def __init__(self, outputs: dict[str, str], resources: Sequence[tuple[str, str]], region: str):
        self._outputs = outputs
        self._resources = resources
        self.meta = SimpleNamespace(region_name=region)

    def client(self, service: str) -> FakeAws:
        return self

    def reachable(self, api_endpoint: str) -> str:
        return f"reachable {api_endpoint}"

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in self._outputs.items()]
        return {"Stacks": [{"Outputs": outputs}]}

    def get_paginator(self, operation: str) -> FakeAws:
        assert operation == "list_stack_resources"
        return self

    def paginate(self, StackName: str) -> Iterator[dict[str, Any]]:
        for kind, name in self._resources:  # a page each: AWS lists a hundred on one
            yield {"StackResourceSummaries": [{"ResourceType": kind, "PhysicalResourceId": name}]}

    def get_api(self, ApiId: str) -> dict[str, str]:
        return {"ApiEndpoint": f"https://{ApiId}.http"}

    def get_function_url_config(self, FunctionName: str) -> dict[str, str]:
        return {"FunctionUrl": f"https://{FunctionName}.url/"}


def stack(
    *resources: tuple[str, str], outputs: dict[str, str] | None = None, region: str = "eu-west-1"
) -> Stack:
    target: Any = FakeAws(outputs or {}, resources, region)
    return Stack("shop", target)


def test_our_own_stack_takes_todos_and_says_whether_they_are_signed() -> None:
    endpoint = f"reachable {OURS['ApiEndpoint']}"
    assert served_by(stack(outputs=OURS)) == Served(endpoint, is_todo=True)
    signed = {**OURS, "Authorization": "AWS_IAM"}
    assert served_by(stack(outputs=signed)) == Served(endpoint, is_todo=True, is_signed=True)


def test_the_one_output_that_is_a_url_is_called_whatever_else_there_is() -> None:
    """The Serverless Framework gives the id of the API too, CDK the same URL under two names."""
    outputs = {"HttpApiId": "c1", "HttpApiUrl": "https://c1.x", "Url": "https://c1.x"}
    found = served_by(stack((HTTP_API, "c1"), (HTTP_API, "c2"), outputs=outputs))
    assert found == Served("reachable https://c1.x", is_todo=False)


def test_of_two_urls_none_is_guessed() -> None:
    outputs = {"Site": "https://site", "Api": "https://api"}
    with pytest.raises(StackError, match=r"2 URLs.*--endpoint \(https://api, https://site\)"):
        served_by(stack(outputs=outputs))


@pytest.mark.parametrize(
    ("resources", "url"),
    [
        ([(HTTP_API, "h1")], "https://h1.http"),
        ([(URL, "arn:fn")], "https://arn:fn.url/"),
        (
            [(REST_API, "r1"), (STAGE, "prod")],
            "https://r1.execute-api.eu-west-1.amazonaws.com/prod/",
        ),
    ],
)
def test_without_such_an_output_the_stacks_one_api_is_called(
    resources: list[tuple[str, str]], url: str
) -> None:
    found = served_by(stack((FUNCTION, "fn"), *resources, outputs={"Name": "fn"}))
    assert found == Served(f"reachable {url}", is_todo=False)


def test_a_rest_api_in_china_has_a_domain_of_its_own() -> None:
    found = served_by(stack((REST_API, "r1"), (STAGE, "prod"), region="cn-north-1"))
    assert found.endpoint == "reachable https://r1.execute-api.cn-north-1.amazonaws.com.cn/prod/"


@pytest.mark.parametrize(
    ("resources", "why"),
    [
        ([], "no output that is a URL, and no APIs"),
        ([(HTTP_API, "h1"), (URL, "arn:fn")], "no output that is a URL, and 2 APIs"),
        ([(REST_API, "r1")], "REST API r1 of stack shop has no stages"),
        ([(REST_API, "r1"), (STAGE, "a"), (STAGE, "b")], "REST API r1 of stack shop has 2 stages"),
    ],
)
def test_what_to_call_is_asked_for_where_it_is_not_one(
    resources: list[tuple[str, str]], why: str
) -> None:
    with pytest.raises(StackError, match=f"{why}.*--endpoint"):
        served_by(stack(*resources))


def test_the_watched_function_is_the_stacks_only_one_with_its_only_alias() -> None:
    live, next_ = (ALIAS, "arn:aws:lambda:r:1:function:fn:live"), (ALIAS, "arn:fn:next")
    assert function_of(stack((FUNCTION, "fn"), live)) == ("fn", "live")
    assert function_of(stack((FUNCTION, "fn"))) == ("fn", None)
    assert function_of(stack((FUNCTION, "fn"), live, next_)) == ("fn", None)


@pytest.mark.parametrize(("count", "said"), [(0, "no"), (2, "2")])
def test_of_several_functions_none_is_guessed(count: int, said: str) -> None:
    functions = [(FUNCTION, f"fn{number}") for number in range(count)]
    with pytest.raises(StackError, match=f"shop has {said} functions.*--function-name"):
        function_of(stack(*functions))
