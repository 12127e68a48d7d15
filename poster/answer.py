"""Who answered, and what does the answer mean? Pure.

An answer with a 2xx status is ``ok``, any other complete answer is ``fail``. The body says which
release answered; a body that does not say so leaves these fields empty and changes no outcome.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from poster.record import Outcome

MAX_BODY_BYTES = 1024 * 1024  # the todo API answers in under 1 KiB; more is not read
MAX_ERROR_CHARS = 200

# What json.loads does around it (guessing UTF-16, say) takes as long as the parsing itself.
_raw_decode = json.JSONDecoder().raw_decode


class Answer(NamedTuple):
    """The part of an observation that the answer decides: its last fields, in their order."""

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


def read_answer(status: int, body: bytes, request_id: str | None) -> Answer:
    """Return what a complete answer says."""
    said = _object_in(body).get
    is_ok = 200 <= status < 300
    return Answer(
        "ok" if is_ok else "fail",
        status,
        _text(said("marker")),
        _text(said("configMarker")),
        _text(said("functionVersion")),
        _text(said("instanceId")),
        _flag(said("coldStart")),
        _integer(said("createdAt")),
        request_id,
        None if is_ok else short_error(f"HTTP {status}", _text(said("message"))),
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


def _object_in(body: bytes) -> dict[str, Any]:
    try:
        text = body.decode().strip()
        value, end = _raw_decode(text)
        if b"\\" in body:  # only an escape can bring in what UTF-8 cannot hold
            value = json.loads(printable(json.dumps(value, ensure_ascii=False)))
    except (ValueError, RecursionError):
        return {}
    return value if end == len(text) and isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _integer(value: object) -> int | None:
    # Polars and DynamoDB end at 64 bits; a server's clock does not need more.
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
        return value
    return None
