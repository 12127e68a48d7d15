"""Who answered, and what does the answer mean? Pure.

An answer with a 2xx status is ``ok``, any other complete answer is ``fail``, and so is one in
which Lambda says that the function failed. The body says which
release answered; a body that does not say so leaves these fields empty and changes no outcome.
"""

from __future__ import annotations

import contextlib
import json
import re
from typing import Annotated, NamedTuple

import msgspec

from poster.rows.record import Outcome

MAX_BODY_BYTES = 1024 * 1024  # the todo API answers in under 1 KiB; more is not read
MAX_ERROR_CHARS = 200


class Answer(NamedTuple):
    """The part of an observation that the answer decides, in the order of its fields."""

    outcome: Outcome
    status: int | None = None
    marker: str | None = None
    config_marker: str | None = None
    function_version: str | None = None
    instance_id: str | None = None
    cold_start: bool | None = None
    server_ms: int | None = None
    request_id: str | None = None
    error: str | None = None
    pop: str | None = None
    cache: str | None = None


class _Said(msgspec.Struct, rename="camel", gc=False):
    """What the todo API's body says; fields of a wrong type are as good as missing."""

    marker: str | None = None
    config_marker: str | None = None
    function_version: str | None = None
    instance_id: str | None = None
    cold_start: bool | None = None
    # Polars and DynamoDB end at 64 bits; a server's clock does not need more.
    created_at: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] | None = None
    message: str | None = None
    error_message: str | None = None  # Lambda's own, where the function failed
    request_id: str | None = None


_EXPIRED = re.compile(r"token included in the request is expired|Signature expired")
_decode = msgspec.json.Decoder(_Said).decode


def read_answer(
    status: int,
    body: bytes,
    gateway_id: str | None,
    pop: str | None = None,
    cache: str | None = None,
    function_error: str | None = None,
) -> Answer:
    """Return what a complete answer says.

    A call that API Gateway refuses because our own credentials have expired says nothing of the
    deploy: it is ``unknown``, not a failure that a caller saw.

    The request id in the body is the function's own and stands in the table's row too;
    ``gateway_id``, from a header, is for answers that no function made. The others are from headers
    too: an Invoke answers 200 when the function crashes, and names its error there.
    """
    said = _said_in(body)
    if status == 403 and _EXPIRED.search(said.message or ""):
        return Answer("unknown", status, error=short_error("CredentialsExpired", said.message))
    is_ok = 200 <= status < 300 and function_error is None
    what = f"HTTP {status}" if function_error is None else f"function error {function_error}"
    return Answer(
        "ok" if is_ok else "fail",
        status,
        said.marker,
        said.config_marker,
        said.function_version,
        said.instance_id,
        said.cold_start,
        said.created_at,
        said.request_id or gateway_id,
        None if is_ok else short_error(what, said.message or said.error_message),
        pop,
        cache,
    )


def unreadable(status: int, kind: str, text: str) -> Answer:
    """Return what is proved by an answer that ended early, is too big, or never began.

    ``status`` is what was read of it, or 0. A status that says no is proof enough; an
    acknowledgement that cannot be read is none.
    """
    if status >= 300:
        return Answer("fail", status, error=short_error(f"HTTP {status}", f"{kind}: {text}"))
    if status >= 200:
        kind = f"HTTP {status} unreadable, {kind}"
    return Answer("unknown", error=short_error(kind, text))


def short_error(error_class: str, text: str | None) -> str:
    """Return class and text on one line, cut to a length that keeps rows small."""
    line = " ".join(f"{error_class}: {text or ''}".rstrip(": ").split())
    return printable(line)[:MAX_ERROR_CHARS]


def printable(text: str) -> str:
    """Return text that UTF-8 can hold: JSON may escape half a surrogate pair."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _said_in(body: bytes) -> _Said:
    try:
        return _decode(body)
    except msgspec.DecodeError:
        return _fields_that_fit(body)


def _fields_that_fit(body: bytes) -> _Said:
    try:
        value = json.loads(body)
        value = json.loads(printable(json.dumps(value, ensure_ascii=False)))
    except (ValueError, RecursionError):
        return _Said()
    said = _Said()
    for name, place in zip(_Said.__struct_fields__, _Said.__struct_encode_fields__, strict=True):
        with contextlib.suppress(msgspec.ValidationError, AttributeError, RecursionError):
            found = msgspec.convert({place: value.get(place)}, _Said)
            setattr(said, name, getattr(found, name))
    return said
