"""The event files in ``events/``, which name their outcome.

A name is an outcome and, where there are several ways to it, the way: ``bad_request_title_empty``
is a 400 whose sentence begins with the field. ``conflict`` takes ``created`` to be in the table.
The files have the shape of ``GENERATE_EVENT`` and, but for the body and the header that makes a
``probe``, its values.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

EVENTS = Path(__file__).parents[2] / "events"

GENERATE_EVENT = (
    *("sam", "local", "generate-event", "apigateway", "aws-proxy"),
    *("--method", "POST", "--path", "todo", "--resource", "/todo", "--stage", "Prod"),
)

STATUS_OF = {
    "created": 200,
    "probe": 200,
    "bad_request": 400,
    "conflict": 409,
    "payload_too_large": 413,
}
FIELD_OF = {"body": "body", "todo_id": "todoId", "title": "title"}


def names() -> list[str]:
    """Return the names of all event files, without the suffix."""
    return sorted(path.stem for path in EVENTS.glob("*.json"))


def load(name: str) -> dict[str, Any]:
    """Return the event in the file of this name."""
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    return event


def status_of(name: str) -> int:
    """Return the HTTP status that the name promises."""
    return next(status for outcome, status in STATUS_OF.items() if name.startswith(outcome))


def field_of(name: str) -> str | None:
    """Return the field that the sentence of a bad request must begin with."""
    if not name.startswith("bad_request_"):
        return None
    way = name.removeprefix("bad_request_")
    return next(field for prefix, field in FIELD_OF.items() if way.startswith(prefix))
