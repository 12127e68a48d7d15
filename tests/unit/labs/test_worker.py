from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from messages import Item, Message, MessageFailed, Unreadable, batch_in, in_order, must_fail
from store import Served, Store

EVENTS = Path(__file__).parents[3] / "labs" / "invocation_patterns" / "events"


def event(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text())


@pytest.mark.parametrize(
    ("name", "messages"),
    [
        ("api", [("t01-0001", "good", "")]),
        ("event", [("t02-0001", "good", "")]),
        ("event_poison", [("t02-0005", "poison", "")]),
        ("sns", [("t03-0001", "good", "")]),
        ("s3", [("t04-0008", "flaky", "")]),
        (
            "kinesis",
            [
                ("t05-0004", "good", "shardId-000000000001"),
                ("t05-0005", "poison", "shardId-000000000001"),
                ("t05-0006", "good", "shardId-000000000001"),
            ],
        ),
        ("dynamodb", [("t06-0001", "good", "table"), ("t06-0002", "good", "table")]),
        ("sqs", [("t07-0001", "good", ""), ("t07-0008", "flaky", "")]),
    ],
)
def test_every_source_brings_its_messages(name: str, messages: list[tuple[str, str, str]]) -> None:
    batch = batch_in(event(name))
    assert batch.source == name.partition("_")[0]
    said = [item.message for item in batch.items]
    assert [(each.message_id, each.kind, each.lane) for each in said] == messages


def test_what_a_source_takes_back_is_named_as_it_names_it() -> None:
    assert batch_in(event("sqs")).items[0].identifier == "059f36b4-87a3-44ab-83d2-661975830a7d"
    item = batch_in(event("kinesis")).items[1]
    assert (
        item.identifier
        == item.message.sequence
        == event("kinesis")["Records"][1]["kinesis"]["sequenceNumber"]
    )


@pytest.mark.parametrize(
    "unreadable",
    [
        event("api_unreadable"),
        None,
        {},
        {"messageId": "", "kind": "good"},
        {"messageId": "a", "kind": "other"},
        {"Records": []},
        {"Records": [{}]},
        {"Records": [{"eventSource": "aws:other"}]},
        {"Records": [{"eventSource": "aws:sqs", "body": "[" * 10_000, "messageId": "m"}]},
    ],
)
def test_an_event_without_messages_is_said_to_be_unreadable(unreadable: Any) -> None:
    with pytest.raises(Unreadable):
        batch_in(unreadable)


def test_flaky_fails_once_and_poison_always() -> None:
    attempts = range(1, 5)
    assert [must_fail("good", attempt) for attempt in attempts] == [False] * 4
    assert [must_fail("flaky", attempt) for attempt in attempts] == [True, False, False, False]
    assert [must_fail("poison", attempt) for attempt in attempts] == [True] * 4


def items(*kinds: str) -> list[Item]:
    return [Item(f"seq-{n}", Message(f"m{n}", kind)) for n, kind in enumerate(kinds)]


class Process:
    def __init__(self) -> None:
        self.begun: list[str] = []

    def __call__(self, item: Item) -> None:
        self.begun.append(item.message.message_id)
        if item.message.kind == "poison":
            raise MessageFailed


def test_behind_a_failure_nothing_of_the_shard_is_begun() -> None:
    process = Process()
    answer = in_order(items("good", "poison", "good"), process)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "seq-1"}]}
    assert process.begun == ["m0", "m1"]


def test_a_failure_at_the_head_of_more_is_raised_so_that_the_batch_is_cut() -> None:
    with pytest.raises(MessageFailed):
        in_order(items("poison", "good"), Process())


def test_a_failure_alone_is_named_so_that_it_is_given_up_alone() -> None:
    answer = in_order(items("poison"), Process())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "seq-0"}]}
    assert in_order(items("good", "good"), Process()) == {"batchItemFailures": []}


class FakeTable:
    """Answers the worker's three updates as DynamoDB would, for one item."""

    def __init__(self) -> None:
        self.item: dict[str, Any] = {"attempts": []}

    def update_item(self, **request: Any) -> dict[str, Any]:
        said = request["UpdateExpression"]
        if "list_append" in said:
            self.item["attempts"] += request["ExpressionAttributeValues"][":attempt"]["L"]
            return {"Attributes": {"attempts": {"L": self.item["attempts"]}}}
        if "repeats" in said:
            self.item["repeats"] = self.item.get("repeats", 0) + 1
            return {}
        assert said.endswith("ADD effects :one")
        if request.get("ConditionExpression") and "effects" in self.item:
            code = {"Error": {"Code": "ConditionalCheckFailedException", "Message": ""}}
            raise ClientError(code, "UpdateItem")
        self.item["effects"] = self.item.get("effects", 0) + 1
        return {}


def test_processing_twice_has_one_effect() -> None:
    table = FakeTable()
    store, message, served = Store(table, "t"), Message("m", "good"), Served("aaa", "1", "i", "r")
    assert store.begin("sqs", message, served, 1) == 1
    assert store.finish(message, served, 1, 2)
    assert store.begin("sqs", message, served, 3) == 2
    assert not store.finish(message, served, 2, 4)
    assert (table.item["effects"], table.item["repeats"]) == (1, 1)
