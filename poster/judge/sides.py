"""The answers on both sides of one transition: who got old code after new, and for how long? Pure.

The ranks of the course make answers old or new (``poster.judge.releases``).

Invariant: an answer is on one side at most.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poster.judge.releases import Answers, least, most
from poster.rows.record import PROBER


@dataclasses.dataclass(frozen=True, slots=True)
class Sides:
    """Which answers are new and which are old; those of no place in the course are neither."""

    answers: Answers
    is_new: NDArray[np.bool_]
    is_old: NDArray[np.bool_]
    first_new: int  # index
    last_old: int

    def narrowed(self, chosen: NDArray[np.bool_]) -> Sides:
        """Return the same transition by the chosen answers alone."""
        return dataclasses.replace(self, is_new=self.is_new & chosen, is_old=self.is_old & chosen)


def sides_of(answers: Answers, ranks: NDArray[np.signedinteger[Any]], place: int) -> Sides:
    """Return the sides of the transition into that place, which must both have answers."""
    is_new, is_old = ranks >= place, (ranks >= 0) & (ranks < place)
    return Sides(answers, is_new, is_old, answers.first(is_new), answers.last(is_old))


def stale_between(sides: Sides) -> tuple[int, int]:
    """Return (stale, answered) from first new to last old.

    An old answer served in the same millisecond as the first new one may have come before it, so
    it is not called stale.
    """
    served, in_order = sides.answers.served, sides.answers.in_order
    begins, ends = served[sides.first_new], served[sides.last_old]
    stale = int((sides.is_old & in_order & (served > begins)).sum())
    if stale == 0:
        return 0, 0
    within = (served >= begins) & (served <= ends) & (sides.is_new | sides.is_old)
    return stale, int((within & in_order).sum())


def window_s(sides: Sides) -> float:
    """Return how long after the first new answer the last old one was served."""
    served = sides.answers.served
    span = max(0, int(served[sides.last_old]) - int(served[sides.first_new]))
    return span * sides.answers.served_unit_ns / 1e9


def last_before_ns(sides: Sides) -> int | None:
    """Return when the last old answer was asked for that came in before any new one."""
    answers = sides.answers
    before = sides.is_old & (answers.received_ns <= least(answers.received_ns, sides.is_new))
    return most(answers.sent_ns, before) if before.any() else None


def inversions(sides: Sides) -> int:
    """Count how often one poster saw new and then old, in the order of arrival."""
    answers, is_new, is_old = sides.answers, sides.is_new, sides.is_old
    # Before the first new and after the last old answer there is nothing to count.
    begins, ends = least(answers.received_ns, is_new), most(answers.received_ns, is_old)
    window = np.flatnonzero(
        (answers.received_ns >= begins) & (answers.received_ns <= ends) & (is_new | is_old)
    )
    window = window[answers.poster[window] != PROBER]
    order = np.lexsort((answers.seq[window], answers.received_ns[window], answers.poster[window]))
    posters, new = answers.poster[window][order], is_new[window][order]
    return int(((posters[1:] == posters[:-1]) & new[:-1] & ~new[1:]).sum())
