"""Lambda's pollers and its asynchronous queue, where the emulator has none that fail as AWS's do.

MiniStack 1.5.33 takes a stream's partial answer for a success and repeats a failed batch for ever
(no bisect, no retry limit, no destination); SNS calls a function once, failed or not; and what a
template says of dead letters is lost. So the topic, the bucket and the streams stay MiniStack's,
and this *model* stands between them and the function, by the rules that AWS documents. Whatever a
run shows of retries and dead letters there is simulated, and says so. Queues are left to MiniStack,
which redrives them itself.

A pool of threads does the work while the ``with`` block runs; none outlives it. AWS waits one
minute before the first asynchronous retry and two before the second; here it is seconds.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import functools
import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from labs.invocation_patterns.stream_batches import Batch, deliver, done_in
from labs.invocation_patterns.stream_batches import Mapping as StreamMapping
from poster.errors import PosterError

ASYNC_RETRY_S = (1.0, 2.0)  # AWS: minutes
STREAM_RETRY_S = 0.5  # AWS publishes no number
# How often AWS says that it polls a shard.
_POLL_S = {"kinesis": 1.0, "dynamodb": 0.25}
_ASYNC_CONCURRENCY = 3
_AT_ONCE = 256  # pollers, and events that are tried or wait to be tried again
_WAIT_S = 1  # of one look into a queue


class EventSourceError(PosterError):
    """The model broke: messages may be stuck in it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Sources:
    """What calls the function."""

    function: str
    alias: str
    topic: str
    bucket: str
    dead_letters: str  # a queue's URL


class EventSources:
    """The model at work, as a context manager. Start it before anything is sent."""

    def __init__(self, client: Callable[[str], Any], sources: Sources) -> None:
        self._client = functools.cache(client)
        self._sources = sources
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(_AT_ONCE, "event-source")
        self._work: list[Future[None]] = []
        self._async_slots = threading.Semaphore(_ASYNC_CONCURRENCY)

    def invoke_async(self, payload: bytes) -> None:
        """Accept an event as Invoke with ``Event`` does: it is tried until done or dead."""
        self._start(self._try_async, payload)

    def __enter__(self) -> EventSources:
        self._take_over_streams()
        self._take_over_topic()
        self._take_over_bucket()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._stopped.set()
        wait(tuple(self._work))  # before the shutdown: a poller may be handing on its last event
        self._pool.shutdown()
        failure = next(filter(None, (done.exception() for done in self._work)), None)
        if failure is not None and error is None:
            raise EventSourceError(f"the model of Lambda's event sources broke: {failure}")

    def _start(self, work: Callable[..., None], *arguments: Any) -> None:
        self._work.append(self._pool.submit(work, *arguments))

    # Asynchronous: Invoke with Event, SNS, S3.

    def _try_async(self, payload: bytes) -> None:
        for pause_s in (0, *ASYNC_RETRY_S):
            if self._stopped.wait(pause_s):
                return
            with self._async_slots:  # others go on while this one waits
                has_failed, _ = self._invoke(payload)
            if not has_failed:
                return
        # A dead-letter queue gets the event itself.
        self._client("sqs").send_message(
            QueueUrl=self._sources.dead_letters, MessageBody=payload.decode()
        )

    def _take_over_topic(self) -> None:
        sns, topic = self._client("sns"), self._sources.topic
        listed = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        for subscription in listed:
            if subscription["Protocol"] == "lambda":
                sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
        url, arn = self._queue("topic")
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        self._start(self._pump, url, _sns_event)

    def _take_over_bucket(self) -> None:
        url, arn = self._queue("bucket")
        self._client("s3").put_bucket_notification_configuration(
            Bucket=self._sources.bucket,
            NotificationConfiguration={
                "QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]
            },
        )
        self._start(self._pump, url, _s3_event)

    def _queue(self, name: str) -> tuple[str, str]:
        sqs = self._client("sqs")
        url = sqs.create_queue(QueueName=f"model-of-lambda-{name}")["QueueUrl"]
        asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, asked["Attributes"]["QueueArn"]

    def _pump(self, url: str, event_in: Callable[[str], dict[str, Any] | None]) -> None:
        sqs = self._client("sqs")
        while not self._stopped.is_set():
            received = sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=_WAIT_S
            )
            for message in received.get("Messages", []):
                event = event_in(message["Body"])
                if event is not None:
                    self.invoke_async(json.dumps(event).encode())
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    # Streams.

    def _take_over_streams(self) -> None:
        awslambda = self._client("lambda")
        listed = awslambda.list_event_source_mappings(FunctionName=self._sources.function)
        for mapping in listed["EventSourceMappings"]:
            service = mapping["EventSourceArn"].split(":")[2]
            if service in _POLL_S:
                awslambda.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
                for read in self._readers(service, mapping["EventSourceArn"]):
                    self._start(self._poll, service, mapping, read)

    def _readers(self, service: str, arn: str) -> list[Callable[[int], list[dict[str, Any]]]]:
        """Return what reads each shard: every call gives the next records, at most that many."""
        if service == "kinesis":
            kinesis, name = self._client("kinesis"), arn.rpartition("/")[2]
            shards = kinesis.list_shards(StreamName=name)["Shards"]
            return [_reader(kinesis, StreamName=name, ShardId=shard["ShardId"]) for shard in shards]
        streams = self._client("dynamodbstreams")
        shards = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        return [_reader(streams, StreamArn=arn, ShardId=shard["ShardId"]) for shard in shards]

    def _poll(
        self,
        service: str,
        mapping: Mapping[str, Any],
        read: Callable[[int], list[dict[str, Any]]],
    ) -> None:
        event_record = _kinesis_record if service == "kinesis" else _dynamodb_record
        settings = StreamMapping(
            mapping["MaximumRetryAttempts"], mapping["BisectBatchOnFunctionError"]
        )
        while not self._stopped.is_set():
            records = [event_record(record, mapping) for record in read(mapping["BatchSize"])]
            if records:
                deliver(
                    records,
                    settings,
                    self._invoke_batch,
                    functools.partial(self._discard, mapping),
                    lambda retry: self._stopped.wait(STREAM_RETRY_S * retry),
                )
            else:
                self._stopped.wait(_POLL_S[service])

    def _invoke_batch(self, batch: Batch) -> int | None:
        failed, payload = self._invoke(json.dumps({"Records": list(batch)}).encode())
        if failed:
            return None
        return done_in(json.loads(payload or b"null"), [_sequence(record) for record in batch])

    def _discard(self, mapping: Mapping[str, Any], batch: Batch, tried: int) -> None:
        """Send what AWS sends of a batch that is given up: where it is, not what is in it."""
        url = self._client("sqs").get_queue_url(
            QueueName=mapping["DestinationConfig"]["OnFailure"]["Destination"].rpartition(":")[2]
        )["QueueUrl"]
        kind = "KinesisBatchInfo" if "kinesis" in batch[0] else "DDBStreamBatchInfo"
        body = {
            "requestContext": {
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": tried,
                "functionArn": mapping["FunctionArn"],
            },
            kind: {
                "startSequenceNumber": _sequence(batch[0]),
                "endSequenceNumber": _sequence(batch[-1]),
                "batchSize": len(batch),
                "streamArn": mapping["EventSourceArn"],
            },
        }
        self._client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps(body))

    def _invoke(self, payload: bytes) -> tuple[bool, bytes]:
        """Return whether the function failed, and its payload."""
        answer = self._client("lambda").invoke(
            FunctionName=self._sources.function, Qualifier=self._sources.alias, Payload=payload
        )
        return "FunctionError" in answer, answer["Payload"].read()


