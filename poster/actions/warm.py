"""Starts execution environments of the new version before callers need them.

An environment serves one call at a time, so as many calls at once as environments are wanted make
Lambda start them; quick ones are served twice by the same, so it takes rounds. What counts is the
environments that have answered, by the name that each gives itself.
"""

from __future__ import annotations

import dataclasses

from poster.actions.errors import ActionError
from poster.calls.curl_engine import CurlEngine
from poster.calls.engine import Engine, Stop
from poster.calls.probe import Probed
from poster.calls.schedule import OpenLoop
from poster.gate.tally import Expected
from poster.rows.clock import Clock
from poster.rows.record import Observation

ROUNDS = 10
_AT_ONCE_PER_S = 1e5


@dataclasses.dataclass(frozen=True, slots=True)
class Warmed:
    """How many environments answered, and how many calls that took."""

    environments: int
    calls: int


def warm(
    probed: Probed,
    expected: Expected,
    environments: int,
    clock: Clock,
    engine: Engine | None = None,
    at_a_time: int | None = None,
) -> Warmed:
    """Call until that many environments of the expected version have answered.

    Each round makes as many calls more at once, but no more than ``at_a_time``, nor are more
    environments started. Raises ActionError when ``ROUNDS`` are not enough, or when answers do not
    name their environment (``instanceId`` in a JSON body).
    """
    most = at_a_time or environments * ROUNDS
    environments = min(environments, most)
    answered: list[Observation] = []
    calls = 0
    for number in range(1, ROUNDS + 1):
        at_once = min(environments * number, most)
        loop = OpenLoop(_AT_ONCE_PER_S, calls=at_once, max_in_flight=at_once)
        (engine or CurlEngine(probed.exchange)).run(
            probed.load(loop), clock, answered.append, Stop()
        )
        calls += at_once
        new = [each for each in answered if expected.said_by(each) == "new"]
        seen = {each.instance_id for each in new} - {None}
        if len(seen) >= environments:
            return Warmed(len(seen), calls)
        if new and not seen:
            raise ActionError(
                f"nothing was warmed for sure: answers of {probed.name} do not name their execution"
                " environment (instanceId in a JSON body)"
            )
    raise ActionError(
        f"{calls} calls of {probed.name} were answered by {len(seen)} execution environments of"
        f" {expected}, not by {environments}; is its concurrency limited?"
    )
