"""What a todo is and what to answer for it.

The core of the subject: no AWS, no clock, no environment.

A *todo* is an id and a title, posted as a JSON object. It becomes a *row*, which names who served
the call. A todo that cannot be taken is *rejected* with a status and one sentence for the caller.

Invariant: the first todo to arrive under an id owns its row for good. The same todo again is
answered like the first time and changes nothing, so a caller may repeat a call whose answer it
never saw; another title under that id is a conflict.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

# Far under DynamoDB's limits (2 KiB for a key, 400 KiB for an item), far over any honest todo.
MAX_BODY_BYTES = 64 * 1024
MAX_TODO_ID_CHARS = 64
MAX_TITLE_CHARS = 256
# A fixed depth, because how deep json.loads gets before RecursionError differs between Pythons.
MAX_DEPTH = 32

Row = dict[str, str | int]


class Rejected(Exception):
    """A todo that is not taken; its text is the sentence for the caller."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True, slots=True)
class Todo:
    """An id and a title that passed ``parse``."""

    todo_id: str
    title: str


@dataclass(frozen=True, slots=True)
class Served:
    """Who serves a call, and when."""

    marker: str  # the release as the code knows it
    config_marker: str  # the release as the environment knows it
    function_version: str
    instance_id: str  # one per execution environment
    cold_start: bool  # the first call of that execution environment
    created_at_ms: int  # this call's time, ms since the epoch
    request_id: str


def parse(body: bytes) -> Todo:
    """Return the todo in a request body; unknown fields are ignored.

    Raises Rejected: 413 for a body over the limit, else 400.
    """
    if len(body) > MAX_BODY_BYTES:
        raise Rejected(413, f"body is longer than {MAX_BODY_BYTES} bytes")
    try:
        document = json.loads(body.decode(), parse_constant=_no_constant)
    except ValueError:  # not UTF-8, not JSON, a number beyond int's digits
        raise Rejected(400, "body is not JSON") from None
    except RecursionError:
        raise Rejected(400, f"body is nested deeper than {MAX_DEPTH} levels") from None
    if _depth_exceeds(MAX_DEPTH, document):
        raise Rejected(400, f"body is nested deeper than {MAX_DEPTH} levels")
    if not isinstance(document, dict):
        raise Rejected(400, "body is not a JSON object")
    return Todo(
        todo_id=_text(document, "todoId", MAX_TODO_ID_CHARS),
        title=_text(document, "title", MAX_TITLE_CHARS),
    )


def row_of(todo: Todo, served: Served) -> Row:
    """Return the row to write; ``lambda`` is the marker of the code that wrote it."""
    return {
        "todoId": todo.todo_id,
        "title": todo.title,
        "createdAt": served.created_at_ms,
        "lambda": served.marker,
        "functionVersion": served.function_version,
        "configMarker": served.config_marker,
        "instanceId": served.instance_id,
        "requestId": served.request_id,
    }


def answer(todo: Todo, title_in_table: str | None, served: Served) -> dict[str, Any]:
    """Return the body of a 200, where None in the table means that this call wrote the row.

    It says who answered *this* call and when, also for a repeated todo whose row another call
    wrote. ``requestId`` tells the two apart: it is the row's exactly when this call wrote the row,
    and only then must the row's markers and createdAt be the answer's.

    Raises Rejected: 409 when the id belongs to another title.
    """
    if title_in_table not in (None, todo.title):
        raise Rejected(409, "todoId is taken by a todo with another title")
    return {"message": "ok", "todoId": todo.todo_id, **who(served)}


def who(served: Served) -> dict[str, Any]:
    """Return who served the call, in the names that callers and logs read."""
    return {
        "marker": served.marker,
        "configMarker": served.config_marker,
        "functionVersion": served.function_version,
        "instanceId": served.instance_id,
        "coldStart": served.cold_start,
        "createdAt": served.created_at_ms,
        "requestId": served.request_id,
    }


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")  # json.loads takes NaN and Infinity unless told


def _depth_exceeds(limit: int, document: Any) -> bool:
    level = [document]
    for _ in range(limit):
        level = [child for value in level for child in _children(value)]
        if not level:
            return False
    return True


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _text(document: dict[str, Any], name: str, max_chars: int) -> str:
    if name not in document:
        raise Rejected(400, f"{name} is missing")
    value = document[name]
    if not isinstance(value, str):
        raise Rejected(400, f"{name} is not a string")
    if not value:
        raise Rejected(400, f"{name} is empty")
    if len(value) > max_chars:
        raise Rejected(400, f"{name} is longer than {max_chars} characters")
    # JSON can spell half a surrogate pair ("\ud800"); no store can hold it.
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise Rejected(400, f"{name} holds half a surrogate pair")
    return value
