"""The edge: proxy event in, conditional put, answer and log line out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from app import DynamoTable, StoreError, make_handler
from botocore.exceptions import ClientError, ConnectTimeoutError, NoCredentialsError
from fake_dynamodb import FakeDynamoDB
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from release import MARKER
from todo import Served, Todo, row_of
from todo_strategies import json_values, nearly_todos

from tests.support import events

if TYPE_CHECKING:
    from app import Handler

HELLO_WORLD = Path(__file__).parents[3] / "hello_world"
NOW_MS = 1_598_499_498_051


@dataclass(frozen=True)
class Context:
    """What the handler reads of Lambda's context."""

    aws_request_id: str = "request-1"
    function_version: str = "3"
    log_stream_name: str = "2026/11/22/[3]c0ffee"


def handler_on(client: FakeDynamoDB, marker: str = "aaa", config_marker: str = "aaa") -> Handler:
    return make_handler(DynamoTable(client, "todos"), marker, config_marker, lambda: NOW_MS)


def call(
    handler: Handler, event: Any, context: Context | None = None
) -> tuple[int, dict[str, Any]]:
    response = handler(event, context or Context())
    assert set(response) == {"statusCode", "headers", "body"}
    assert response["headers"]["Content-Type"] == "application/json"
    assert response["headers"]["Cache-Control"] == "no-store"
    return response["statusCode"], json.loads(response["body"])


def post(todo: dict[str, Any]) -> dict[str, Any]:
    return events.load("created") | {"body": json.dumps(todo)}


def put_fails(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "secret cause"}}, "PutItem")


@pytest.mark.parametrize("name", events.names())
def test_an_event_ends_as_its_name_says(name: str) -> None:
    client = FakeDynamoDB()
    handler = handler_on(client)
    if name.startswith("conflict"):
        call(handler, events.load("created"))
    before = dict(client.items)
    status, body = call(handler, events.load(name))
    assert status == events.status_of(name)
    assert (client.items != before) == name.startswith("created")
    field = events.field_of(name)
    if field:
        assert body["message"].split()[0] == field


def test_the_answer_tells_who_answered_and_the_row_holds_it() -> None:
    client = FakeDynamoDB()
    status, body = call(handler_on(client, "bbb", "aaa"), events.load("created"))
    assert (status, body) == (
        200,
        {
            "message": "ok",
            "todoId": "t01-0001",
            "marker": "bbb",
            "configMarker": "aaa",
            "functionVersion": "3",
            "instanceId": "2026/11/22/[3]c0ffee",
            "coldStart": True,
            "createdAt": NOW_MS,
            "requestId": "request-1",
        },
    )
    assert client.items["t01-0001"] == {
        "todoId": {"S": "t01-0001"},
        "title": {"S": "アレを買う"},
        "createdAt": {"N": str(NOW_MS)},
        "lambda": {"S": "bbb"},
        "functionVersion": {"S": "3"},
        "configMarker": {"S": "aaa"},
        "instanceId": {"S": "2026/11/22/[3]c0ffee"},
        "requestId": {"S": "request-1"},
    }


def test_a_probe_tells_who_answered_and_writes_nothing() -> None:
    client = FakeDynamoDB(put_fails("ResourceNotFoundException"))  # the table is not even asked
    event = events.load("probe")
    status, body = call(handler_on(client, "bbb", "aaa"), event | {"body": "{"})
    assert (status, body["message"]) == (200, "probe")
    assert (body["marker"], body["configMarker"], body["functionVersion"]) == ("bbb", "aaa", "3")
    assert "todoId" not in body


@pytest.mark.parametrize("name", ["x-poster-probe", "X-Poster-Probe", "X-POSTER-PROBE"])
def test_the_probe_header_may_be_written_in_any_case(name: str) -> None:
    event = events.load("created") | {"headers": {name: ""}}
    assert call(handler_on(FakeDynamoDB()), event)[1]["message"] == "probe"


