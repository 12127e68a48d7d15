"""API Gateway's rules: the event a function gets, the response a caller gets."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poster.local.proxy_event import (
    ProxyRequest,
    Response,
    gateway_response,
    proxy_event,
    response_of,
)
from poster.local.rest_api import Integration, RestApi, Route

ROUTE = Route("POST", "/todo/{id}", "r1", Integration("todo", "live"))
API = RestApi("a1", "Prod", "000000000000", {"colour": "blue"}, (ROUTE,))
INTERNAL = b'{"message":"Internal server error"}'
JSON = ("Content-Type", "application/json")


def event(**request: object) -> dict[str, object]:
    call: dict[str, object] = {
        "method": "POST",
        "path": "/todo/7",
        "query": "",
        "headers": [("Host", "h"), ("User-Agent", "curl")],
        "body": b"{}",
        "source_ip": "127.0.0.1",
    }
    arguments = {**call, **request}
    return proxy_event(API, ROUTE, {"id": "7"}, ProxyRequest(**arguments), "id-1", 1598499498051)


def test_the_event_says_where_the_call_came_in() -> None:
    assert event()["requestContext"] == {
        "accountId": "000000000000",
        "resourceId": "r1",
        "stage": "Prod",
        "requestId": "id-1",
        "extendedRequestId": "id-1",
        "requestTime": "27/Aug/2020:03:38:18 +0000",
        "requestTimeEpoch": 1598499498051,
        "path": "/Prod/todo/7",
        "protocol": "HTTP/1.1",
        "identity": {"sourceIp": "127.0.0.1", "userAgent": "curl"},
        "resourcePath": "/todo/{id}",
        "httpMethod": "POST",
        "apiId": "a1",
    }
    assert event()["pathParameters"] == {"id": "7"}
    assert event()["stageVariables"] == {"colour": "blue"}


def test_an_absent_body_and_query_are_null() -> None:
    bare = event(body=b"", query="")
    assert bare["body"] is None
    assert bare["queryStringParameters"] is None
    assert bare["multiValueQueryStringParameters"] is None


def test_repeated_parameters_are_all_kept() -> None:
    repeated = event(query="a=1&a=2&b=%20&c")
    assert repeated["queryStringParameters"] == {"a": "1", "b": " ", "c": ""}
    assert repeated["multiValueQueryStringParameters"] == {"a": ["1", "2"], "b": [" "], "c": [""]}


def test_repeated_headers_are_joined() -> None:
    joined = event(headers=[("X-A", "1"), ("x-a", "2"), ("Cookie", "a=1"), ("Cookie", "b=2")])
    assert joined["headers"] == {"x-a": "1, 2", "cookie": "a=1; b=2"}


def answer(result: object) -> Response:
    return response_of(200, None, json.dumps(result).encode())


def test_a_proxy_response_is_passed_on() -> None:
    assert answer({"statusCode": 201, "headers": {"X-A": "1"}, "body": "hi"}) == Response(
        201, (JSON, ("X-A", "1")), b"hi"
    )


def test_the_functions_content_type_replaces_the_default() -> None:
    got = answer({"statusCode": 200, "headers": {"content-type": "text/plain"}})
    assert got == Response(200, (("content-type", "text/plain"),), b"")


def test_several_values_win_over_one_of_the_same_name() -> None:
    got = answer(
        {
            "statusCode": 200,
            "headers": {"set-cookie": "a"},
            "multiValueHeaders": {"Set-Cookie": ["b", "c"]},
        }
    )
    assert got.headers == (JSON, ("Set-Cookie", "b"), ("Set-Cookie", "c"))


def test_header_values_may_be_numbers_and_flags() -> None:
    got = answer({"statusCode": 200, "headers": {"X-N": 3, "X-F": True}})
    assert got.headers == (JSON, ("X-N", "3"), ("X-F", "true"))


def test_a_function_does_not_frame_the_answer() -> None:
    got = answer({"statusCode": 200, "headers": {"Content-Length": "9", "Connection": "close"}})
    assert got.headers == (JSON,)


def test_a_body_without_utf_8_is_replaced() -> None:
    assert answer({"statusCode": 200, "body": "a\ud800b"}).body == b"a?b"


def test_a_status_may_be_a_number_in_a_string() -> None:
    assert answer({"statusCode": "404", "body": None}).status == 404


@pytest.mark.parametrize(
    "result",
    [
        None,
        "hello",
        [],
        {},
        {"body": "no status"},
        {"statusCode": True},
        {"statusCode": 200.5},
        {"statusCode": "ok"},
        {"statusCode": 199},
        {"statusCode": 600},
        {"statusCode": 200, "body": {"not": "a string"}},
        {"statusCode": 200, "headers": ["X-A"]},
        {"statusCode": 200, "headers": {"X-A": ["1"]}},
        {"statusCode": 200, "headers": {"X-A": None}},
        {"statusCode": 200, "headers": {"X-A": "1\r\nX-B: 2"}},
        {"statusCode": 200, "headers": {"X A": "1"}},
        {"statusCode": 200, "headers": {"": "1"}},
        {"statusCode": 200, "multiValueHeaders": {"X-A": "1"}},
    ],
)
def test_a_malformed_proxy_response_is_502(result: object) -> None:
    got = answer(result)
    assert (got.status, got.body) == (502, INTERNAL)


def test_a_payload_that_is_no_json_is_502() -> None:
    assert response_of(200, None, b"<html>").status == 502


def test_a_function_error_is_502_and_says_nothing_of_its_cause() -> None:
    got = response_of(200, "Unhandled", b'{"errorMessage": "secret", "statusCode": 200}')
    assert (got.status, got.body) == (502, INTERNAL)


def test_a_version_that_is_gone_is_502() -> None:
    assert response_of(404, None, b'{"__type": "ResourceNotFoundException"}').status == 502


def test_lambdas_throttling_reaches_the_caller_as_500() -> None:
    got = response_of(429, None, b'{"__type": "TooManyRequestsException"}')
    assert (got.status, got.body) == (500, INTERNAL)


@pytest.mark.parametrize(
    ("case", "status", "body"),
    [
        ("unknown stage", 403, b'{"message":"Forbidden"}'),
        ("unknown route", 403, b'{"message":"Missing Authentication Token"}'),
        ("throttled by API Gateway", 429, b'{"message":"Too Many Requests"}'),
        ("timed out", 504, b'{"message":"Endpoint request timed out"}'),
        ("too large", 413, b'{"message":"Request Too Long"}'),
    ],
)
def test_api_gateways_own_answers(case: str, status: int, body: bytes) -> None:
    got = gateway_response(case)
    assert (got.status, got.body) == (status, body)
    assert got.headers[0] == JSON


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["statusCode", "headers", "multiValueHeaders", "body", "x"]), inner
            )
        ),
    )
)
def test_whatever_a_function_returns_gets_an_answer(result: object) -> None:
    got = answer(result)
    assert 200 <= got.status <= 599
    assert all(isinstance(value, str) for _, value in got.headers)
