"""Payload format 2.0, both ways: request to event, result to response. Pure.

HTTP APIs and Function URLs hand a call to a function in this format, and take its answer in it.
They differ in what an event says of its origin, and in what callers get where the function gives
no answer; those differences stand in ``poster.local.entrances``.
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from poster.local.proxy_event import ProxyRequest, Response, joined, response_headers, status_code

# What is handed over as text; anything else, also without a type, as base64. AWS documents no such
# list; MiniStack's authors read it off the real thing.
_TEXT = {"application/json", "application/xml", "application/javascript"}


@dataclasses.dataclass(frozen=True, slots=True)
class Origin:
    """What an event says of where its call came in."""

    account_id: str
    api_id: str
    domain_name: str
    stage: str
    route_key: str
    raw_path: str  # with the stage's name, unless that is $default
    path_parameters: Mapping[str, str]
    stage_variables: Mapping[str, str]


def event_v2(
    origin: Origin, request: ProxyRequest, request_id: str, at_unix_ms: int
) -> dict[str, Any]:
    """Return the event that the function gets; what the call does not have is left out."""
    headers = joined(request.headers, repeated=",")
    cookies = headers.pop("cookie", None)
    query = parse_qs(request.query, keep_blank_values=True)
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    is_text = media_type in _TEXT or media_type.startswith("text/")
    at = datetime.datetime.fromtimestamp(at_unix_ms / 1000, tz=datetime.UTC)
    event = {
        "version": "2.0",
        "routeKey": origin.route_key,
        "rawPath": origin.raw_path,
        "rawQueryString": request.query,
        "cookies": cookies.split("; ") if cookies else None,
        "headers": headers,
        "queryStringParameters": {name: ",".join(values) for name, values in query.items()} or None,
        "requestContext": {
            "accountId": origin.account_id,
            "apiId": origin.api_id,
            "domainName": origin.domain_name,
            "domainPrefix": origin.domain_name.partition(".")[0],
            "http": {
                "method": request.method,
                "path": origin.raw_path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.source_ip,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": request_id,
            "routeKey": origin.route_key,
            "stage": origin.stage,
            "time": at.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": at_unix_ms,
        },
        "body": _body(request.body, is_text),
        "pathParameters": dict(origin.path_parameters) or None,
        "isBase64Encoded": bool(request.body) and not is_text,
        "stageVariables": dict(origin.stage_variables) or None,
    }
    return {name: value for name, value in event.items() if value is not None}


def response_v2(payload: bytes) -> Response | None:
    """Return the response that a function's result asks for; None if it is malformed.

    A result without ``statusCode`` is itself the body of a 200, as JSON.
    """
    try:
        result = json.loads(payload)
    except ValueError:
        return None
    if not isinstance(result, dict) or "statusCode" not in result:
        return Response(200, (("Content-Type", "application/json"),), payload)
    status, headers = status_code(result["statusCode"]), response_headers(result)
    body, cookies = result.get("body") or "", result.get("cookies") or []
    if status is None or headers is None or not isinstance(body, str):
        return None
    if not isinstance(cookies, list) or not all(isinstance(each, str) for each in cookies):
        return None
    return Response(
        status,
        (*headers, *(("Set-Cookie", cookie) for cookie in cookies)),
        # A lone surrogate is valid in JSON and has no UTF-8.
        base64.b64decode(body)
        if result.get("isBase64Encoded") is True
        else body.encode(errors="replace"),
    )


def _body(body: bytes, is_text: bool) -> str | None:
    if not body:
        return None
    return body.decode("utf-8", "replace") if is_text else base64.b64encode(body).decode()
