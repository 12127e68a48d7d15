from __future__ import annotations

import io
import threading
import time
from typing import Any

import pytest

from labs.invocation_patterns import pollers
from labs.invocation_patterns.pollers import EventSourceError, EventSources, Sources

SOURCES = Sources("worker", "live", "topic", "bucket", "dead-letters")


class FakeAws:
    """Lambda, with a function that fails so many times, and the services around it; no streams."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.calls = 0
        self.dead: list[str] = []
        self.breaks = False

    def client(self, service: str) -> FakeAws:
        return self

    def invoke(self, **_: Any) -> dict[str, Any]:
        if self.breaks:
            raise ConnectionError("gone")
        self.calls += 1
        failed = {"FunctionError": "Unhandled"} if self.calls <= self.failures else {}
        return {**failed, "Payload": io.BytesIO(b"null")}

    def send_message(self, QueueUrl: str, MessageBody: str) -> None:
        self.dead.append(MessageBody)

    def receive_message(self, **_: Any) -> dict[str, Any]:
        time.sleep(0.01)
        return {}

    def list_event_source_mappings(self, **_: Any) -> dict[str, Any]:
        return {"EventSourceMappings": []}

    def list_subscriptions_by_topic(self, **_: Any) -> dict[str, Any]:
        return {"Subscriptions": []}

    def create_queue(self, QueueName: str) -> dict[str, Any]:
        return {"QueueUrl": QueueName}

    def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
        return {"Attributes": {"QueueArn": "arn"}}

    def subscribe(self, **_: Any) -> None: ...

    def put_bucket_notification_configuration(self, **_: Any) -> None: ...


def until(is_so: Any) -> None:
    deadline = time.monotonic() + 5
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pollers, "ASYNC_RETRY_S", (0.01, 0.02))


def test_an_event_that_fails_three_times_is_a_dead_letter() -> None:
    aws = FakeAws(failures=9)
    with EventSources(aws.client, SOURCES) as sources:
        sources.invoke_async(b"event")
        until(lambda: aws.dead)
    assert (aws.calls, aws.dead) == (3, ["event"])


def test_an_event_that_fails_twice_is_done() -> None:
    aws = FakeAws(failures=2)
    with EventSources(aws.client, SOURCES) as sources:
        sources.invoke_async(b"event")
        until(lambda: aws.calls == 3)
    assert aws.dead == []


def test_no_thread_and_no_retry_outlives_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pollers, "ASYNC_RETRY_S", (60.0, 60.0))
    before = threading.active_count()
    aws = FakeAws(failures=9)
    with EventSources(aws.client, SOURCES) as sources:
        sources.invoke_async(b"event")
        until(lambda: aws.calls == 1)
    assert threading.active_count() == before
    assert (aws.calls, aws.dead) == (1, [])


def test_a_model_that_broke_says_so_at_the_end() -> None:
    aws = FakeAws(failures=0)
    aws.breaks = True

    def use() -> None:
        with EventSources(aws.client, SOURCES) as sources:
            sources.invoke_async(b"event")
            time.sleep(0.05)

    with pytest.raises(EventSourceError, match="gone"):
        use()
