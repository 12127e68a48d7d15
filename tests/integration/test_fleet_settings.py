"""What a function's settings do to its callers, before a real emulator."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from poster.local.fleet import Fleet
from tests.support.called import App, Caller, call_under_way
from tests.support.versioned import zipped

if TYPE_CHECKING:
    from poster.local.environment import LocalAws

pytestmark = pytest.mark.local_aws

INIT_S = 0.3
# Says when its environment was initialised; the release "broken" has no init that ends well.
SLOW = f"""
import json, time
MARKER = "aaa"
time.sleep({INIT_S})
if MARKER == "broken":
    raise RuntimeError("no init")
INITIALISED_NS = time.time_ns()
def handler(event, context):
    print("called")
    said = {{"marker": MARKER, "initialisedNs": INITIALISED_NS}}
    return {{"statusCode": 200, "body": json.dumps(said)}}
"""


def slow(marker: str) -> bytes:
    return zipped(SLOW.replace("aaa", marker))


@pytest.fixture
def app(aws: LocalAws) -> App:
    return App(aws)


def published(app: App, marker: str) -> str:
    app.lambda_.update_function_code(FunctionName=app.function, ZipFile=slow(marker))
    return str(app.lambda_.publish_version(FunctionName=app.function)["Version"])


def provision(app: App, environments: int) -> None:
    app.lambda_.put_provisioned_concurrency_config(
        FunctionName=app.function, Qualifier="live", ProvisionedConcurrentExecutions=environments
    )


def until_answered_by(fleet: Fleet, marker: str) -> int:
    """Return when its environment was initialised before the first call that it answered, in ns."""
    caller = Caller(fleet.endpoint)
    for _ in range(500):
        sent_ns = time.time_ns()
        said = caller.post().said
        if said["marker"] == marker:
            return sent_ns - int(said["initialisedNs"])
        time.sleep(0.01)
    raise AssertionError(f"{marker} did not answer")


def test_provisioned_environments_are_initialised_before_anybody_calls(app: App) -> None:
    app.point_alias(published(app, "bbb"))
    with app.fleet(lag="instant") as fleet:
        new = published(app, "ccc")
        app.point_alias(new)
        assert until_answered_by(fleet, "ccc") < 0, "without: the call started it"
    provision(app, 2)
    with app.fleet(lag="instant") as fleet:
        new = published(app, "ddd")
        app.point_alias(new)
        assert until_answered_by(fleet, "ddd") > 0


def test_a_release_whose_init_fails_reaches_nobody_behind_provisioned_concurrency(app: App) -> None:
    app.point_alias(published(app, "bbb"))
    provision(app, 1)
    with app.fleet(lag="instant") as fleet:
        app.point_alias(published(app, "broken"))
        time.sleep(INIT_S + 1.0)
        assert fleet.changes() == []
        assert Caller(fleet.endpoint).post().said["marker"] == "bbb"


def test_reserved_concurrency_counts_the_calls_of_all_callers(app: App, tmp_path: Path) -> None:
    app.lambda_.put_function_concurrency(FunctionName=app.function, ReservedConcurrentExecutions=1)
    with app.fleet(lag="instant") as fleet:
        with call_under_way(fleet, tmp_path):
            throttled = [Caller(fleet.endpoint).post() for _ in range(3)]
        assert Caller(fleet.endpoint).post().status == 200
    said = {(each.status, each.body) for each in throttled}
    assert said == {(500, b'{"message":"Internal server error"}')}


def test_an_alias_without_permission_is_500_until_it_has_it_again(app: App) -> None:
    def status_soon(fleet: Fleet, wanted: int) -> None:
        caller, deadline = Caller(fleet.endpoint), time.monotonic() + 10
        while caller.post().status != wanted:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    with app.fleet(lag="instant") as fleet:
        status_soon(fleet, 200)
        app.lambda_.remove_permission(
            FunctionName=app.function, Qualifier="live", StatementId="gateway"
        )
        status_soon(fleet, 500)
        app.permit()
        status_soon(fleet, 200)
