"""Histories in short notation: one character is one call, in the order of sending.

    history("aab|ab")     a, b, c ...  an ok answer of release 1, 2, 3 ... (markers aaa, bbb, ...)
                          !            a failed call
                          ?            a call of unknown outcome
                          |            an alias-updated step, from one release to the next
                          _            nobody calls for one beat

Calls are one beat (100 ms) apart and answered after 20 ms; posters take turns. So call number n of
a line without ``_`` and ``|`` is sent at n beats, and ``seq`` n is its n-th character.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from msgspec import structs

from poster.rows.history import History, observations_frame
from poster.rows.record import Observation, Row, Run, Step, StepName, encode

BEAT_NS = 100_000_000
LATENCY_NS = 20_000_000
ORIGIN_UNIX_NS = 1_598_499_490_000_000_000

RUN = Run(
    run_id="short",
    origin_unix_ns=ORIGIN_UNIX_NS,
    target="url",
    endpoint="http://127.0.0.1/todo",
    loop="closed",
    posters=3,
    pause_s=0.3,
)


def rows(
    calls: str,
    *,
    posters: int = 3,
    versions: bool = True,
    moves: Sequence[str] | None = None,
    server_clock: bool = True,
) -> list[Observation | Step]:
    """Return observations and steps; ``moves`` names the alias's moves, by default ab, bc ..."""
    found: list[Observation | Step] = []
    pending = list(moves or [chr(97 + n) + chr(98 + n) for n in range(calls.count("|"))])
    beat, seq = 0, 0
    for char in calls:
        if char == "|":
            start, to = list(pending.pop(0))
            detail = {"from": name_of(start, versions), "to": name_of(to, versions)}
            # Half a beat after the call before and half a beat before the next one.
            found.append(Step(StepName.ALIAS_UPDATED, beat * BEAT_NS + BEAT_NS // 2, detail))
            continue
        beat += 1
        if char != "_":
            seq += 1
            poster = (seq - 1) % posters + 1
            found.append(_call(char, seq, poster, beat * BEAT_NS, versions, server_clock))
    return found


def name_of(letter: str, versions: bool) -> str:
    return str(ord(letter) - 96) if versions else letter * 3


def _call(
    char: str, seq: int, poster: int, sent_ns: int, versions: bool, server_clock: bool
) -> Observation:
    call = Observation(
        seq=seq,
        poster=poster,
        todo_id=f"t{poster:02d}-{seq:04d}",
        planned_ns=sent_ns,
        sent_ns=sent_ns,
        received_ns=sent_ns + LATENCY_NS,
        outcome="ok",
    )
    if char == "!":
        return structs.replace(call, outcome="fail", status=502, error="HTTP 502")
    if char == "?":
        return structs.replace(call, outcome="unknown", received_ns=None, error="ReadTimeout")
    return structs.replace(
        call,
        status=200,
        marker=char * 3,
        config_marker=char * 3,
        function_version=name_of(char, versions=True) if versions else None,
        instance_id=f"{char}-{seq % 2}",
        cold_start=False,
        server_ms=(ORIGIN_UNIX_NS + sent_ns) // 10**6 + 10 if server_clock else None,
    )


def history(calls: str, run: Run = RUN, **notation: Any) -> History:
    """Return the history that the notation stands for."""
    return history_of(rows(calls, **notation), run)


def history_of(found: Iterable[Observation | Step], run: Run = RUN) -> History:
    """Return rows as the history that reading them from a file would give."""
    found = list(found)
    return History(
        run=run,
        calls=observations_frame(
            [structs.asdict(row) for row in found if isinstance(row, Observation)]
        ).lazy(),
        steps=sorted((row for row in found if isinstance(row, Step)), key=lambda row: row.at_ns),
    )


def write_history(path: Path, found: Iterable[Row], run: Run = RUN) -> Path:
    """Write the rows as a history file and return its path."""
    lines = [encode(run), *(encode(row) for row in found)]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def stored(found: Iterable[Row]) -> list[dict[str, Any]]:
    """Return the items that a store holds after these calls if nothing went wrong."""
    return [
        {"todoId": row.todo_id, "title": "x", "createdAt": row.server_ms, "lambda": row.marker}
        for row in found
        if isinstance(row, Observation) and row.outcome == "ok"
    ]
