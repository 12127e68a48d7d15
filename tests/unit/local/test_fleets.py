from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from poster.local import fleets
from poster.local.fleet import Fleet
from poster.local.fleets import Fleets
from poster.local.target import Propagation


class GoneError(Exception):
    """API Gateway's NotFoundException."""


class FakeGateway:
    """REST APIs by id, of which some are replaced after they have been listed; nothing else."""

    exceptions = SimpleNamespace(NotFoundException=GoneError)
    endpoint = "http://127.0.0.1:1"

    def __init__(self, *apis: str) -> None:
        self.apis = set(apis)
        self.replaced: dict[str, str] = {}
        self.parameters: dict[str, str] = {}

    def client(self, service: str) -> FakeGateway:
        return self

    def get_rest_apis(self) -> dict[str, Any]:
        listed = [{"id": each} for each in sorted(self.apis)]
        self.apis = {self.replaced.get(each, each) for each in self.apis}
        return {"items": listed}

    def get_stages(self, restApiId: str) -> dict[str, Any]:
        if restApiId not in self.apis:
            raise GoneError
        return {"item": [{"stageName": "Prod"}]}

    def get_resources(self, restApiId: str) -> dict[str, Any]:
        if restApiId not in self.apis:
            raise GoneError
        return {"items": [{"path": "/"}, {"path": "/todo", "resourceMethods": {"POST": {}}}]}

    def put_parameter(self, Name: str, Value: str, Type: str) -> None:
        self.parameters[Name] = Value

    def get_paginator(self, operation: str) -> SimpleNamespace:
        def paginate() -> list[dict[str, Any]]:
            if operation == "get_rest_apis":
                return [self.get_rest_apis()]
            return [{"Items": [], "Functions": []}]

        return SimpleNamespace(paginate=paginate)


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch) -> Callable[[FakeGateway], Fleets]:
    class NoProcess(Fleet):
        started: ClassVar[list[str]] = []

        def start(self) -> None:
            self.started.append(self.settings.api_id)

        @property
        def endpoint(self) -> str:
            return f"http://{self.settings.api_id}:80"

    monkeypatch.setattr(fleets, "Fleet", NoProcess)
    return lambda gateway: Fleets(gateway, Propagation())  # type: ignore[arg-type]


def urls(found: Fleets) -> list[str]:
    return [url for method, url in found.look() if method == "POST"]


def test_a_resource_is_announced_once(look: Callable[[FakeGateway], Fleets]) -> None:
    found = look(FakeGateway("one", "two"))
    assert urls(found) == ["http://one:80/Prod/todo", "http://two:80/Prod/todo"]
    assert list(found.look()) == []


def test_another_shell_finds_the_fleet(look: Callable[[FakeGateway], Fleets]) -> None:
    gateway = FakeGateway("one")
    urls(look(gateway))
    (name,) = gateway.parameters
    assert name == "/poster/fleets/one/80"
    served = json.loads(gateway.parameters[name])
    assert (served["endpoint"], served["prefix"]) == ("http://one:80", "/Prod")
    assert served["propagation"]["simulated"] is True


def test_an_api_that_is_replaced_between_two_reads_is_announced_at_the_next_look(
    look: Callable[[FakeGateway], Fleets],
) -> None:
    gateway = FakeGateway("one", "two")
    gateway.replaced = {"one": "uno"}
    found = look(gateway)
    assert urls(found) == ["http://two:80/Prod/todo"]
    assert urls(found) == ["http://uno:80/Prod/todo"]
