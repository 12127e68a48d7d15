"""What callers saw while the alias sent only a share of the calls to the new release. Pure.

A shift (canary, linear) is a row of alias-updated steps with the same from and to. Each step opens
a *stage*, which lasts until the next alias-updated step; its *weight* is the share of the calls
that was meant for the new release.

Invariant: every answer belongs to one stage at most, by the time at which its call was sent.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from poster.judge.statistics import ANYTHING, wilson
from poster.rows.record import Step, StepName

WHOLE = 1.0


@dataclasses.dataclass(frozen=True, slots=True)
class Stage:
    """One stage; seconds after the shift's first step."""

    weight: float
    from_s: float
    to_s: float | None  # None: no later step moved the alias
    answered: int
    stale: int
    stale_ci: tuple[float, float]


def stages_of(
    steps: Sequence[Step],
    switch_ns: int | None,
    sent_ns: NDArray[np.int64],
    is_old: NDArray[np.bool_],
    *,
    is_bounded: bool = True,
) -> list[Stage]:
    """Return the stages of the shift that began at ``switch_ns``; none for a move in one step.

    ``sent_ns`` and ``is_old`` describe the answers that are either old or new. Unless these
    ``is_bounded``, they say too little of each other to bound a share.
    """
    moves = _moves(steps)
    begins = [place for place, step in enumerate(moves) if step.at_ns == switch_ns]
    if not begins:
        return []
    shift = list(
        itertools.takewhile(lambda step: _ends(step) == _ends(moves[begins[0]]), moves[begins[0] :])
    )
    weights = [_weight(step) for step in shift]
    if all(weight is None or weight == WHOLE for weight in weights):
        return []
    after = moves[begins[0] + 1 : begins[0] + 1 + len(shift)]
    ends_ns = [*(step.at_ns for step in after), None][: len(shift)]
    zero_ns = shift[0].at_ns
    return [
        _stage(weight, zero_ns, step.at_ns, end_ns, sent_ns, is_old, is_bounded)
        for step, weight, end_ns in zip(shift, weights, ends_ns, strict=True)
        if weight is not None
    ]


def _moves(steps: Sequence[Step]) -> list[Step]:
    """Return the moves of the alias; one that several machines saw is one move."""
    moves = [step for step in steps if step.name == StepName.ALIAS_UPDATED]
    said = [(_ends(step), _weight(step)) for step in moves]
    return [step for place, step in enumerate(moves) if not place or said[place] != said[place - 1]]


def _ends(step: Step) -> tuple[object, object]:
    return step.detail.get("from"), step.detail.get("to")


def _weight(step: Step) -> float | None:
    """Return the share meant for the new release; None where the step holds no share."""
    weight = step.detail.get("weight", WHOLE)
    return float(weight) if type(weight) in (int, float) and 0 <= weight <= 1 else None


def _stage(
    weight: float,
    zero_ns: int,
    begin_ns: int,
    end_ns: int | None,
    sent_ns: NDArray[np.int64],
    is_old: NDArray[np.bool_],
    is_bounded: bool,
) -> Stage:
    within = sent_ns >= begin_ns
    if end_ns is not None:
        within &= sent_ns < end_ns
    answered, stale = int(within.sum()), int((within & is_old).sum())
    return Stage(
        weight=weight,
        from_s=(begin_ns - zero_ns) / 1e9,
        to_s=None if end_ns is None else (end_ns - zero_ns) / 1e9,
        answered=answered,
        stale=stale,
        stale_ci=wilson(stale, answered) if is_bounded else ANYTHING,
    )
