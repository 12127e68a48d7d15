"""Histories of known truth, large enough to be judged: three posters, 50 calls a second, 60 s.

``told`` makes rows from a function that says who answers a call sent at some moment; the alias
moves at 20 s. Edits after that (``edited``) are what a server, a network or a killed writer may do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from msgspec import structs

from poster.judge.analysis import Result, analyse
from poster.rows.history import History
from poster.rows.record import Observation, Step, StepName
from tests.support.histories import ORIGIN_UNIX_NS, RUN, history_of

RATE = 50
SECONDS = 60
SWITCH_S = 20.0
LATENCY_S = 0.03
MARKERS = {"1": "aaa", "2": "xxx", "3": "yyy"} | {str(n): f"m{n}" for n in range(4, 12)}

# Who answers a call: a version, "!" (HTTP 502) or "?" (no answer).
Who = Callable[[float, int], str]
Rows = list[Observation | Step]


def step(name: str, at_s: float, **detail: Any) -> Step:
    """Return a step at that second."""
    return Step(name, round(at_s * 1e9), detail)


def moved(at_s: float = SWITCH_S, start: str = "1", to: str = "2", **detail: Any) -> Step:
    """Return the step of an alias that moves."""
    return step(StepName.ALIAS_UPDATED, at_s, **{"from": start, "to": to}, **detail)


def told(
    who: Who,
    steps: Iterable[Step] = (),
    *,
    rate: float = RATE,
    seconds: float = SECONDS,
    posters: int = 3,
    latency_s: Callable[[int], float] = lambda seq: LATENCY_S + 0.001 * (seq % 7),
) -> Rows:
    """Return the rows of a run in which ``who`` says by whom each call is answered."""
    calls = [
        _call(seq, (seq - 1) % posters + 1, seq / rate, latency_s(seq), who(seq / rate, seq))
        for seq in range(1, round(rate * seconds) + 1)
    ]
    return [*calls, *steps]


def clean_cut(at_s: float, seq: int) -> str:
    """Answer as an alias that moves in an instant does."""
    return "1" if at_s < SWITCH_S else "2"


def mixture(until_s: float, every: int = 5) -> Who:
    """Answer old code to every so manieth call for a while after the switch."""
    return lambda at_s, seq: (
        "1" if at_s < SWITCH_S or (at_s < SWITCH_S + until_s and seq % every == 0) else "2"
    )


def failing(begin_s: float, end_s: float, who: Who = clean_cut, every: int = 1) -> Who:
    """Fail every so manieth call that is sent in that time."""
    return lambda at_s, seq: "!" if begin_s <= at_s < end_s and seq % every == 0 else who(at_s, seq)


def outage(seconds: float) -> Who:
    """Fail every call that is sent in so many seconds from the switch on."""
    return failing(SWITCH_S, SWITCH_S + seconds)


def _call(seq: int, poster: int, sent_s: float, latency_s: float, who: str) -> Observation:
    sent_ns = round(sent_s * 1e9)
    call = Observation(
        seq=seq,
        poster=poster,
        todo_id=f"t{poster:02d}-{seq:04d}",
        planned_ns=sent_ns,
        sent_ns=sent_ns,
        received_ns=sent_ns + round(latency_s * 1e9),
        outcome="ok",
        status=200,
    )
    if who == "!":
        return structs.replace(call, outcome="fail", status=502, error="HTTP 502")
    if who == "?":
        return structs.replace(
            call, outcome="unknown", status=None, received_ns=None, error="ReadTimeout"
        )
    return structs.replace(
        call,
        marker=MARKERS[who],
        config_marker=MARKERS[who],
        function_version=who,
        server_ms=(ORIGIN_UNIX_NS + sent_ns + round(latency_s * 5e8)) // 1_000_000,
    )


def edited(rows: Rows, edit: Callable[[Observation], Observation | None]) -> Rows:
    """Return the rows with each call edited; None leaves it out."""
    return list(_edited(rows, edit))


def _edited(
    rows: Rows, edit: Callable[[Observation], Observation | None]
) -> Iterator[Observation | Step]:
    for row in rows:
        changed = edit(row) if isinstance(row, Observation) else row
        if changed is not None:
            yield changed


def blanked(call: Observation, *fields: str) -> Observation:
    """Return the call without these fields."""
    return structs.replace(call, **dict.fromkeys(fields))


def made_unknown(call: Observation) -> Observation:
    """Return the call as one whose answer never came."""
    fields = ("marker", "config_marker", "function_version", "server_ms", "received_ns", "status")
    return structs.replace(blanked(call, *fields), outcome="unknown")


def sent_s(call: Observation) -> float:
    """Return when a call was sent."""
    return call.sent_ns / 1e9


def is_stale(call: Observation) -> bool:
    """Whether old code answered a call that was sent after the switch."""
    return call.function_version == "1" and sent_s(call) >= SWITCH_S


def result_of(rows: Sequence[Observation | Step], **run: Any) -> Result:
    """Return what the rows prove."""
    return analyse(history(rows, **run), rows=None)


def verdict(rows: Rows) -> str:
    """Return what the rows are judged."""
    return result_of(rows).verdict


def history(rows: Sequence[Observation | Step], **run: Any) -> History:
    """Return the rows as a history."""
    return history_of(rows, structs.replace(RUN, **run))
