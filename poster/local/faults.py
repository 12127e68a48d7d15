"""Faults that really happen on the way to a function, as switches. Pure.

    reset:SHARE              the connection is reset before the function is called: no write
    throttle:SHARE           API Gateway throttles: 429, no write
    concurrency:N            reserved concurrency: with N calls under way, Lambda throttles: 500
    slow:SHARE,SECONDS       the function ran and its answer is held back: the write did happen
    lost:SHARE,TABLE,KEY     the function answered and its item is deleted: acknowledged but lost

All are off unless named. ``lost`` lets the function run, so that the answer is a real one, and
then deletes the item whose KEY the request's JSON body gives: for a few milliseconds the item is
there. Two faults need no switch: deleting a version that front ends still route to, and calling
$LATEST while its configuration and its code are updated one after the other.

Invariant: each call takes the same draws whichever faults are on, so that switching one on or off
does not move the others to other calls.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from random import Random
from typing import Any


class FaultError(ValueError):
    """A fault's description makes no sense; the message says what would."""


@dataclasses.dataclass(frozen=True, slots=True)
class Faults:
    """Which faults are on; shares are of all calls, 0 to 1."""

    reset_share: float = 0.0
    throttle_share: float = 0.0
    concurrency: int | None = None
    slow_share: float = 0.0
    slow_s: float = 0.0
    lost_share: float = 0.0
    lost_table: str = ""
    lost_key: str = ""

    def fate(self, random: Random) -> Fate:
        """Draw what happens to one call."""
        reset, throttle, slow, lost = (random.random() for _ in range(4))
        return Fate(
            is_reset=reset < self.reset_share,
            is_throttled=throttle < self.throttle_share,
            held_s=self.slow_s if slow < self.slow_share else 0.0,
            is_lost=lost < self.lost_share,
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Fate:
    """What happens to one call."""

    is_reset: bool
    is_throttled: bool
    held_s: float
    is_lost: bool


_FORMS = {
    "reset": "reset:SHARE",
    "throttle": "throttle:SHARE",
    "concurrency": "concurrency:N",
    "slow": "slow:SHARE,SECONDS",
    "lost": "lost:SHARE,TABLE,KEY",
}


def parse_faults(descriptions: Iterable[str]) -> Faults:
    """Return the faults that these describe, one each. Raises FaultError."""
    faults = Faults()
    for description in descriptions:
        kind, _, argument = description.partition(":")
        if kind not in _FORMS:
            raise FaultError(
                f"there is no fault {description!r}; there are {', '.join(_FORMS.values())}"
            )
        try:
            faults = dataclasses.replace(faults, **_fields(kind, argument.split(",")))
        except ValueError:
            raise FaultError(
                f"fault {description!r} is not of the form {_FORMS[kind]}, SHARE from 0 to 1"
            ) from None
    return faults


def _fields(kind: str, arguments: list[str]) -> dict[str, Any]:
    """Return the fields of one fault. Raises ValueError for arguments that do not fit."""
    if kind == "concurrency":
        (limit,) = arguments
        return {"concurrency": int(_at_least_0(int(limit)))}
    if kind == "slow":
        share, seconds = arguments
        return {"slow_share": _share(share), "slow_s": _at_least_0(float(seconds))}
    if kind == "lost":
        share, table, key = arguments
        if not (table and key):
            raise ValueError
        return {"lost_share": _share(share), "lost_table": table, "lost_key": key}
    (share,) = arguments
    return {f"{kind}_share": _share(share)}


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError
    return value


def _at_least_0(value: float) -> float:
    if not value >= 0:
        raise ValueError
    return value
