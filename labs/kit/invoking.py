"""Calls by the Invoke API, one after the other, as observations.

Lambda answers an Invoke with status 200 also when the function failed: only the *function error*
beside the payload says so. Such a call is ``fail``, whatever the payload says.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator

from poster.calls.answer import Answer, read_answer, short_error
from poster.calls.request import todo_id
from poster.rows.clock import Clock
from poster.rows.record import Observation


@dataclasses.dataclass(frozen=True, slots=True)
class Reply:
    """What came back from one invocation."""

    status: int
    payload: bytes
    function_error: str | None  # None also where the emulator does not say
    log: str  # what the call left in the log, as far as it can be told
    request_id: str | None = None


Invoke = Callable[[bytes], Reply]


def answer_in(reply: Reply) -> Answer:
    """Return what a reply says, in the words of an observation."""
    answer = read_answer(reply.status, reply.payload, reply.request_id)
    said = error_in(reply.payload)
    if reply.function_error is None and said is None:
        return answer
    error = said or (reply.function_error or "", None)
    return answer._replace(outcome="fail", error=short_error(*error))


def error_in(payload: bytes) -> tuple[str, str | None] | None:
    """Return type and message of the error that a payload describes, None where it is an answer."""
    try:
        said = json.loads(payload)
    except ValueError:
        return None
    if not isinstance(said, dict) or not isinstance(said.get("errorType"), str):
        return None
    message = said.get("errorMessage")
    return said["errorType"], message if isinstance(message, str) else None


def in_turn(
    invoke: Invoke, event_for: Callable[[str], bytes], calls: int, clock: Clock
) -> Iterator[tuple[Observation, Reply]]:
    """Invoke that often, one at a time without a pause, and yield each call with its reply."""
    for number in range(1, calls + 1):
        called = todo_id(1, number)
        event = event_for(called)
        sent_ns = clock.now_ns()
        reply = invoke(event)
        received_ns = clock.now_ns()
        row = Observation(number, 1, called, sent_ns, sent_ns, received_ns, *answer_in(reply))
        yield row, reply
