"""A change of an alias is handed on at once, or when what is to be kept initialised is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from poster.local.followed import Followed
from poster.local.front_ends import FrontEnds, Routing
from poster.local.lag import Seconds
from poster.local.policy import lets_invoke
from poster.local.rest_api import Integration

ONE, TWO, THREE = Routing("1"), Routing("2"), Routing("3")
GATEWAY = "apigateway.amazonaws.com"
ALLOWED = {
    "Effect": "Allow",
    "Principal": {"Service": GATEWAY},
    "Action": "lambda:InvokeFunction",
    "Resource": "arn:aws:lambda:us-east-1:000000000000:function:todo:live",
}


class FakeLambda:
    """An alias at version 1; inits end when the test says so."""

    def __init__(self, environments: int = 0) -> None:
        self.routing = ONE
        self.environments = environments
        self.policy: dict[str, Any] | None = {"Statement": [ALLOWED]}
        self.asked: list[tuple[str, int]] = []
        self.inits: dict[str, asyncio.Future[str | None]] = {}

    async def get_alias(self, function: str, alias: str) -> Routing:
        return self.routing

    async def get_policy(self, function: str, qualifier: str) -> dict[str, Any] | None:
        return self.policy

    async def provisioned(self, function: str, alias: str) -> int:
        return self.environments

    async def initialise(self, function: str, version: str, environments: int) -> str | None:
        self.asked.append((version, environments))
        self.inits[version] = asyncio.get_running_loop().create_future()
        return await self.inits[version]

    async def ended(self, version: str, why_not: str | None = None) -> None:
        """Let the inits of a version end."""
        await turns()
        self.inits[version].set_result(why_not)
        await turns()


async def turns() -> None:
    """Let the event loop do what is due."""
    for _ in range(5):
        await asyncio.sleep(0)


class Clock:
    def now_ns(self) -> int:
        return 10


def followed(api: FakeLambda, invoked_by: str | None = None) -> Followed:
    front_ends = FrontEnds(1, Seconds(0.0), "seed", ONE)
    return Followed(Integration("todo", "live"), front_ends, api, Clock(), invoked_by)


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


def test_a_change_is_handed_on_at_once() -> None:
    async def test() -> None:
        api = FakeLambda()
        alias = followed(api)
        api.routing = TWO
        await alias.look()
        assert alias.front_ends.newest == TWO
        await alias.look()
        assert len(alias.front_ends.changes) == 1

    run(test)


def test_provisioned_concurrency_keeps_callers_at_the_old_version_until_it_is_there() -> None:
    async def test() -> None:
        api = FakeLambda(environments=3)
        alias = followed(api)
        api.routing = TWO
        await alias.look()
        await turns()
        assert api.asked == [("2", 3)]
        assert alias.front_ends.newest == ONE
        await api.ended("2")
        assert alias.front_ends.newest == TWO

    run(test)


def test_callers_stay_at_the_old_version_where_the_init_of_the_new_one_fails() -> None:
    async def test() -> None:
        api = FakeLambda(environments=1)
        alias = followed(api)
        api.routing = TWO
        await alias.look()
        await api.ended("2", "the init failed")
        await alias.look()
        assert alias.front_ends.newest == ONE
        api.routing = ONE
        await alias.look()
        assert alias.front_ends.changes == []
        api.routing = THREE
        await alias.look()
        await api.ended("3")
        assert alias.front_ends.newest == THREE

    run(test)


def test_an_allocation_that_a_later_change_overtakes_changes_nothing() -> None:
    async def test() -> None:
        api = FakeLambda(environments=1)
        alias = followed(api)
        api.routing = TWO
        await alias.look()
        await turns()
        api.routing = THREE
        await alias.look()
        await api.ended("3")
        assert alias.front_ends.newest == THREE
        assert len(alias.front_ends.changes) == 1

    run(test)


def test_weights_alone_are_handed_on_at_once() -> None:
    async def test() -> None:
        api = FakeLambda(environments=1)
        alias = followed(api)
        api.routing = Routing("1", (("2", 0.1),))
        await alias.look()
        assert alias.front_ends.newest == api.routing
        assert api.asked == []

    run(test)


def test_an_entrance_may_invoke_while_the_policy_of_the_alias_lets_it() -> None:
    async def test() -> None:
        api = FakeLambda()
        alias = followed(api, invoked_by=GATEWAY)
        await alias.begin()
        assert alias.may_be_invoked
        api.policy = None
        await alias.look_at_policy()
        assert not alias.may_be_invoked
        api.policy = {"Statement": [ALLOWED]}
        await alias.look_at_policy()
        assert alias.may_be_invoked

    run(test)


def test_a_caller_that_invokes_needs_no_permission_of_an_entrance() -> None:
    async def test() -> None:
        api = FakeLambda()
        api.policy = None
        alias = followed(api)
        await alias.begin()
        assert alias.may_be_invoked

    run(test)


@pytest.mark.parametrize(
    ("change", "lets"),
    [
        ({}, True),
        ({"Principal": "*"}, True),
        ({"Action": "lambda:*"}, True),
        ({"Effect": "Deny"}, False),
        ({"Principal": {"Service": "sns.amazonaws.com"}}, False),
        ({"Principal": {"AWS": "arn:aws:iam::000000000000:root"}}, False),
        ({"Action": "lambda:InvokeFunctionUrl"}, False),
    ],
)
def test_what_a_statement_lets(change: dict[str, Any], lets: bool) -> None:
    assert lets_invoke({"Statement": [ALLOWED | change]}, GATEWAY) is lets


def test_no_policy_lets_nothing() -> None:
    assert not lets_invoke(None, GATEWAY)
    assert not lets_invoke({"Statement": []}, GATEWAY)
