from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stage import RELEASE, SteppedClock, Taken

from poster.deploy.codedeploy import shift_between, watched
from poster.deploy.function import Alias
from poster.deploy.release import DeployError, Release
from poster.rows.record import Step


def at(version: str, **weights: float) -> Alias:
    return Alias(version, {name.removeprefix("v"): share for name, share in weights.items()}, "r")


@pytest.mark.parametrize(
    ("before", "now", "detail"),
    [
        (at("1"), at("1"), None),
        (at("1"), at("1", v2=0.1), {"from": "1", "to": "2", "weight": 0.1}),
        (at("1", v2=0.1), at("1", v2=0.2), {"from": "1", "to": "2", "weight": 0.2}),
        (at("1", v2=0.1), at("2"), {"from": "1", "to": "2", "weight": 1.0}),
        (at("1", v2=0.1), at("1"), {"from": "2", "to": "1", "weight": 1.0}),
        (at("1"), at("2"), {"from": "1", "to": "2", "weight": 1.0}),
        (at("1", v2=0.75), at("2", v1=0.25), None),  # the same shares, told the other way round
    ],
)
def test_a_change_of_shares_names_who_lost_and_who_gained(
    before: Alias, now: Alias, detail: dict[str, object] | None
) -> None:
    assert shift_between(before, now) == detail


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_share_that_a_step_tells_is_that_of_the_version_that_gained(
    was: float, is_now: float
) -> None:
    detail = shift_between(at("1", v2=was), at("1", v2=is_now))
    if detail is None:
        assert is_now == pytest.approx(was, abs=2e-9)
    elif is_now > was:
        assert detail == {"from": "1", "to": "2", "weight": is_now}
    else:
        assert detail == {"from": "2", "to": "1", "weight": 1 - is_now}


class Shifting:
    """`sam deploy` that takes as long as the alias is looked at, and an alias that moves."""

    def __init__(self, states: list[Alias | DeployError], fails: bool = False) -> None:
        self._states = iter(states)
        self._last_seen = threading.Event()
        self._fails = fails

    def alias(self) -> Alias:
        state = next(self._states, None)
        if state is None:
            self._last_seen.set()
            return at("2")
        if isinstance(state, DeployError):
            raise state
        return state

    def deploy(self, release: Release) -> Iterator[Step]:
        yield Step("deploy-started", 0)
        assert self._last_seen.wait(10)
        if self._fails:
            yield Step("deploy-failed", 1)
            raise DeployError("CodeDeploy rolled back")
        yield Step("alias-updated", 1, {"from": "1", "to": "2"})


def taken_from(shifting: Shifting, alias: Callable[[], Alias]) -> Taken:
    return Taken(watched(shifting.deploy(RELEASE), alias, SteppedClock(), look_every_s=0.001))


def test_codedeploys_shifts_are_steps_before_cloudformations_own() -> None:
    failed_look = DeployError("throttled")
    shifting = Shifting([at("1"), at("1"), at("1", v2=0.1), failed_look, at("1", v2=0.2), at("2")])
    taken = taken_from(shifting, shifting.alias)
    assert taken.error is None
    assert [move.get("weight") for move in taken.moves] == [0.1, 0.2, 1.0, None]
    assert {(move["from"], move["to"]) for move in taken.moves} == {("1", "2")}


def test_a_roll_back_by_codedeploy_is_a_move_back() -> None:
    shifting = Shifting([at("1"), at("1", v2=0.1), at("1"), at("1")], fails=True)
    taken = taken_from(shifting, lambda: next(shifting._states, None) or shifting.alias())
    assert isinstance(taken.error, DeployError)
    assert taken.names[-1] == "deploy-failed"
    assert taken.moves[1] == {"from": "2", "to": "1", "weight": 1.0}


def test_the_watch_ends_with_the_deploy() -> None:
    shifting = Shifting([at("1"), at("2")])
    taken_from(shifting, shifting.alias)
    assert "alias" not in [thread.name for thread in threading.enumerate()]
