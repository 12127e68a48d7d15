"""A shell that `poster local` set up finds the fleet that serves what it deployed."""

from __future__ import annotations

from typing import Any

import pytest

from poster.aws import simulated
from poster.aws.errors import AwsError
from poster.aws.simulated import Served
from poster.aws.target import AwsTarget
from poster.cli.endpoint import chosen_api

LAG = {"simulated": True, "lag": "published"}


class FakeSsm:
    """Parameters, read a page each; `meanwhile` is done before they are read."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.meanwhile: list[Any] = []

    def put_parameter(self, Name: str, Value: str, Type: str) -> None:
        self.values[Name] = Value

    def get_paginator(self, operation: str) -> FakeSsm:
        assert operation == "get_parameters_by_path"
        return self

    def paginate(self, Path: str, Recursive: bool) -> list[dict[str, Any]]:
        assert Recursive
        if self.meanwhile:
            self.meanwhile.pop()()
        return [
            {"Parameters": [{"Value": value}]}
            for name, value in self.values.items()
            if name.startswith(f"{Path}/")
        ]


@pytest.fixture
def ssm(monkeypatch: pytest.MonkeyPatch) -> FakeSsm:
    monkeypatch.setattr(simulated, "_AGAIN_S", 0.001)
    kept = FakeSsm()
    for api_id, port, prefix in (
        ("rest", 5, "/Pro"),
        ("rest", 1, "/Stage"),
        ("rest", 2, "/Prod"),
        ("http", 3, ""),
        ("url", 4, ""),
    ):
        simulated.keep(kept, api_id, Served(f"http://127.0.0.1:{port}", prefix, LAG))
    return kept


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("https://rest.execute-api.r.amazonaws.com/Prod/todo", "http://127.0.0.1:2/Prod/todo"),
        ("https://rest.execute-api.r.amazonaws.com/Stage", "http://127.0.0.1:1/Stage"),
        ("https://http.execute-api.r.amazonaws.com", "http://127.0.0.1:3"),
        ("https://http.execute-api.r.amazonaws.com/Prod/x", "http://127.0.0.1:3/Prod/x"),
        ("https://url.lambda-url.r.on.aws/", "http://127.0.0.1:4/"),
    ],
)
def test_a_url_of_aws_is_answered_by_the_fleet_of_its_stage(
    ssm: FakeSsm, endpoint: str, url: str
) -> None:
    assert simulated.local_url(ssm, endpoint) == url


def test_a_fleet_that_is_being_started_is_waited_for(ssm: FakeSsm) -> None:
    new = Served("http://127.0.0.1:9", "", LAG)
    ssm.meanwhile = [lambda: simulated.keep(ssm, "new", new), lambda: None]
    assert simulated.local_url(ssm, "https://new.lambda-url.r.on.aws/") == "http://127.0.0.1:9/"


@pytest.mark.parametrize(
    "endpoint", ["https://gone.lambda-url.r.on.aws/", "https://rest.execute-api.r.x/Other/todo"]
)
def test_what_no_fleet_serves_is_said(
    ssm: FakeSsm, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setattr(simulated, "PATIENCE_S", 0.05)
    with pytest.raises(AwsError, match=f"nothing answers {endpoint} on this machine"):
        simulated.local_url(ssm, endpoint)


def test_what_is_simulated_is_known_of_a_fleets_url_alone(ssm: FakeSsm) -> None:
    assert simulated.propagation_at(ssm, "http://127.0.0.1:3/orders") == LAG
    assert simulated.propagation_at(ssm, "http://127.0.0.1:3") == LAG
    assert simulated.propagation_at(ssm, "http://127.0.0.1:33/orders") is None


def test_an_endpoint_is_named_as_aws_names_it_or_as_it_is_served(
    ssm: FakeSsm, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ENDPOINT_URL", "POSTER_LOCAL"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setattr(AwsTarget, "client", lambda self, service: ssm)
    named = chosen_api("https://url.lambda-url.r.on.aws/", None, "us-east-1", "")
    assert (named.url, named.propagation) == ("http://127.0.0.1:4/", LAG)
    served = chosen_api("http://127.0.0.1:3/orders", None, "us-east-1", "")
    assert (served.url, served.propagation) == ("http://127.0.0.1:3/orders", LAG)
    elsewhere = chosen_api("https://example.com/", None, "us-east-1", "")
    assert (elsewhere.url, elsewhere.propagation) == ("https://example.com/", None)


def test_in_an_account_nothing_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    target = AwsTarget("us-east-1")
    assert target.propagation_at("https://example.com/") is None
    for url in ("https://example.com/", "https://a.execute-api.us-east-1.amazonaws.com/Prod"):
        assert target.reachable(url) == url


def test_of_another_local_aws_only_a_url_that_it_serves_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("POSTER_LOCAL", "http://127.0.0.1:1")  # of an earlier one
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:4566")
    target = AwsTarget("us-east-1")
    with pytest.raises(AwsError, match=r"local AWS at http://localhost:4566 .*--endpoint"):
        target.reachable("https://gone.lambda-url.us-east-1.on.aws/")
    served = "https://a.execute-api.localhost.example:4566/Prod"
    assert target.reachable(served) == served
    assert chosen_api(served, None, "us-east-1", "").propagation is None
