from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from poster.aws.errors import NoPermissionError, NotThereError
from poster.aws.watcher import Seen, Watcher, changes
from poster.rows.clock import RunClock
from poster.rows.record import Step

BEFORE = Seen(code_sha256="a", update="Successful", newest=1, version="1", weights={})


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "GetAlias")


class FakeLambda:
    """One function with an alias; ``error`` is what every look meets."""

    def __init__(self) -> None:
        self.code = "a"
        self.newest = 1
        self.version = "1"
        self.weights: dict[str, float] = {}
        self.error: ClientError | None = None

    def get_function_configuration(self, FunctionName: str, Qualifier: str = "") -> Any:
        if self.error is not None:
            raise self.error
        if Qualifier and int(Qualifier) > self.newest:
            raise refused("ResourceNotFoundException")
        return {"CodeSha256": self.code, "LastUpdateStatus": "Successful"}

    def get_alias(self, FunctionName: str, Name: str) -> Any:
        weights = {"AdditionalVersionWeights": self.weights}
        return {"FunctionVersion": self.version, "RoutingConfig": weights}

    def get_paginator(self, name: str) -> Any:
        return self

    def paginate(self, FunctionName: str) -> Any:
        if self.error is not None:
            raise self.error
        return [{"Versions": [{"Version": "$LATEST"}, {"Version": "1"}]}]


class Watched:
    """A watcher at work, four times a second."""

    def __init__(self, client: FakeLambda, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("poster.aws.watcher.EVERY_S", 0.02)
        self.steps: list[Step] = []
        self.told: list[str] = []
        self.watcher = Watcher(client, "f", "live", RunClock(), self.steps.append, self.told.append)

    def until(self, count: int) -> None:
        deadline = time.monotonic() + 5
        while len(self.steps) + len(self.told) < count:
            assert time.monotonic() < deadline, (self.steps, self.told)
            time.sleep(0.01)


def test_a_deploy_becomes_steps_in_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    client = FakeLambda()
    watched = Watched(client, monkeypatch)
    with watched.watcher:
        client.newest = 2
        client.code = "b"
        watched.until(3)
        client.version = "2"
        watched.until(4)
    assert [step.name for step in watched.steps] == [
        *("code-updated", "update-successful", "version-published", "alias-updated")
    ]
    moved = watched.steps[-1].detail
    assert (moved["from"], moved["to"], moved["weights"]) == ("1", "2", {})
    assert moved["seen_within_s"] > 0


def test_credentials_that_are_lost_midway_are_told_once_and_nothing_is_raised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = FakeLambda()
    watched = Watched(client, monkeypatch)
    with watched.watcher:
        client.error = refused("ExpiredTokenException")
        watched.until(1)
        time.sleep(0.1)
    (said,) = watched.told
    assert said.startswith("no longer watching f: ")
    assert "sign in again" in said
    assert not watched.steps


def test_a_throttled_look_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    client = FakeLambda()
    watched = Watched(client, monkeypatch)
    with watched.watcher:
        client.error = refused("TooManyRequestsException")
        time.sleep(0.1)
        client.version = "2"
        client.error = None
        watched.until(1)
    assert [step.name for step in watched.steps] == ["alias-updated"]


@pytest.mark.parametrize(
    ("code", "error"),
    [("ResourceNotFoundException", NotThereError), ("AccessDeniedException", NoPermissionError)],
)
def test_what_cannot_be_watched_from_the_start_is_an_error(code: str, error: type) -> None:
    client = FakeLambda()
    client.error = refused(code)
    with pytest.raises(error):
        Watcher(client, "f", "live", RunClock(), lambda step: None, lambda said: None)


def moved(before: Seen, **now: Any) -> dict[str, Any]:
    seen = Seen(**{**{name: getattr(before, name) for name in Seen.__slots__}, **now})
    ((_, detail),) = changes(before, seen)
    return detail


def test_a_canary_is_one_move_by_weights() -> None:
    begun = moved(BEFORE, weights={"2": 0.1})
    assert (begun["from"], begun["to"], begun["weight"]) == ("1", "2", 0.1)
    held = Seen(code_sha256="a", update="Successful", newest=1, version="1", weights={"2": 0.1})
    ended = moved(held, version="2", weights={})
    assert (ended["from"], ended["to"], ended["weight"]) == ("1", "2", 1.0)


def test_a_canary_that_goes_back_is_a_move_back() -> None:
    held = Seen(code_sha256="a", update="Successful", newest=1, version="1", weights={"2": 0.1})
    back = moved(held, weights={})
    assert (back["from"], back["to"]) == ("2", "1")
