from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from stage import RELEASE, Stage, SteppedClock, Taken

from poster.deploy.codedeploy import watched
from poster.deploy.release import DeployError, Release
from poster.rows.record import Step


def at(version: str, **weights: float) -> dict[str, Any]:
    """Return what Lambda answers of an alias."""
    others = {name.removeprefix("v"): share for name, share in weights.items()}
    return {
        "FunctionVersion": version,
        "RoutingConfig": {"AdditionalVersionWeights": others},
        "RevisionId": "r",
    }


class Shifting:
    """`sam deploy` that takes as long as the alias is looked at, and an alias that moves."""

    def __init__(self, states: list[dict[str, Any] | None], fails: bool = False) -> None:
        self._states = iter(states)
        self._last = states[-1]
        self._last_seen = threading.Event()
        self._fails = fails

    def get_alias(self, FunctionName: str, Name: str) -> Any:
        state = next(self._states, "over")
        if state == "over":
            self._last_seen.set()
            return self._last
        if state is None:
            raise ClientError({"Error": {"Code": "TooManyRequestsException"}}, "GetAlias")
        return state

    def get_function_configuration(self, FunctionName: str, Qualifier: str = "") -> Any:
        if Qualifier:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetFunction")
        return {"CodeSha256": "a", "LastUpdateStatus": "Successful"}

    def get_paginator(self, name: str) -> Any:
        return self

    def paginate(self, FunctionName: str) -> Any:
        return [{"Versions": [{"Version": "$LATEST"}, {"Version": "2"}]}]

    def deploy(self, release: Release) -> Iterator[Step]:
        yield Step("deploy-started", 0)
        assert self._last_seen.wait(10)
        if self._fails:
            yield Step("deploy-failed", 1)
            raise DeployError("CodeDeploy rolled back")
        yield Step("alias-updated", 1, {"from": "1", "to": "2"})


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("poster.aws.watcher.EVERY_S", 0.001)


def taken_from(shifting: Shifting) -> Taken:
    stage = Stage.with_lambda(shifting, SteppedClock())  # type: ignore[arg-type]
    return Taken(watched(shifting.deploy(RELEASE), stage))


def test_codedeploys_shifts_are_steps_before_cloudformations_own() -> None:
    throttled = None
    taken = taken_from(
        Shifting([at("1"), at("1"), at("1", v2=0.1), throttled, at("1", v2=0.2), at("2")])
    )
    assert taken.error is None
    assert [move.get("weight") for move in taken.moves] == [0.1, 0.2, 1.0, None]
    assert {(move["from"], move["to"]) for move in taken.moves} == {("1", "2")}


def test_a_roll_back_by_codedeploy_is_a_move_back() -> None:
    taken = taken_from(Shifting([at("1"), at("1", v2=0.1), at("1")], fails=True))
    assert isinstance(taken.error, DeployError)
    assert taken.names[-1] == "deploy-failed"
    back = taken.moves[1]
    assert (back["from"], back["to"], back["weight"]) == ("2", "1", 1.0)


def test_the_watch_ends_with_the_deploy() -> None:
    taken_from(Shifting([at("1"), at("2")]))
    assert "watcher" not in [thread.name for thread in threading.enumerate()]