def test_only_the_first_call_of_an_environment_is_a_cold_start() -> None:
    handler = handler_on(FakeDynamoDB())
    # A rejected call warms the environment like any other.
    call(handler, events.load("bad_request_body_missing"))
    assert call(handler, events.load("created"))[1]["coldStart"] is False
    assert call(handler_on(FakeDynamoDB()), events.load("created"))[1]["coldStart"] is True


def test_a_retry_is_answered_by_the_new_release_and_keeps_the_first_writers_row() -> None:
    client = FakeDynamoDB()
    call(handler_on(client, "aaa"), events.load("created"))
    first = dict(client.items["t01-0001"])
    status, body = call(
        handler_on(client, "bbb"), events.load("created"), Context(aws_request_id="request-2")
    )
    assert (status, body["marker"]) == (200, "bbb")
    assert client.items["t01-0001"] == first
    # The differing request ids are what keeps a checker from calling this a marker mismatch.
    assert (first["requestId"]["S"], body["requestId"]) == ("request-1", "request-2")


def test_a_put_repeated_by_the_client_meets_its_own_row_and_succeeds() -> None:
    client = FakeDynamoDB()
    row = row_of(
        Todo("t01-0001", "アレを買う"),
        Served("aaa", "aaa", "3", "i", True, NOW_MS, "request-1"),
    )
    table = DynamoTable(client, "todos")
    assert table.put_if_absent(row) is None
    assert table.put_if_absent(row) == "アレを買う"


todos = st.builds(lambda i, t: {"todoId": i, "title": t}, *[st.sampled_from(["a", "b", "c"])] * 2)


@given(st.lists(st.tuples(todos, st.sampled_from(["aaa", "bbb"])), max_size=20))
def test_the_first_writer_owns_the_row_in_any_order_of_calls(
    calls: list[tuple[dict[str, str], str]],
) -> None:
    client = FakeDynamoDB()
    handlers = {marker: handler_on(client, marker) for marker in ("aaa", "bbb")}
    owner: dict[str, tuple[str, str]] = {}
    for todo, marker in calls:
        status, body = call(handlers[marker], post(todo))
        title, _ = owner.setdefault(todo["todoId"], (todo["title"], marker))
        assert status == (200 if todo["title"] == title else 409)
        assert status == 409 or body["marker"] == marker
    assert {
        key: (item["title"]["S"], item["lambda"]["S"]) for key, item in client.items.items()
    } == owner


proxy_like = st.fixed_dictionaries(
    {},
    optional={
        "body": json_values | json_values.map(json.dumps) | nearly_todos.map(json.dumps),
        "isBase64Encoded": st.booleans() | json_values,
        "headers": json_values | st.just({"X-Poster-Probe": "1"}),
    },
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(proxy_like | json_values)
def test_no_event_raises_or_is_answered_with_a_5xx(event: Any) -> None:
    client = FakeDynamoDB()
    status, body = call(handler_on(client), event)
    assert status in {200, 400}
    assert bool(client.items) == (body["message"] == "ok")
    assert status == 400 or body["message"] in {"ok", "probe"}


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (None, "body is missing"),
        ([], "body is missing"),
        ({}, "body is missing"),
        ({"body": ""}, "body is missing"),
        ({"body": {"todoId": "a"}}, "body is not text"),
        ({"body": "\ud800"}, "body is not UTF-8"),
        ({"body": "あ", "isBase64Encoded": True}, "body is not base64"),
        ({"body": "e30=!", "isBase64Encoded": True}, "body is not base64"),
    ],
)
def test_a_malformed_event_is_a_bad_request(event: Any, sentence: str) -> None:
    assert call(handler_on(FakeDynamoDB()), event) == (400, {"message": sentence})


def test_an_event_without_is_base64_encoded_holds_plain_text() -> None:
    event = events.load("created")
    del event["isBase64Encoded"]
    assert call(handler_on(FakeDynamoDB()), event)[0] == 200


