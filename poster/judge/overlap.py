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

from poster.judge.releases import Answers
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


def certain_window_ns(
    answers: Answers,
    is_new: NDArray[np.bool_],
    is_old: NDArray[np.bool_],
    sources: Sequence[Source],
) -> int:
    """Return how long after a new answer's arrival an old call was surely still sent, or 0."""
    gaps = [
        int(answers.sent_ns[old].max()) - arrival.by_ns
        for old, arrival in _by_run(answers, is_new, is_old, sources)
    ]
    return max(0, *gaps) if gaps else 0


def first_certain(
    answers: Answers,
    is_new: NDArray[np.bool_],
    is_old: NDArray[np.bool_],
    sources: Sequence[Source],
) -> Overlap | None:
    """Return the first old call that was surely sent after a new answer, with that answer."""
    found: list[tuple[int, Overlap]] = []
    for old, arrival in _by_run(answers, is_new, is_old, sources):
        later = old[answers.sent_ns[old] > arrival.by_ns]
        if later.size:
            call = later[np.argmin(answers.sent_ns[later])]
            new_seq, old_seq = int(answers.seq[arrival.index]), int(answers.seq[call])
            found.append((int(answers.sent_ns[call]), Overlap(new_seq, old_seq, certain=True)))
    return min(found, key=lambda each: each[0])[1] if found else None


def _by_run(
    answers: Answers,
    is_new: NDArray[np.bool_],
    is_old: NDArray[np.bool_],
    sources: Sequence[Source],
) -> Iterator[tuple[NDArray[np.int64], _Arrival]]:
    """Yield the old answers of each run, with the earliest arrival to compare them with."""
    news = _indices_by_run(answers, is_new)
    earliest = {run: int(new[np.argmin(answers.received_ns[new])]) for run, new in news.items()}
    for run, old in _indices_by_run(answers, is_old).items():
        arrivals = [
            _Arrival(index, int(answers.received_ns[index]) + margin_ns)
            for other, index in earliest.items()
            for margin_ns in [_margin_ns(sources, run, other)]
            if margin_ns is not None
        ]
        if arrivals:
            yield old, min(arrivals, key=lambda arrival: arrival.by_ns)


def _indices_by_run(answers: Answers, chosen: NDArray[np.bool_]) -> dict[int, NDArray[np.int64]]:
    indices = np.flatnonzero(chosen)
    if answers.run is None:
        return {1: indices} if indices.size else {}
    runs = answers.run[indices]
    return {int(run): indices[runs == run] for run in np.unique(runs)}


def _margin_ns(sources: Sequence[Source], run: int, other: int) -> int | None:
    if run == other:
        return 0
    errors_ms = [sources[run - 1].error_ms, sources[other - 1].error_ms]
    known_ms = [error_ms for error_ms in errors_ms if error_ms is not None]
    return round(sum(known_ms) * 1e6) if len(known_ms) == len(errors_ms) else None
