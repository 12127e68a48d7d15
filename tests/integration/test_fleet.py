"""The fleet before a real emulator: what callers see of a switch, of faults, of API Gateway."""

from __future__ import annotations

import dataclasses
import http.client
import json
import statistics
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from poster.local.environment import LocalAws
from poster.local.fleet import Fleet, FleetError, FleetSettings
from poster.local.front_ends import Routing
from tests.support.called import (
    TABLE,
    Answer,
    App,
    Caller,
    call_under_way,
    code,
    wait_for,
    wait_for_changes,
)


@pytest.fixture(scope="module")
def aws(aws: LocalAws) -> LocalAws:
    aws.client("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "todoId", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "todoId", "KeyType": "HASH"}],
    )
    return aws


@pytest.fixture(scope="module")
def app(aws: LocalAws) -> App:
    return App(aws)


@pytest.fixture
def new_app(aws: LocalAws) -> App:
    return App(aws)


def test_the_event_equals_the_emulators_own(app: App) -> None:
    path = "/todo?a=1&a=2&b=%20"
    headers = {"Cookie": "a=1", "X-Forwarded-For": "10.0.0.1, 10.0.0.2", "User-Agent": "test"}
    with app.fleet() as fleet:
        ours = Caller(fleet.endpoint).post(f"/Prod{path}", headers, title="アレを買う")
    emulator = f"/restapis/{app.api_id}/Prod/_user_request_{path}"
    theirs = Caller(app.aws.endpoint).post(emulator, headers, title="アレを買う")
    assert comparable(ours.said["event"]) == comparable(theirs.said["event"])
    assert ours.said["event"]["requestContext"]["requestId"] == ours.headers["x-amzn-requestid"]
    assert ours.status == theirs.status
    for name in ("content-type", "x-echo"):
        assert ours.headers[name] == theirs.headers[name]


def comparable(event: dict[str, Any]) -> dict[str, Any]:
    """Blank what differs from call to call and port to port."""
    context = event["requestContext"]
    for name in ("requestId", "extendedRequestId", "requestTime"):
        assert isinstance(context.pop(name), str)
    assert abs(context.pop("requestTimeEpoch") / 1000 - time.time()) < 30
    assert event["headers"].pop("host").startswith("127.0.0.1:")
    assert len(event["multiValueHeaders"].pop("host")) == 1
    return event


@pytest.mark.parametrize("path", ["/Prod/other", "/Stage/todo"])
def test_unknown_paths_are_answered_as_by_the_emulator(app: App, path: str) -> None:
    stage, resource = path.strip("/").split("/")
    with app.fleet() as fleet:
        ours = Caller(fleet.endpoint).post(path)
    theirs = Caller(app.aws.endpoint).post(
        f"/restapis/{app.api_id}/{stage}/_user_request_/{resource}"
    )
    assert (ours.status, ours.body) == (theirs.status, theirs.body)
    assert ours.headers["x-amzn-errortype"] == theirs.headers["x-amzn-errortype"]


def test_api_gateways_rules_for_functions_that_fail(app: App) -> None:
    internal = (502, b'{"message":"Internal server error"}')
    with app.fleet(timeout_s=1.0) as fleet:
        caller = Caller(fleet.endpoint)
        raised, malformed = caller.post(do="raise"), caller.post(do="malformed")
        assert (raised.status, raised.body) == internal
        assert (malformed.status, malformed.body) == internal
        slept = caller.post(do="sleep", s=3)
        assert (slept.status, slept.body) == (504, b'{"message":"Endpoint request timed out"}')


def test_answers_say_that_they_are_simulated(app: App) -> None:
    with app.fleet(seed=3) as fleet:
        answer = Caller(fleet.endpoint).post()
    assert answer.headers["x-simulated-propagation"].startswith("published; front-end=")
    assert str(fleet.settings) == "simulated propagation: published, 40 front ends, seed 3"


def test_an_alias_switch_mixes_old_and_new_until_it_has_settled(new_app: App) -> None:
    new = new_app.publish("xxx")
    with new_app.fleet(lag="uniform:0,2", seed=1) as fleet:
        caller = Caller(fleet.endpoint)
        assert {caller.post().said["marker"] for _ in range(5)} == {"aaa"}
        new_app.point_alias(new)
        wait_for_changes(fleet, 1)
        (change,) = fleet.changes()
        assert abs(change.at_ns - time.time_ns()) < 10e9
        seen = [(time.time_ns(), caller.post().said["marker"]) for _ in range(200)]
        while time.time_ns() < change.settled_ns:
            seen.append((time.time_ns(), caller.post().said["marker"]))
        after = {caller.post().said["marker"] for _ in range(10)}
    markers = [marker for _, marker in seen]
    first_new, last_old = markers.index("xxx"), len(markers) - markers[::-1].index("aaa") - 1
    assert first_new < last_old
    assert "xxx" in markers[first_new:last_old]
    assert seen[last_old][0] < change.settled_ns <= change.at_ns + 2_000_000_000
    assert after == {"xxx"}
    assert (change.before, change.after) == (Routing("1"), Routing(new))
    assert len(set(change.adopted_ns)) == len(change.lags_s) == 40


