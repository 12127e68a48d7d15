"""The lab of invocation patterns: who processed what during a deploy, lost or doubled. Pure.

A *pattern* is a way of calling the worker. *Processed* means that the one effect was made;
*repeated*, that a message came again after that. A *lane* is what a source keeps in order: a shard,
or, where there is none, the pattern as a whole. *Overtaken* is a message that was processed after
one of its lane that was sent later. *Blocked* is how long the message behind a poisonous one waited
for it. All times are the worker's, on the run's clock.
"""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence

import polars as pl

from labs.invocation_patterns.producer import PATTERNS, kind_of
from labs.invocation_patterns.worker_record import Record
from labs.kit.table import Table
from poster.judge.checks import Checks, check
from poster.judge.statistics import quantiles_ms
from poster.judge.transition import transitions_in
from poster.rows.history import History
from poster.rows.skew import estimate_clock

ORDERED = ("kinesis", "dynamodb")


@dataclasses.dataclass(frozen=True, slots=True)
class Promise:
    """What AWS documents of a pattern, in the terms of the table."""

    on_failure: str
    retries: str
    order: str
    behind: str


_ASYNC = Promise("tried again, then a dead letter", "2", "none", "others go on")
_STREAM = Promise(
    "tried again, cut in two, then to the destination",
    "2 once it is alone; cutting is no retry",
    "within a shard",
    "the shard waits",
)
PROMISES = {
    "api": Promise("no retry, the caller is told", "0", "the caller's own", "others go on"),
    "event": _ASYNC,
    "sns": _ASYNC,
    "s3": _ASYNC,
    "kinesis": _STREAM,
    "dynamodb": _STREAM,
    "sqs": Promise(
        "back after the visibility time-out, then a dead letter",
        "{fewer}: received {receives} times (maxReceiveCount)",
        "none",
        "others go on",
    ),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Pattern:
    """What became of one pattern's messages."""

    name: str
    kinds: Counter[str]
    once: int
    repeated: int  # with one effect all the same
    never: tuple[str, ...]  # neither processed, nor a dead letter, nor refused to the caller
    doubled: tuple[str, ...]  # with two effects
    told: int  # refused to the caller
    dead: tuple[str, ...]
    dead_by_mistake: tuple[str, ...]  # not poison
    poison_processed: tuple[str, ...]
    by_release: Counter[str]
    window_s: float | None
    p50_ms: float | None
    p99_ms: float | None
    retries: int  # the most that one message has seen
    overtaken: int
    blocked_s: float | None


@dataclasses.dataclass(frozen=True, slots=True)
class Evidence:
    """All that a run leaves."""

    history: History
    rows: pl.DataFrame | None
    records: Mapping[str, Record]
    dead: Collection[str]


def patterns_in(evidence: Evidence) -> list[Pattern]:
    """Return what became of the messages of each pattern that was sent."""
    found = []
    for poster, name in enumerate(PATTERNS, start=1):
        rows = evidence.history.observations.filter(pl.col("poster") == poster)
        if rows.height:
            found.append(_pattern(name, rows, evidence))
    return found


def _pattern(name: str, rows: pl.DataFrame, evidence: Evidence) -> Pattern:
    sent = {todo: _kind_of_id(todo) for todo in rows["todo_id"]}
    records = [evidence.records[todo] for todo in sent if todo in evidence.records]
    processed = {record.message_id for record in records if record.effects}
    dead = tuple(sorted(set(evidence.dead) & set(sent)))
    refused = rows.filter((pl.col("outcome") == "fail") & pl.col("status").is_not_null())
    told = set(refused["todo_id"])
    transitions, _ = transitions_in(dataclasses.replace(evidence.history, calls=rows.lazy()))
    took = rows.filter(pl.col("outcome") == "ok")
    quantiles = quantiles_ms(
        (took["received_ns"] - took["sent_ns"]).drop_nulls().to_numpy(), {"p50": 0.5, "p99": 0.99}
    )
    lanes = _lanes(rows, records)
    return Pattern(
        name=name,
        kinds=Counter(sent.values()),
        once=sum(record.effects == 1 and not record.repeats for record in records),
        repeated=sum(record.effects == 1 and record.repeats > 0 for record in records),
        never=tuple(sorted(set(sent) - processed - set(dead) - told)),
        doubled=tuple(record.message_id for record in records if record.effects > 1),
        told=len(told),
        dead=dead,
        dead_by_mistake=tuple(each for each in dead if sent[each] != "poison"),
        poison_processed=tuple(sorted(each for each in processed if sent[each] == "poison")),
        by_release=Counter(record.marker or "?" for record in records if record.effects),
        window_s=transitions[0].window_s if transitions else None,
        p50_ms=quantiles["p50"],
        p99_ms=quantiles["p99"],
        retries=max((len(record.attempts) - 1 - record.repeats for record in records), default=0),
        overtaken=sum(map(_overtaken, lanes)),
        blocked_s=_blocked_s(lanes, rows, evidence.history.run.origin_unix_ns),
    )


def _kind_of_id(todo_id: str) -> str:
    return kind_of(int(todo_id.rpartition("-")[2]))


def _lanes(rows: pl.DataFrame, records: Sequence[Record]) -> list[list[Record]]:
    """Return each lane's records in the order in which the lane has them."""
    sent = dict(rows.select("todo_id", "sent_ns").iter_rows())
    lanes: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record.attempts:
            lanes[record.lane].append(record)

    def place(record: Record) -> int:
        sequence = record.attempts[0].sequence
        return int(sequence) if sequence else int(sent[record.message_id])

    return [sorted(lane, key=place) for lane in lanes.values()]


def _overtaken(lane: Sequence[Record]) -> int:
    overtaken, earliest = 0, float("inf")
    for record in reversed(lane):
        if record.processed_at_ms is None:
            continue
        overtaken += record.processed_at_ms > earliest
        earliest = min(earliest, record.processed_at_ms)
    return overtaken


def _blocked_s(
    lanes: Sequence[Sequence[Record]], rows: pl.DataFrame, origin_unix_ns: int
) -> float | None:
    """Return the longest wait of a message for the poisonous one before it in its lane."""
    sent_ms = {
        todo: (sent_ns + origin_unix_ns) / 1e6
        for todo, sent_ns in rows.select("todo_id", "sent_ns").iter_rows()
    }
    waits = []
    for lane in lanes:
        for place, record in enumerate(lane):
            if _kind_of_id(record.message_id) != "poison":
                continue
            good = (r for r in lane[place + 1 :] if _kind_of_id(r.message_id) == "good")
            behind = next((each for each in good if each.processed_at_ms is not None), None)
            if behind is not None and behind.processed_at_ms is not None:
                since = max(record.attempts[0].at_ms, sent_ms[behind.message_id])
                waits.append(max(0.0, behind.processed_at_ms - since) / 1e3)
    return max(waits, default=None)


def tables(patterns: Sequence[Pattern], simulated: Mapping[str, str], receives: int) -> list[Table]:
    """Return the lab's tables.

    ``simulated`` says of which patterns' sources a model stood in, ``receives`` how often the queue
    gives a message out.
    """
    who = Table(
        "Who processed what, while release xxx took over from aaa",
        (
            *("pattern", "messages", "flaky", "poison", "once", "repeated", "never"),
            *("two effects", "told the caller", "dead letters", "not poison", "by release"),
        ),
        [
            (
                each.name,
                *(str(each.kinds.total()), str(each.kinds["flaky"]), str(each.kinds["poison"])),
                *(str(each.once), str(each.repeated), str(len(each.never))),
                *(str(len(each.doubled)), str(each.told), str(len(each.dead))),
                str(len(each.dead_by_mistake)),
                ", ".join(f"{name} {count}" for name, count in sorted(each.by_release.items())),
            )
            for each in patterns
        ],
    )
    when = Table(
        "From sending to processed, and how long both releases were at work",
        ("pattern", "p50 ms", "p99 ms", "mixing window s", "source"),
        [
            (
                each.name,
                _number(each.p50_ms, 0),
                _number(each.p99_ms, 0),
                _number(each.window_s, 3),
                simulated.get(each.name, "real"),
            )
            for each in patterns
        ],
    )
    promised = Table(
        "What AWS promises, and what was measured (promised | measured)",
        ("pattern", "a message that fails", "retries", "order", "behind a poisonous message"),
        [_promised(each, receives) for each in patterns],
    )
    return [who, when, promised]


def _promised(each: Pattern, receives: int) -> tuple[str, ...]:
    promise = PROMISES[each.name]
    ended = f"{each.told} told" if each.name == "api" else f"{len(each.dead)} dead letters"
    order = "kept" if not each.overtaken else f"{each.overtaken} overtaken"
    blocked = "-" if each.blocked_s is None else f"{each.blocked_s:.1f} s"
    retries = promise.retries.format(fewer=receives - 1, receives=receives)
    return (
        each.name,
        f"{promise.on_failure} | {ended}, {len(each.never)} lost",
        f"{retries} | {each.retries}",
        f"{promise.order} | {order}",
        f"{promise.behind} | {blocked}",
    )


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def checks_in(evidence: Evidence) -> Checks:
    """Return poster's own checks of the history against the store."""
    history = evidence.history
    clock = estimate_clock(history.calls, history.run.origin_unix_ns)
    return check(history, evidence.rows, clock)


def faults_in(patterns: Sequence[Pattern], checks: Checks) -> list[str]:
    """Return what must not be, a sentence each."""
    found = []
    for each in patterns:
        wrong = {
            "processed never": each.never,
            "processed with two effects": each.doubled,
            "dead letters without being poison": each.dead_by_mistake,
            "poison, and processed": each.poison_processed,
        }
        for said, messages in wrong.items():
            if messages:
                found.append(f"{each.name}: {len(messages)} {said}: {', '.join(messages[:5])}")
        if each.name in ORDERED and each.overtaken:
            found.append(f"{each.name}: {each.overtaken} overtaken within a shard")
    for name in ("lost_writes", "duplicate_rows", "phantom_rows", "marker_mismatches"):
        finding = checks[name]
        if finding.count:
            found.append(f"{name}: {finding.count}: {', '.join(finding.witnesses)}")
    return found
