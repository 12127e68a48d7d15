"""What a function gets and what a caller gets, by the way in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from poster.local.entrances import (
    Entered,
    Entrance,
    FunctionUrl,
    HttpEntrance,
    InvokeApi,
    Invoked,
    RestEntrance,
)
from poster.local.http_api import DEFAULT, HttpApi, http_routes_in
from poster.local.proxy_event import ProxyRequest, Response
from poster.local.rest_api import Integration, RestApi, Route

TODO = Integration("todo", "live")
ROUTE = Route("POST", "/todo/{id}", "r1", TODO)
HTTP = HttpEntrance(HttpApi("h1", DEFAULT, "000000000000", {}, (ROUTE,), None), "us-east-1")
NAMED = HttpEntrance(HttpApi("h1", "dev", "000000000000", {"a": "b"}, (ROUTE,), TODO), "us-east-1")
URL = FunctionUrl("u1", "us-east-1", TODO)
REST = RestEntrance(RestApi("r1", "Prod", "000000000000", {}, (ROUTE,)))
INVOKE = InvokeApi(TODO)
INVOCATIONS = "/2015-03-31/functions/todo/invocations"


def request(**given: Any) -> ProxyRequest:
    arguments = {
        "method": "POST",
        "path": "/todo/7",
        "query": "q=a&q=b&one=%20",
        "headers": [("Content-Type", "application/json"), ("X-A", "1"), ("X-A", "2")],
        "body": b'{"a": 1}',
        "source_ip": "127.0.0.1",
    }
    return ProxyRequest(**(arguments | given))


def event(entrance: Entrance, path: str, **given: Any) -> Any:
    entered = entrance.enter("POST", path)
    assert isinstance(entered, Entered)
    return entrance.event(entered, request(path=entered.path, **given), "id-1", 1598499498051)


def ok(result: object) -> Invoked:
    return Invoked(200, None, json.dumps(result).encode())


def test_an_http_api_hands_over_format_2_0() -> None:
    got = event(HTTP, "/todo/7")
    assert (got["version"], got["routeKey"], got["rawPath"]) == (
        "2.0",
        "POST /todo/{id}",
        "/todo/7",
    )
    assert got["rawQueryString"] == "q=a&q=b&one=%20"
    assert got["queryStringParameters"] == {"q": "a,b", "one": " "}
    assert got["headers"] == {"content-type": "application/json", "x-a": "1,2"}
    assert got["pathParameters"] == {"id": "7"}
    assert (got["body"], got["isBase64Encoded"]) == ('{"a": 1}', False)
    context = got["requestContext"]
    assert (context["stage"], context["http"]["method"]) == ("$default", "POST")
    assert context["time"] == "27/Aug/2020:03:38:18 +0000"
    assert "cookies" not in got


def test_a_named_stage_is_part_of_the_raw_path() -> None:
    got = event(NAMED, "/dev/todo/7")
    assert (got["rawPath"], got["requestContext"]["http"]["path"]) == ("/dev/todo/7", "/dev/todo/7")
    assert got["stageVariables"] == {"a": "b"}


def test_what_no_route_serves_goes_to_the_default_route() -> None:
    assert event(NAMED, "/dev/else")["routeKey"] == "$default"


@pytest.mark.parametrize(
    ("entrance", "path", "status"),
    [(HTTP, "/else", 404), (NAMED, "/todo/7", 404), (REST, "/Prod/else", 403), (REST, "/x", 403)],
)
def test_a_call_that_no_route_serves_is_refused(entrance: Entrance, path: str, status: int) -> None:
    refused = entrance.enter("POST", path)
    assert isinstance(refused, Response)
    assert refused.status == status


def test_cookies_are_a_list_and_no_header() -> None:
    got = event(URL, "/any/where", headers=[("Cookie", "a=1; b=2")])
    assert got["cookies"] == ["a=1", "b=2"]
    assert got["headers"] == {}


def test_a_function_url_serves_every_path() -> None:
    got = event(URL, "/any/where")
    assert (got["routeKey"], got["rawPath"]) == ("$default", "/any/where")
    assert got["requestContext"]["domainName"] == "u1.lambda-url.us-east-1.on.aws"
    assert got["requestContext"]["accountId"] == "anonymous"


def test_bytes_are_base64() -> None:
    got = event(URL, "/", headers=[("Content-Type", "image/png")], body=b"\x89PNG")
    assert (got["body"], got["isBase64Encoded"]) == ("iVBORw==", True)


@pytest.mark.parametrize("entrance", [HTTP, URL])
def test_a_result_without_a_status_is_the_body_of_a_200(entrance: Entrance) -> None:
    got = entrance.response("1", ok({"hello": "world"}))
    assert (got.status, json.loads(got.body)) == (200, {"hello": "world"})


@pytest.mark.parametrize("entrance", [HTTP, URL])
def test_a_response_has_its_headers_and_cookies(entrance: Entrance) -> None:
    said = {"statusCode": 201, "headers": {"X-V": "2"}, "cookies": ["a=1"], "body": "done"}
    got = entrance.response("1", ok(said))
    assert (got.status, got.body) == (201, b"done")
    assert {("X-V", "2"), ("Set-Cookie", "a=1")} <= set(got.headers)


FAILED = Invoked(200, "Unhandled", b'{"errorMessage": "secret"}')


@pytest.mark.parametrize(("entrance", "status"), [(REST, 502), (HTTP, 500), (URL, 502)])
@pytest.mark.parametrize(
    "said",
    [
        FAILED,
        Invoked(404, None, b"{}"),
        ok({"statusCode": "often"}),
        ok({"statusCode": 200, "body": 1}),
    ],
)
def test_a_function_that_fails_has_a_code_of_each_entrance(
    entrance: Entrance, status: int, said: Invoked
) -> None:
    got = entrance.response("1", said)
    assert got.status == status
    assert b"secret" not in got.body


@pytest.mark.parametrize(
    ("entrance", "status"), [(REST, 500), (HTTP, 503), (URL, 429), (INVOKE, 429)]
)
def test_a_throttled_function_has_a_code_of_each_entrance(entrance: Entrance, status: int) -> None:
    assert entrance.response("1", Invoked(429, None, b"{}")).status == status


def test_invoke_hands_over_the_body_and_names_the_version() -> None:
    assert event(INVOKE, INVOCATIONS) == {"a": 1}
    got = INVOKE.response("7", ok({"hello": "world"}))
    assert ("X-Amz-Executed-Version", "7") in got.headers
    assert json.loads(got.body) == {"hello": "world"}


def test_a_function_that_raises_under_invoke_is_a_200_with_its_error() -> None:
    got = INVOKE.response("7", FAILED)
    assert (got.status, dict(got.headers)["X-Amz-Function-Error"]) == (200, "Unhandled")


def test_routes_of_an_http_api_know_their_function_and_format() -> None:
    arn = "arn:aws:lambda:us-east-1:000000000000:function:todo:live"
    long = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"
    integrations = [
        {"IntegrationId": "i1", "IntegrationType": "AWS_PROXY", "IntegrationUri": arn},
        {"IntegrationId": "i2", "IntegrationType": "AWS_PROXY", "IntegrationUri": long},
        {"IntegrationId": "i3", "IntegrationType": "HTTP_PROXY", "IntegrationUri": "https://x"},
        {
            "IntegrationId": "i4",
            "IntegrationType": "AWS_PROXY",
            "IntegrationUri": arn,
            "PayloadFormatVersion": "1.0",
        },
    ]
    keys = ["POST /todo", "$default", "GET /http", "GET /old"]
    routes = [
        {"RouteKey": key, "RouteId": key, "Target": f"integrations/i{place}"}
        for place, key in enumerate(keys, 1)
    ]
    assert http_routes_in(routes, integrations) == (
        (Route("POST", "/todo", "POST /todo", TODO),),
        TODO,
    )


def test_invoke_names_the_limit_that_throttled() -> None:
    got = INVOKE.response("1", Invoked(429, None, b"{}"))
    assert json.loads(got.body)["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert ("x-amzn-ErrorType", "TooManyRequestsException") in got.headers


def test_only_api_gateway_needs_a_permission_of_the_alias() -> None:
    assert {each.invokes_as for each in (REST, HTTP)} == {"apigateway.amazonaws.com"}
    assert {each.invokes_as for each in (URL, INVOKE)} == {None}
    assert {each.own_response("not permitted").status for each in (REST, HTTP)} == {500}
