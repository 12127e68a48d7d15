"""Which old answer surely came after a new one, whatever the server's clock says? Pure.

A call that was sent after a new answer had arrived was decided after it. Within one run both times
are on one clock. Between two merged runs the *margin* is taken off, the error of the offset between
their clocks; where that is not known, the two runs prove nothing about each other.

Invariant: a wrong estimate of the skew within its stated error never makes an overlap certain.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from poster.judge.releases import Answers, least, most
from poster.judge.sides import Sides
from poster.rows.history import Source


@dataclasses.dataclass(frozen=True, slots=True)
class Overlap:
    """Two calls that prove mixing: the old answer came after the new one."""

    new_seq: int
    old_seq: int
    certain: bool  # the old call was sent after the new answer was in; no clock is compared


@dataclasses.dataclass(frozen=True, slots=True)
class _Arrival:
    """The new answer that the calls of one run can be compared with best."""

    index: int
    by_ns: int  # it was in by then, on the clock of that run


def certain_window_ns(sides: Sides, sources: Sequence[Source]) -> int:
    """Return how long after a new answer's arrival an old call was surely still sent, or 0."""
    gaps = [
        most(sides.answers.sent_ns, old) - arrival.by_ns for old, arrival in _by_run(sides, sources)
    ]
    return max(0, *gaps) if gaps else 0


def overlap_of(sides: Sides, sources: Sequence[Source], is_stale: bool) -> Overlap | None:
    """Return a certain overlap; where there is none, the calls that bound the window."""
    certain = _first_certain(sides, sources)
    if certain is not None or not is_stale:
        return certain
    seq = sides.answers.seq
    return Overlap(int(seq[sides.first_new]), int(seq[sides.last_old]), certain=False)


def _first_certain(sides: Sides, sources: Sequence[Source]) -> Overlap | None:
    """Return the first old call that was surely sent after a new answer, with that answer."""
    answers = sides.answers
    found: list[tuple[int, Overlap]] = []
    for old, arrival in _by_run(sides, sources):
        later = old & (answers.sent_ns > arrival.by_ns)
        if later.any():
            sent_ns = least(answers.sent_ns, later)
            call = np.argmax(later & (answers.sent_ns == sent_ns))
            new_seq, old_seq = int(answers.seq[arrival.index]), int(answers.seq[call])
            found.append((sent_ns, Overlap(new_seq, old_seq, certain=True)))
    return min(found, key=lambda each: each[0])[1] if found else None


def _by_run(
    sides: Sides, sources: Sequence[Source]
) -> Iterator[tuple[NDArray[np.bool_], _Arrival]]:
    """Yield which are the old answers of each run, with the arrival to compare them with."""
    answers, received_ns = sides.answers, sides.answers.received_ns
    earliest = {
        run: int(np.argmax(new & (received_ns == least(received_ns, new))))
        for run, new in _by_own_run(answers, sides.is_new)
    }
    for run, old in _by_own_run(answers, sides.is_old):
        arrivals = [
            _Arrival(index, int(received_ns[index]) + margin_ns)
            for other, index in earliest.items()
            for margin_ns in [_margin_ns(sources, run, other)]
            if margin_ns is not None
        ]
        if arrivals:
            yield old, min(arrivals, key=lambda arrival: arrival.by_ns)


def _by_own_run(
    answers: Answers, chosen: NDArray[np.bool_]
) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    runs = [1] if answers.run is None else np.unique(answers.run).tolist()
    for run in runs:
        own = chosen if answers.run is None else chosen & (answers.run == run)
        if own.any():
            yield run, own


def _margin_ns(sources: Sequence[Source], run: int, other: int) -> int | None:
    if run == other:
        return 0
    errors_ms = [sources[run - 1].error_ms, sources[other - 1].error_ms]
    known_ms = [error_ms for error_ms in errors_ms if error_ms is not None]
    return round(sum(known_ms) * 1e6) if len(known_ms) == len(errors_ms) else None
