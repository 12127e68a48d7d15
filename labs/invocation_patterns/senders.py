"""How a message is sent by each pattern, how its record is read, and the dead letters.

Nothing here knows where the services are: clients are made by the caller.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import requests

from labs.invocation_patterns.producer import Message, Send
from labs.invocation_patterns.worker_record import Record, record_in
from poster.aws.stack import plain_item
from poster.calls.answer import Answer, read_answer

_HTTP_TIMEOUT_S = 30.0
_KEYS_PER_READ = 100  # BatchGetItem's limit
_PARTITION_KEYS = 4  # of Kinesis, so that both shards get messages


def senders(
    client: Callable[[str], Any],
    outputs: Mapping[str, str],
    endpoint: str,
    through_proxies: bool,
    invoke_async: Callable[[bytes], None],
) -> dict[str, Send]:
    """Return what sends, by pattern; ``outputs`` are the stack's."""
    session = requests.Session()
    session.trust_env = through_proxies
    sns, s3, kinesis = client("sns"), client("s3"), client("kinesis")
    dynamodb, sqs = client("dynamodb"), client("sqs")

    def by_api(message: Message) -> Answer:
        answer = session.post(endpoint, data=_body(message), timeout=_HTTP_TIMEOUT_S)
        return read_answer(
            answer.status_code, answer.content, answer.headers.get("x-amzn-RequestId")
        )

    def by_event(message: Message) -> None:
        invoke_async(_body(message).encode())

    def by_sns(message: Message) -> None:
        sns.publish(TopicArn=outputs["Topic"], Message=_body(message))

    def by_s3(message: Message) -> None:
        key = f"{message.kind}/{message.message_id}"
        s3.put_object(Bucket=outputs["Bucket"], Key=key, Body=b"")

    def by_kinesis(message: Message) -> None:
        number = int(message.message_id.rpartition("-")[2])
        kinesis.put_record(
            StreamName=outputs["Stream"],
            Data=_body(message).encode(),
            PartitionKey=f"key-{number % _PARTITION_KEYS}",
        )

    def by_dynamodb(message: Message) -> None:
        item = {"messageId": {"S": message.message_id}, "kind": {"S": message.kind}}
        dynamodb.put_item(TableName=outputs["MessageTable"], Item=item)

    def by_sqs(message: Message) -> None:
        sqs.send_message(QueueUrl=outputs["Queue"], MessageBody=_body(message))

    return {
        **{"api": by_api, "event": by_event, "sns": by_sns, "s3": by_s3},
        **{"kinesis": by_kinesis, "dynamodb": by_dynamodb, "sqs": by_sqs},
    }


class WorkerTable:
    """The worker's table, read by message id."""

    def __init__(self, client: Any, table: str) -> None:
        """``client`` is of DynamoDB."""
        self._client = client
        self._table = table

    def fetch(self, message_ids: Collection[str]) -> Iterator[Record]:
        """Yield the records that there are."""
        ids = list(message_ids)
        for start in range(0, len(ids), _KEYS_PER_READ):
            keys = [{"messageId": {"S": each}} for each in ids[start : start + _KEYS_PER_READ]]
            # What the service leaves unread is asked for again at the caller's next look.
            found = self._client.batch_get_item(
                RequestItems={self._table: {"Keys": keys, "ConsistentRead": True}}
            )
            for item in found["Responses"][self._table]:
                yield record_in(plain_item(item))


class DeadLetters:
    """Everything that has come to the dead-letter queue; taken from it, and kept here."""

    def __init__(self, client: Any, url: str) -> None:
        """``client`` is of SQS."""
        self._client = client
        self._url = url
        self.letters: list[str] = []

    def all(self) -> list[str]:
        """Return the letters so far."""
        while True:
            received = self._client.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10)
            messages = received.get("Messages", [])
            for message in messages:
                self.letters.append(message["Body"])
                self._client.delete_message(
                    QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"]
                )
            if not messages:
                return self.letters


def _body(message: Message) -> str:
    return json.dumps({"messageId": message.message_id, "kind": message.kind})
