"""Whether a share is over its limit or under it: right at any moment at which one looks."""

from __future__ import annotations

import functools
import random

import pytest

from poster.gate.limits import exceeded, kept

ALPHA = 0.05
# Most trials come by the same counts.
was_kept_at, was_exceeded_at = functools.cache(kept), functools.cache(exceeded)
TRIALS = 300
# More of 300 than 25 have a chance of 0.005 if each has one of 0.05.
MOST = 25


def ever(share: float, limit: float, seed: int, looks: int = 1500) -> tuple[bool, bool]:
    """Return whether ``kept`` and ``exceeded`` ever said yes, looking after every probe."""
    draw, bad = random.Random(seed), 0
    was_kept = was_exceeded = False
    for probes in range(1, looks + 1):
        bad += draw.random() < share
        was_kept |= was_kept_at(probes - bad, bad, limit, ALPHA)
        was_exceeded |= was_exceeded_at(probes - bad, bad, limit, ALPHA)
    return was_kept, was_exceeded


@pytest.mark.parametrize("limit", [0.02, 0.2])
def test_neither_is_said_wrongly_more_often_than_alpha_however_often_one_looks(
    limit: float,
) -> None:
    said = [ever(limit, limit, seed) for seed in range(TRIALS)]
    assert sum(was_kept for was_kept, _ in said) <= MOST
    assert sum(was_exceeded for _, was_exceeded in said) <= MOST


def test_what_is_far_from_the_limit_is_told_soon() -> None:
    assert kept(258, 0, 0.02, 0.008)
    assert exceeded(1, 2, 0.02, 0.01)
    assert exceeded(35, 15, 0.02, 0.01)
    assert not exceeded(580, 3, 0.02, 0.01)
    assert not kept(580, 12, 0.02, 0.01)


@pytest.mark.parametrize(
    ("limit", "bad", "is_kept"), [(0.0, 0, True), (0.0, 1, False), (1.0, 9, True)]
)
def test_the_ends_of_the_range(limit: float, bad: int, is_kept: bool) -> None:
    assert kept(0, bad, limit, 0.01) is is_kept
    assert exceeded(0, bad, limit, 0.01) is not is_kept
