"""The rows of a history: one run, its observations and its steps.

A history is a text file with one JSON object per line. The first line describes the run, every
other line is an observation (one call and its outcome) or a step (one thing the deployer did or
saw). Producers write these rows and nothing else; every analysis reads these rows and nothing
else. Field names and units are a contract with other programs (``docs/history.md``).

Invariant: ``decode(encode(row)) == row`` for every row, and ``encode`` never writes a newline.

Times inside a run are nanoseconds on the run's own monotonic clock, counted from its origin. The
wall clock is read once, into ``Run.origin_unix_ns``.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, get_args

import msgspec

SCHEMA: Final = 1
MAX_NS: Final = 2**62  # 146 years: differences of two such times still fit in 64 bits
MAX_MS: Final = 2**53
PROBER = 0  # who makes harmless calls beside the posters 1, 2, 3 ...; they write nothing

Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Nanoseconds = Annotated[int, msgspec.Meta(ge=-MAX_NS, le=MAX_NS)]
Milliseconds = Annotated[int, msgspec.Meta(ge=-MAX_MS, le=MAX_MS)]
Outcome = Literal["ok", "fail", "unknown"]
TargetName = Literal["local", "aws", "url"]
LoopKind = Literal["closed", "open"]
Connection = Literal["new", "kept"]


class StepName(enum.StrEnum):
    """What our own histories call their steps."""

    BUILD_STARTED = "build-started"
    BUILD_FINISHED = "build-finished"
    DEPLOY_STARTED = "deploy-started"
    CONFIGURATION_UPDATED = "configuration-updated"
    CODE_UPDATED = "code-updated"
    VERSION_PUBLISHED = "version-published"
    ALIAS_UPDATED = "alias-updated"
    VERSION_DELETED = "version-deleted"
    PERMISSION_REMOVED = "permission-removed"
    PERMISSION_ADDED = "permission-added"
    UPDATE_SUCCESSFUL = "update-successful"
    STACK_COMPLETE = "stack-complete"
    GATE_PASSED = "gate-passed"
    DEPLOY_FINISHED = "deploy-finished"
    DEPLOY_FAILED = "deploy-failed"
    CALLS_DROPPED = "calls-dropped"


class MalformedLineError(ValueError):
    """A whole line that is not a row; the message says which field is wrong and how."""


class Run(msgspec.Struct, frozen=True, tag_field="kind", tag="run"):
    """What was run, where and with which settings; the first line of a history."""

    run_id: str
    origin_unix_ns: int  # wall clock at the origin; the only wall-clock reading of a run
    target: TargetName
    endpoint: str
    loop: LoopKind
    posters: int
    pause_s: float | None = None  # closed loop: from an answer to the next call
    rate_per_s: float | None = None  # open loop: planned calls per second
    settings: dict[str, Any] = msgspec.field(default_factory=dict)
    tools: dict[str, str] = msgspec.field(default_factory=dict)
    schema: int = SCHEMA
    origin_monotonic_ns: int | None = None  # the origin on the clock that a boot's processes share
    boot_id: str | None = None  # which boot that was


class Observation(msgspec.Struct, frozen=True, tag_field="kind", tag="observation", gc=False):
    """One call and its outcome."""

    seq: Int64  # 1, 2, 3 ... in the order calls were started
    poster: Int64
    todo_id: str
    planned_ns: Nanoseconds
    sent_ns: Nanoseconds
    received_ns: Nanoseconds | None  # None: no answer came
    outcome: Outcome
    status: Int64 | None = None
    marker: str | None = None  # the literal in the code that answered
    config_marker: str | None = None  # the same from its environment
    function_version: str | None = None
    instance_id: str | None = None
    cold_start: bool | None = None
    server_ms: Milliseconds | None = None  # the server's clock when it served, ms since the epoch
    request_id: str | None = None
    error: str | None = None  # short class and text
    pop: str | None = None  # the point of presence that answered, where a header names it
    cache: str | None = None  # the header by which a cache says that the answer is its own
    connection: Connection | None = None  # opened for this call, or kept from one before
    remote_ip: str | None = None  # the address that the connection went to


class Step(msgspec.Struct, frozen=True, tag_field="kind", tag="step"):
    """One thing the deployer did or saw.

    ``name`` is a ``StepName`` in our own histories; other programs may name their own. A step
    seen with a server's own timestamp keeps it in ``detail["server_ms"]``.
    """

    name: str
    at_ns: Nanoseconds
    detail: dict[str, Any] = msgspec.field(default_factory=dict)


Row = Run | Observation | Step

_encoder = msgspec.json.Encoder()

_KINDS: dict[str, type[Run] | type[Observation] | type[Step]] = {
    "run": Run,
    "observation": Observation,
    "step": Step,
}

_FIELDS = {kind: cls.__struct_fields__ for kind, cls in _KINDS.items()}
# A field that may be null may also be left out: the other program had nothing to say.
_LEFT_OUT = {
    kind: {
        field.name: None
        for field in msgspec.structs.fields(cls)
        if field.required and type(None) in get_args(field.type)
    }
    for kind, cls in _KINDS.items()
}


def encode(row: Row) -> str:
    """Return the row as one line of JSON, without the newline."""
    return _encoder.encode(row).decode()


def encode_lines(rows: Sequence[Row]) -> bytes:
    """Return the rows as whole lines of JSON, in UTF-8."""
    return _encoder.encode_lines(rows)


def decode(line: str | bytes) -> Row:
    """Return the row that a line holds; fields that are not ours are ignored.

    Of a field that stands there twice the first counts. Raises MalformedLineError for anything that
    is not a row.
    """
    try:
        values = json.loads(line, object_pairs_hook=_first_of_each)
    except (ValueError, RecursionError) as error:
        raise MalformedLineError(f"not JSON: {error}") from None
    if not isinstance(values, dict):
        raise MalformedLineError("not a JSON object")
    kind = values.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise MalformedLineError(f"kind is {kind!r}, not one of {', '.join(_KINDS)}")
    ours = {name: values[name] for name in _FIELDS[kind] if name in values}
    try:
        row = msgspec.convert(_LEFT_OUT[kind] | ours, _KINDS[kind])
        encode(row)  # JSON can escape half a character, which nobody can write again
    except (msgspec.ValidationError, UnicodeError, RecursionError) as error:
        raise MalformedLineError(f"no {kind} row: {error}") from None
    return row


def _first_of_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs))
