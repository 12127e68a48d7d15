"""What any stack serves, whichever tool made it: its URL, its function and its alias.

The URL is an output's where one alone is a URL, as SAM, CDK and the Serverless Framework write it;
else that of the stack's one HTTP API, Function URL or REST API. Reads only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from poster.aws.errors import told
from poster.aws.stack import Stack, StackError

TODO_OUTPUTS = {"ApiEndpoint", "FunctionName", "AliasName", "TableName"}
_API_KINDS = ("AWS::ApiGatewayV2::Api", "AWS::Lambda::Url", "AWS::ApiGateway::RestApi")

Resources = Mapping[str, list[str]]  # physical ids by type


@dataclasses.dataclass(frozen=True, slots=True)
class Served:
    """One stack as its callers and its deployers know it."""

    endpoint: str
    is_todo: bool  # this project's own: it takes a POST of a todo
    is_signed: bool = False  # it lets signed calls through only
    endpoint_type: str | None = None  # of API Gateway's; None: not known


def served_by(stack: Stack) -> Served:
    """Return what the stack serves. Raises StackError, AwsError."""
    outputs = stack.output_values()
    if outputs.keys() >= TODO_OUTPUTS:
        own = stack.outputs()
        return Served(own.endpoint, True, own.is_signed, own.endpoint_type)
    urls = sorted({each for each in outputs.values() if each.startswith(("http://", "https://"))})
    if len(urls) > 1:
        raise StackError(
            f"stack {stack.name} puts out {len(urls)} URLs: name one with --endpoint"
            f" ({', '.join(urls)})"
        )
    if urls:
        return Served(stack.reachable(urls[0]), is_todo=False)
    with told():
        return Served(stack.reachable(_url_of_resource(stack)), is_todo=False)


def function_of(stack: Stack) -> tuple[str, str | None]:
    """Return the stack's one function and its alias, if it has one. Raises StackError."""
    resources = stack.resources()
    functions = resources.get("AWS::Lambda::Function", [])
    if len(functions) != 1:
        count = len(functions) or "no"
        raise StackError(
            f"stack {stack.name} has {count} functions: name one with --function-name to see what"
            " the deploy does to it"
        )
    aliases = resources.get("AWS::Lambda::Alias", [])
    return functions[0], aliases[0].rpartition(":")[2] if len(aliases) == 1 else None


def _url_of_resource(stack: Stack) -> str:
    resources = stack.resources()
    found = [(kind, name) for kind in _API_KINDS for name in resources.get(kind, [])]
    if len(found) != 1:
        raise StackError(
            f"stack {stack.name} has no output that is a URL, and {len(found) or 'no'} APIs: name"
            " what to call with --endpoint"
        )
    kind, name = found[0]
    return _URL_OF[kind](stack, name, resources)


def _http_api(stack: Stack, api_id: str, resources: Resources) -> str:
    return str(stack.client("apigatewayv2").get_api(ApiId=api_id)["ApiEndpoint"])


def _function_url(stack: Stack, function_arn: str, resources: Resources) -> str:
    client = stack.client("lambda")
    return str(client.get_function_url_config(FunctionName=function_arn)["FunctionUrl"])


def _rest_api(stack: Stack, api_id: str, resources: Resources) -> str:
    stages = resources.get("AWS::ApiGateway::Stage", [])
    if len(stages) != 1:
        raise StackError(
            f"REST API {api_id} of stack {stack.name} has {len(stages) or 'no'} stages: name what"
            " to call with --endpoint"
        )
    client = stack.client("apigateway")
    suffix = "amazonaws.com.cn" if client.meta.region_name.startswith("cn-") else "amazonaws.com"
    return f"https://{api_id}.execute-api.{client.meta.region_name}.{suffix}/{stages[0]}/"


_URL_OF: dict[str, Callable[[Stack, str, Resources], str]] = {
    "AWS::ApiGatewayV2::Api": _http_api,
    "AWS::Lambda::Url": _function_url,
    "AWS::ApiGateway::RestApi": _rest_api,
}
