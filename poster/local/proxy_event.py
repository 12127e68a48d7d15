"""API Gateway's Lambda proxy integration, both ways: request to event, result to response. Pure.

The event is payload format 1.0 as the emulator's own API Gateway builds it (a test holds the two
side by side). The response follows AWS where the emulator is laxer: a function that fails or
returns anything but a proxy response is answered 502, and its words stay inside.
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

from poster.local.rest_api import RestApi, Route


@dataclasses.dataclass(frozen=True, slots=True)
class ProxyRequest:
    """A call as it came in; ``path`` is decoded and without the stage."""

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    source_ip: str


@dataclasses.dataclass(frozen=True, slots=True)
class Response:
    """What the caller gets."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def proxy_event(
    api: RestApi,
    route: Route,
    parameters: Mapping[str, str],
    request: ProxyRequest,
    request_id: str,
    at_unix_ms: int,
) -> dict[str, Any]:
    """Return the event that the function gets."""
    headers = joined(request.headers)
    query = parse_qs(request.query, keep_blank_values=True)
    return {
        "version": "1.0",
        "resource": route.path,
        "path": request.path,
        "httpMethod": request.method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": {name: values[0] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": dict(parameters) or None,
        "stageVariables": dict(api.stage_variables) or None,
        "requestContext": _context(api, route, request, headers, request_id, at_unix_ms),
        "body": request.body.decode("utf-8", errors="replace") if request.body else None,
        "isBase64Encoded": False,
    }


def _context(
    api: RestApi,
    route: Route,
    request: ProxyRequest,
    headers: Mapping[str, str],
    request_id: str,
    at_unix_ms: int,
) -> dict[str, Any]:
    at = datetime.datetime.fromtimestamp(at_unix_ms / 1000, tz=datetime.UTC)
    forwarded = headers.get("x-forwarded-for", request.source_ip)
    return {
        "accountId": api.account_id,
        "resourceId": route.resource_id,
        "stage": api.stage,
        "requestId": request_id,
        "extendedRequestId": request_id,
        "requestTime": at.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "requestTimeEpoch": at_unix_ms,
        "path": f"/{api.stage}{request.path}",
        "protocol": "HTTP/1.1",
        "identity": {
            "sourceIp": forwarded.split(",")[0].strip(),
            "userAgent": headers.get("user-agent", ""),
        },
        "resourcePath": route.path,
        "httpMethod": request.method,
        "apiId": api.api_id,
    }


def joined(headers: Iterable[tuple[str, str]], repeated: str = ", ") -> dict[str, str]:
    """One value per lower-case name; a repeated header is joined (RFC 9110 5.2, cookies by ;)."""
    found: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        separator = "; " if key == "cookie" else repeated
        found[key] = f"{found[key]}{separator}{value}" if key in found else value
    return found


# What API Gateway itself answers; message and x-amzn-ErrorType as its default gateway responses.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
_GATEWAY_RESPONSES = {
    "unknown stage": (403, "Forbidden", "ForbiddenException"),
    "unknown route": (403, "Missing Authentication Token", "MissingAuthenticationTokenException"),
    "too large": (413, "Request Too Long", "RequestTooLargeException"),
    "throttled by API Gateway": (429, "Too Many Requests", "TooManyRequestsException"),
    # Lambda's own throttling does not reach the caller as 429:
    # https://repost.aws/knowledge-center/api-gateway-internal-server-error
    "throttled by Lambda": (500, "Internal server error", "InternalServerErrorException"),
    # API_CONFIGURATION_ERROR, "Invalid permissions on Lambda function" in the API's own log:
    # https://github.com/DataBiosphere/azul/issues/8301
    "not permitted": (500, "Internal server error", "InternalServerErrorException"),
    "bad answer": (502, "Internal server error", "InternalServerErrorException"),
    "timed out": (504, "Endpoint request timed out", "InternalServerErrorException"),
}


def gateway_response(case: str) -> Response:
    """Return API Gateway's own answer in a case of the table above."""
    status, message, error_type = _GATEWAY_RESPONSES[case]
    return Response(
        status,
        (("Content-Type", "application/json"), ("x-amzn-ErrorType", error_type)),
        json.dumps({"message": message}, separators=(",", ":")).encode(),
    )


def response_of(status: int, function_error: str | None, payload: bytes) -> Response:
    """Return what the caller gets for Lambda's answer to Invoke.

    ``status`` is that of the Invoke call. A version that is gone (404) is a bad answer like a
    function that raised: callers have seen 502 for both.
    """
    if status == 429:
        return gateway_response("throttled by Lambda")
    if status != 200 or function_error is not None:
        return gateway_response("bad answer")
    try:
        result = json.loads(payload)
    except ValueError:
        return gateway_response("bad answer")
    return _proxy_response(result) or gateway_response("bad answer")


def _proxy_response(result: object) -> Response | None:
    """Return the response that a function asked for; None if it is malformed."""
    if not isinstance(result, dict):
        return None
    body = result.get("body")
    status = status_code(result.get("statusCode"))
    headers = response_headers(result)
    if status is None or headers is None or not isinstance(body, str | None):
        return None
    # A lone surrogate is valid in JSON and has no UTF-8.
    return Response(status, headers, (body or "").encode(errors="replace"))


def status_code(value: object) -> int | None:
    """Return the status that a function names; None if it is none."""
    # A number in a string is taken as well.
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 200 <= value <= 599 else None


_JSON = "application/json"
_FRAMING = {"connection", "content-length", "transfer-encoding"}  # the server's own to say
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 5.6.2
_HEADER_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")


def response_headers(result: Mapping[str, Any]) -> tuple[tuple[str, str], ...] | None:
    """Return the headers in order; None if they are malformed.

    Several values win over a single one of the same name, whatever its case; without a content
    type it is JSON.
    """
    single, several = result.get("headers") or {}, result.get("multiValueHeaders") or {}
    if not isinstance(single, dict) or not isinstance(several, dict):
        return None
    by_name: dict[str, tuple[str, list[Any]]] = {"content-type": ("Content-Type", [_JSON])}
    by_name |= {name.lower(): (name, [value]) for name, value in single.items()}
    for name, values in several.items():
        if not isinstance(values, list):
            return None
        by_name[name.lower()] = (name, values)
    pairs: list[tuple[str, str]] = []
    for key, (name, values) in by_name.items():
        texts = [_header_text(value) for value in values]
        if not _HEADER_NAME.fullmatch(name) or None in texts:
            return None
        if key not in _FRAMING:
            pairs += [(name, text) for text in texts if text is not None]
    return tuple(pairs)


def _header_text(value: object) -> str | None:
    """Return a string, number or flag as a header's value; None for what cannot be one."""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, str) and _HEADER_VALUE.fullmatch(value):
        return value
    return None
