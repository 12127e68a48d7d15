"""What API Gateway says of a deployed stage, read once."""

from __future__ import annotations

import botocore.exceptions

from poster.local.environment import LocalAws
from poster.local.rest_api import RestApi, routes_in


class ApiError(Exception):
    """The stage cannot be served; the message is one sentence."""


def learn_api(aws: LocalAws, api_id: str, stage: str) -> RestApi:
    """Read the stage's routes from API Gateway. Raises ApiError."""
    client = aws.client("apigateway")
    try:
        variables = client.get_stage(restApiId=api_id, stageName=stage).get("variables", {})
        pages = client.get_paginator("get_resources").paginate(restApiId=api_id, embed=["methods"])
        routes = routes_in(item for page in pages for item in page["items"])
        account_id = aws.client("sts").get_caller_identity()["Account"]
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        raise ApiError(f"stage {stage} of API {api_id} cannot be read: {error}") from error
    if not routes:
        raise ApiError(f"API {api_id} has no route to a Lambda function; deploy it first")
    return RestApi(api_id, stage, account_id, variables, routes)
