"""What AWS says of a deployed entrance, read once."""

from __future__ import annotations

import contextlib
from urllib.parse import urlsplit

import botocore.exceptions

from poster.local.entrances import Entrance, FunctionUrl, HttpEntrance, InvokeApi, RestEntrance
from poster.local.environment import LocalAws
from poster.local.fleet import FUNCTION_URL, INVOKE
from poster.local.http_api import DEFAULT, HttpApi, http_routes_in
from poster.local.rest_api import Integration, RestApi, routes_in


class ApiError(Exception):
    """The entrance cannot be served; the message is one sentence."""


def learn_entrance(aws: LocalAws, api_id: str, stage: str) -> Entrance:
    """Read a REST API's or HTTP API's stage, or a Function URL by its id. Raises ApiError."""
    try:
        entrance: Entrance
        if stage == FUNCTION_URL:
            entrance = _function_url(aws, api_id)
        elif stage.startswith(INVOKE):
            entrance = InvokeApi(Integration(api_id, stage.removeprefix(INVOKE)))
        elif any(each["id"] == api_id for each in rest_apis(aws)):
            entrance = RestEntrance(_rest_api(aws, api_id, stage))
        else:
            entrance = HttpEntrance(_http_api(aws, api_id, stage), aws.region)
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        raise ApiError(f"stage {stage} of API {api_id} cannot be read: {error}") from error
    if not entrance.targets:
        raise ApiError(f"API {api_id} has no route to a Lambda function; deploy it first")
    return entrance


def rest_apis(aws: LocalAws) -> list[dict[str, str]]:
    """Return the REST APIs, as GetRestApis has them. Raises botocore's errors."""
    pages = aws.client("apigateway").get_paginator("get_rest_apis").paginate()
    return [item for page in pages for item in page["items"]]


def http_apis(aws: LocalAws) -> list[dict[str, str]]:
    """Return the HTTP APIs, as GetApis has them. Raises botocore's errors."""
    pages = aws.client("apigatewayv2").get_paginator("get_apis").paginate()
    return [item for page in pages for item in page["Items"] if item.get("ProtocolType") == "HTTP"]


def function_urls(aws: LocalAws) -> dict[str, Integration]:
    """Return what each Function URL leads to, by its id. Raises botocore's errors."""
    client = aws.client("lambda")
    functions = client.get_paginator("list_functions").paginate()
    names = [each["FunctionName"] for page in functions for each in page["Functions"]]
    found: dict[str, Integration] = {}
    for name in names:
        aliases = client.list_aliases(FunctionName=name)["Aliases"]
        # Asked alias by alias: MiniStack's list does not say which one a URL is on.
        for qualifier in [None, *(each["Name"] for each in aliases)]:
            on = {} if qualifier is None else {"Qualifier": qualifier}
            with contextlib.suppress(client.exceptions.ResourceNotFoundException):
                config = client.get_function_url_config(FunctionName=name, **on)
                host = urlsplit(config["FunctionUrl"]).hostname or ""
                found[host.partition(".")[0]] = Integration(name, qualifier)
    return found


def _rest_api(aws: LocalAws, api_id: str, stage: str) -> RestApi:
    client = aws.client("apigateway")
    variables = client.get_stage(restApiId=api_id, stageName=stage).get("variables", {})
    pages = client.get_paginator("get_resources").paginate(restApiId=api_id, embed=["methods"])
    routes = routes_in(item for page in pages for item in page["items"])
    return RestApi(api_id, stage, _account_id(aws), variables, routes)


def _http_api(aws: LocalAws, api_id: str, stage: str) -> HttpApi:
    client = aws.client("apigatewayv2")
    stages = {each["StageName"]: each for each in client.get_stages(ApiId=api_id)["Items"]}
    # What looks like a stage in a URL is a path where the stage is the default one.
    stage = stage if stage in stages or DEFAULT not in stages else DEFAULT
    variables = client.get_stage(ApiId=api_id, StageName=stage).get("StageVariables", {})
    routes = client.get_paginator("get_routes").paginate(ApiId=api_id)
    integrations = client.get_paginator("get_integrations").paginate(ApiId=api_id)
    found, default = http_routes_in(
        [item for page in routes for item in page["Items"]],
        [item for page in integrations for item in page["Items"]],
    )
    return HttpApi(api_id, stage, _account_id(aws), variables, found, default)


def _function_url(aws: LocalAws, url_id: str) -> FunctionUrl:
    target = function_urls(aws).get(url_id)
    if target is None:
        raise ApiError(f"no function has the Function URL {url_id}; deploy it first")
    return FunctionUrl(url_id, aws.region, target)


def _account_id(aws: LocalAws) -> str:
    return str(aws.client("sts").get_caller_identity()["Account"])