@pytest.mark.parametrize(
    ("failure", "name"),
    [
        (put_fails("ProvisionedThroughputExceededException"), "ProvisionedThroughputExceeded"),
        (put_fails("ResourceNotFoundException"), "ResourceNotFoundException"),
        # An endpoint that refuses without the old row leaves open whose title is there.
        (put_fails("ConditionalCheckFailedException"), "ConditionalCheckFailedException"),
        (ConnectTimeoutError(endpoint_url="http://secret cause"), "ConnectTimeoutError"),
        (NoCredentialsError(), "NoCredentialsError"),
    ],
)
def test_a_store_failure_is_a_bare_ng_and_its_cause_is_in_the_log(
    failure: Exception, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    client = FakeDynamoDB(failure)
    assert call(handler_on(client), events.load("created")) == (500, {"message": "ng"})
    line = json.loads(capsys.readouterr().out)
    assert (line["level"], line["requestId"]) == ("ERROR", "request-1")
    assert name in line["error"]
    assert call(handler_on(client), events.load("created"))[0] == 200


def test_a_store_error_keeps_its_cause() -> None:
    failure = NoCredentialsError()
    with pytest.raises(StoreError) as caught:
        DynamoTable(FakeDynamoDB(failure), "todos").put_if_absent({"todoId": "a"})
    assert caught.value.__cause__ is failure


@pytest.mark.parametrize(
    "name", ["created", "probe", "bad_request_title_missing", "payload_too_large"]
)
def test_every_call_leaves_one_line_that_says_who_answered(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, body = call(handler_on(FakeDynamoDB()), events.load(name))
    (line,) = capsys.readouterr().out.splitlines()
    logged = json.loads(line)
    assert logged["message"] == body["message"]
    assert {key: logged[key] for key in ("level", "status", "marker", "instanceId")} == {
        "level": "INFO",
        "status": status,
        "marker": "aaa",
        "instanceId": "2026/11/22/[3]c0ffee",
    }
    # No title, and nothing else that the caller sent but an id that was taken.
    assert set(logged) <= {"level", "status", "message", "todoId", "requestId", "createdAt"} | {
        *("marker", "configMarker", "functionVersion", "instanceId", "coldStart")
    }


OUTSIDE_LAMBDA = """
import json, socket, sys
asked = []
def refuse(self, address):
    asked.append(address)
    raise OSError("no network in this test")
socket.socket.connect = refuse
from types import SimpleNamespace
import app
assert not asked, asked
context = SimpleNamespace(aws_request_id="r", function_version="$LATEST", log_stream_name="s")
print(json.dumps([app.lambda_handler(json.loads(line), context) for line in sys.stdin]))
"""


@pytest.mark.parametrize(
    ("keys", "cause"),
    [
        ({}, "NoCredentialsError"),
        ({"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}, "EndpointConnectionError"),
    ],
)
def test_without_lambda_and_table_the_entry_still_answers_soon_and_asks_no_network_for_keys(
    keys: dict[str, str], cause: str, tmp_path: Path
) -> None:
    """What ``sam local invoke`` meets: the template's variables, no table, perhaps no keys."""
    sent = [events.load("created"), events.load("bad_request_title_missing")]
    home = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", OUTSIDE_LAMBDA],
        input="\n".join(json.dumps(event) for event in sent),
        env=home | keys | {"TABLE_NAME": "TodoTable", "CONFIG_MARKER": "zzz"},
        cwd=HELLO_WORLD,
        capture_output=True,
        text=True,
        check=True,
    )
    assert time.monotonic() - started < 10  # the function's Timeout
    *log_lines, answers = done.stdout.splitlines()
    logged = [json.loads(line) for line in log_lines]
    assert [line["status"] for line in logged] == [500, 400]
    assert logged[0]["error"].startswith(cause)
    assert {(line["marker"], line["configMarker"]) for line in logged} == {(MARKER, "zzz")}
    created, rejected = json.loads(answers)
    assert (created["statusCode"], json.loads(created["body"])) == (500, {"message": "ng"})
    assert rejected["statusCode"] == 400
