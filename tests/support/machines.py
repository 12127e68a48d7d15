"""The rows of one run as two machines would have written them, each on its own clocks."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from msgspec import structs

from poster.rows.history import History
from poster.rows.record import Observation, Run, Step
from tests.support.histories import RUN, history_of

MS = 1_000_000


@dataclasses.dataclass(frozen=True, slots=True)
class Machine:
    """One machine: which posters it runs, how wrong its clock is, when its run began."""

    name: str
    posters: set[int]
    ahead_ms: float = 0.0  # its wall clock minus the true one
    began_ms: int = 0  # its origin, on the clock of the whole run
    deploys: bool = False  # the steps are in its history


def seen_by(machine: Machine, found: Iterable[Observation | Step], run: Run = RUN) -> History:
    """Return what the machine wrote of the whole run."""
    shift_ns = machine.began_ms * MS
    rows: list[Observation | Step] = []
    seq = 0
    for row in found:
        if isinstance(row, Step) and machine.deploys:
            rows.append(structs.replace(row, at_ns=row.at_ns - shift_ns))
        elif isinstance(row, Observation) and row.poster in machine.posters:
            seq += 1
            received_ns = None if row.received_ns is None else row.received_ns - shift_ns
            rows.append(
                structs.replace(
                    row,
                    seq=seq,
                    planned_ns=row.planned_ns - shift_ns,
                    sent_ns=row.sent_ns - shift_ns,
                    received_ns=received_ns,
                )
            )
    origin_ns = run.origin_unix_ns + shift_ns + round(machine.ahead_ms * MS)
    own = structs.replace(
        run, run_id=machine.name, origin_unix_ns=origin_ns, posters=len(machine.posters)
    )
    return history_of(rows, own)
