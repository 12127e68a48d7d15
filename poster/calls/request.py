"""What a call sends: method, headers and a body in which every call can name itself. Pure.

``{todo_id}`` in the body stands for the call's own id (t01-0001: poster, running number), so that
the store can be compared with the history, call by call. On a stack that stays, an id begins with a
*prefix* of the run's own: a todo that is there already keeps its first writer's row.
"""

from __future__ import annotations

import dataclasses
import json

TITLE = "アレを買う"  # the published experiment's todo: "buy that one"
PLACEHOLDER = "{todo_id}"

Headers = tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """The same for every call but for its id."""

    method: str = "POST"
    headers: Headers = ()
    body: str | None = None

    def body_for(self, todo_id: str) -> bytes | None:
        """Return the body of the call with this id."""
        return None if self.body is None else self.body.replace(PLACEHOLDER, todo_id).encode()


TODO_REQUEST = Request(
    headers=(("Content-Type", "application/json"),),
    body=json.dumps({"todoId": PLACEHOLDER, "title": TITLE}),
)

# The todo API answers it like any other call, but reads no body and writes nothing.
TODO_PROBE = Request(
    "POST", (("Content-Type", "application/json"), ("X-Poster-Probe", "1")), body="{}"
)


def todo_id(poster: int, number: int, prefix: str = "") -> str:
    """Return the id of a poster's call with this running number."""
    return "%st%02d-%04d" % (prefix, poster, number)  # noqa: UP031, twice as fast, once a call


def run_prefix(origin_unix_ns: int) -> str:
    """Return a prefix that no run of another millisecond has."""
    return f"{origin_unix_ns // 1_000_000:x}-"