def _reader(client: Any, **shard: str) -> Callable[[int], list[dict[str, Any]]]:
    iterator = client.get_shard_iterator(**shard, ShardIteratorType="TRIM_HORIZON")
    place = iterator["ShardIterator"]

    def read(limit: int) -> list[dict[str, Any]]:
        nonlocal place
        answer = client.get_records(ShardIterator=place, Limit=limit)
        place = answer["NextShardIterator"]
        return [{**record, "shard": shard["ShardId"]} for record in answer["Records"]]

    return read


def _sequence(record: Mapping[str, Any]) -> str:
    said = record.get("kinesis") or record["dynamodb"]
    return str(said.get("sequenceNumber") or said["SequenceNumber"])


def _kinesis_record(record: Mapping[str, Any], mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": record["PartitionKey"],
            "sequenceNumber": record["SequenceNumber"],
            "data": base64.b64encode(record["Data"]).decode(),
            "approximateArrivalTimestamp": _seconds(record["ApproximateArrivalTimestamp"]),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{record['shard']}:{record['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "awsRegion": mapping["EventSourceArn"].split(":")[3],
        "eventSourceARN": mapping["EventSourceArn"],
    }


def _dynamodb_record(record: Mapping[str, Any], mapping: Mapping[str, Any]) -> dict[str, Any]:
    changed = dict(record["dynamodb"])
    changed["ApproximateCreationDateTime"] = _seconds(changed["ApproximateCreationDateTime"])
    named = ("eventID", "eventName", "eventVersion", "eventSource", "awsRegion")
    return {
        **{name: record[name] for name in named},
        "dynamodb": changed,
        "eventSourceARN": mapping["EventSourceArn"],
    }


def _seconds(moment: datetime.datetime) -> float:
    return moment.timestamp()


def _sns_event(body: str) -> dict[str, Any]:
    record = {"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": json.loads(body)}
    return {"Records": [record]}


def _s3_event(body: str) -> dict[str, Any] | None:
    event: dict[str, Any] = json.loads(body)
    return event if "Records" in event else None  # S3 sends a test event first