def test_an_instant_switch_is_a_clean_cut(new_app: App) -> None:
    new = new_app.publish("xxx")
    with new_app.fleet(lag="instant") as fleet:
        caller = Caller(fleet.endpoint)
        new_app.point_alias(new)
        markers = [caller.post().said["marker"] for _ in range(30)]
    assert markers == sorted(markers)
    assert markers[-1] == "xxx"


def test_weights_are_honoured(new_app: App) -> None:
    new = new_app.publish("xxx")
    with new_app.fleet(lag="instant", seed=5) as fleet:
        new_app.point_alias("1", **{f"v{new}": 0.3})
        wait_for_changes(fleet, 1)
        assert fleet.changes()[0].after == Routing("1", ((new, 0.3),))
        caller = Caller(fleet.endpoint)
        versions = Counter(caller.post().said["version"] for _ in range(200))
    assert 35 <= versions[new] <= 85  # 60 expected; 4 standard deviations


def test_a_connection_stays_at_its_front_end_when_sticky(app: App) -> None:
    def front_ends(fleet: Fleet) -> list[set[str]]:
        seen = []
        for _ in range(6):
            caller = Caller(fleet.endpoint)
            notes = [caller.post().headers["x-simulated-propagation"] for _ in range(5)]
            seen.append({note.split(";")[1] for note in notes})
            caller.close()
        return seen

    with app.fleet(is_sticky=True) as fleet:
        sticky = front_ends(fleet)
    assert [len(each) for each in sticky] == [1] * 6
    assert len(set.union(*sticky)) > 1
    with app.fleet() as fleet:
        assert max(len(each) for each in front_ends(fleet)) > 1


def test_deleting_the_old_version_under_lag_gives_502(new_app: App) -> None:
    new = new_app.publish("xxx")
    with new_app.fleet(lag="uniform:2,3", seed=2) as fleet:
        caller = Caller(fleet.endpoint)
        assert caller.post().status == 200
        new_app.point_alias(new)
        new_app.lambda_.delete_function(FunctionName=new_app.function, Qualifier="1")
        wait_for_changes(fleet, 1)
        during = Counter(caller.post().status for _ in range(20))
        time.sleep(max(0, fleet.changes()[0].settled_ns - time.time_ns()) / 1e9)
        after = Counter(caller.post().status for _ in range(10))
    assert during[502] > 0
    assert set(during) <= {200, 502}
    assert after == {200: 10}


def test_latest_shows_old_code_with_new_configuration_between_two_updates(new_app: App) -> None:
    def release(fleet: Fleet) -> tuple[str, str, str]:
        said = Caller(fleet.endpoint).post().said
        return said["marker"], said["configMarker"], said["version"]

    with new_app.fleet(qualifier="$LATEST") as fleet:
        assert release(fleet) == ("aaa", "aaa", "$LATEST")
        new_app.lambda_.update_function_configuration(
            FunctionName=new_app.function,
            Environment={"Variables": {"CONFIG_MARKER": "xxx", "TABLE": TABLE}},
        )
        assert release(fleet) == ("aaa", "xxx", "$LATEST")
        new_app.lambda_.update_function_code(FunctionName=new_app.function, ZipFile=code("xxx"))
        assert release(fleet) == ("xxx", "xxx", "$LATEST")
        assert fleet.changes() == []


def test_a_reset_call_is_never_answered(app: App) -> None:
    with app.fleet(faults=("reset:1",)) as fleet, pytest.raises(ConnectionResetError) as raised:
        Caller(fleet.endpoint).post()
    assert raised.type is ConnectionResetError  # RemoteDisconnected would be a mere hang-up


def test_throttling_by_api_gateway_is_429_and_by_lambda_500(app: App, tmp_path: Path) -> None:
    with app.fleet(faults=("throttle:1",)) as fleet:
        answer = Caller(fleet.endpoint).post()
        assert (answer.status, answer.body) == (429, b'{"message":"Too Many Requests"}')
    with app.fleet(faults=("concurrency:1",)) as fleet:
        with call_under_way(fleet, tmp_path):
            assert Caller(fleet.endpoint).post().status == 500
        assert Caller(fleet.endpoint).post().status == 200


