"""Which route of a REST API serves a call."""

from __future__ import annotations

from typing import Any

import pytest

from poster.local.rest_api import Integration, RestApi, Route, routes_in

PREFIX = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/"
ARN = PREFIX + "arn:aws:lambda:us-east-1:000000000000:function:"


def resource(path: str, **methods: str) -> dict[str, Any]:
    return {
        "id": f"id of {path}",
        "path": path,
        "resourceMethods": {
            method: {"methodIntegration": {"type": "AWS_PROXY", "uri": uri}}
            for method, uri in methods.items()
        },
    }


def api(*paths: str) -> RestApi:
    return RestApi(
        "a1",
        "Prod",
        "000000000000",
        {},
        routes_in(resource(path, POST=f"{ARN}todo:live/invocations") for path in paths),
    )


def served(api: RestApi, path: str) -> tuple[str, dict[str, str]] | None:
    found = api.match("POST", path)
    return (found[0].path, found[1]) if found else None


def test_a_route_knows_its_function_and_alias() -> None:
    assert routes_in([resource("/todo", POST=f"{ARN}todo:live/invocations")]) == (
        Route("POST", "/todo", "id of /todo", Integration("todo", "live")),
    )


def test_a_route_without_an_alias_has_no_qualifier() -> None:
    (route,) = routes_in([resource("/todo", ANY=f"{ARN}todo/invocations")])
    assert route.target == Integration("todo", None)


def test_other_integrations_are_left_out() -> None:
    mock = resource("/todo", OPTIONS="")
    mock["resourceMethods"]["OPTIONS"]["methodIntegration"]["type"] = "MOCK"
    assert routes_in([mock, {"id": "r", "path": "/"}]) == ()


@pytest.mark.parametrize("path", ["/todo", "/todo/", "//todo"])
def test_empty_segments_change_nothing(path: str) -> None:
    assert served(api("/todo"), path) == ("/todo", {})


@pytest.mark.parametrize("path", ["/", "/todos", "/todo/1", "/Todo"])
def test_an_unknown_path_has_no_route(path: str) -> None:
    assert served(api("/todo"), path) is None


def test_an_unknown_method_has_no_route() -> None:
    assert api("/todo").match("GET", "/todo") is None


def test_the_root_is_a_resource_too() -> None:
    assert served(api("/"), "/") == ("/", {})


def test_literal_comes_before_parameter_before_greedy() -> None:
    some = api("/{proxy+}", "/todo/{id}", "/todo/all", "/todo/{id}/notes")
    assert served(some, "/todo/all") == ("/todo/all", {})
    assert served(some, "/todo/7") == ("/todo/{id}", {"id": "7"})
    assert served(some, "/todo/7/notes") == ("/todo/{id}/notes", {"id": "7"})
    assert served(some, "/todo/7/x") == ("/{proxy+}", {"proxy": "todo/7/x"})


def test_the_order_of_names_does_not_decide() -> None:
    assert served(api("/{all+}", "/{id}"), "/7") == ("/{id}", {"id": "7"})
    assert served(api("/{id}", "/~"), "/~") == ("/~", {})


def test_a_path_is_no_pattern() -> None:
    assert served(api("/a.b"), "/axb") is None


def test_a_named_method_comes_before_any() -> None:
    both = resource("/todo", ANY=f"{ARN}any/invocations", POST=f"{ARN}post/invocations")
    some = RestApi("a1", "Prod", "0", {}, routes_in([both]))
    for method, function in (("POST", "post"), ("PUT", "any")):
        found = some.match(method, "/todo")
        assert found is not None
        assert found[0].target.function == function


def test_targets_are_named_once() -> None:
    assert api("/a", "/b").targets == [Integration("todo", "live")]