def items(app: App) -> set[str]:
    rows = app.aws.client("dynamodb").scan(TableName=TABLE, ConsistentRead=True)["Items"]
    return {row["todoId"]["S"] for row in rows}


def test_a_slow_answer_has_written_before_the_client_gives_up(app: App) -> None:
    with app.fleet(faults=("slow:1,60",)) as fleet:
        connection = http.client.HTTPConnection(fleet.endpoint.removeprefix("http://"))
        connection.request("POST", "/Prod/todo", json.dumps({"do": "put", "todoId": "slow"}))
        wait_for(lambda: "slow" in items(app))
        connection.sock.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.getresponse()
        connection.close()


def test_a_lost_write_is_acknowledged_and_not_in_the_table(app: App) -> None:
    with app.fleet(faults=(f"lost:1,{TABLE},todoId",)) as fleet:
        answer = Caller(fleet.endpoint).post(do="put", todoId="lost")
    assert (answer.status, answer.said["asked"]["todoId"]) == (200, "lost")
    assert "lost" not in items(app)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"lag": "slow"}, "there is no lag 'slow'"),
        ({"lag": "file:/nowhere"}, "No such file"),
        ({"faults": ("fire:1",)}, "there is no fault 'fire:1'"),
        ({"qualifier": "dead"}, "alias dead of todo-.* Alias not found"),
    ],
)
def test_a_fleet_that_cannot_start_says_why(
    app: App, settings: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(FleetError, match=f"the fleet did not start: .*{sentence}"):
        app.fleet(**settings).start()


def test_a_fleet_needs_a_deployed_api(aws: LocalAws) -> None:
    with pytest.raises(FleetError, match="stage Prod of API nope cannot be read"):
        Fleet(aws, FleetSettings("nope", "Prod")).start()


def test_settings_follow_from_the_stacks_output() -> None:
    endpoint = "https://a1b2.execute-api.us-east-1.amazonaws.com/Prod/todo"
    settings = FleetSettings.of_endpoint(endpoint, seed=4)
    assert settings == FleetSettings("a1b2", "Prod", seed=4)
    fleet = Fleet(LocalAws("http://127.0.0.1:1", "token"), settings)
    assert fleet.local_url(endpoint).endswith("/Prod/todo")


@dataclasses.dataclass
class Load:
    """Open loop at ``rate_per_s`` from 16 connections in turn."""

    url: str
    path: str
    rate_per_s: int
    calls: int

    def run(self) -> tuple[list[tuple[int, int, Answer, float]], float]:
        """Return (caller, number, answer, ms) per call as answers came, and how long all took."""
        results: list[tuple[int, int, Answer, float]] = []
        start = time.monotonic() + 0.1

        def call(who: int) -> None:
            caller = Caller(self.url)
            for number in range(who, self.calls, 16):
                time.sleep(max(0, start + number / self.rate_per_s - time.monotonic()))
                sent = time.perf_counter()
                answer = caller.post(self.path, number=number)
                results.append((who, number, answer, (time.perf_counter() - sent) * 1e3))

        threads = [threading.Thread(target=call, args=(who,)) for who in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results, time.monotonic() - start


def through_emulator(app: App, rate_per_s: int, calls: int) -> Load:
    path = f"/restapis/{app.api_id}/Prod/_user_request_/todo"
    return Load(app.aws.endpoint, path, rate_per_s, calls)


def test_fifty_calls_a_second_cost_at_most_5_ms_more_than_the_emulators_own(app: App) -> None:
    def median_ms(load: Load) -> float:
        return statistics.median(total_ms for *_, total_ms in load.run()[0])

    through_emulator(app, 200, 50).run()  # starts workers
    with app.fleet() as fleet:
        ours, its = Load(fleet.endpoint, "/Prod/todo", 50, 100), through_emulator(app, 50, 100)
        # One quiet moment shows what the fleet costs; a busy one shows the machine.
        assert any(median_ms(ours) - median_ms(its) <= 5 for _ in range(8))


def test_two_hundred_calls_a_second_are_neither_dropped_nor_mixed_up(app: App) -> None:
    with app.fleet() as fleet:
        results, _ = Load(fleet.endpoint, "/Prod/todo", 200, 600).run()
    assert sorted(number for _, number, _, _ in results) == list(range(600))
    for who in range(16):
        numbers = [number for caller, number, _, _ in results if caller == who]
        assert numbers == list(range(who, 600, 16))
    for _, number, answer, _ in results:
        assert (answer.status, answer.said["asked"]) == (200, {"number": number})
