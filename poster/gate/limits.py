"""Is the share of bad probes over a limit, or under it? Decided at any moment, as they end. Pure.

Both questions are bets against a hypothesis. Against "the share is q0 or more" (``kept``): for
each probe the stake is multiplied by (1 - q1) / (1 - q0) where it is good and by q1 / q0 where it
is bad, with some q1 below q0. Under the hypothesis the stake never grows in the mean, so it ever
reaches 1 / alpha with probability alpha at most (Ville's inequality), however often one looks. A
mixture over several q1 is such a stake too. ``exceeded`` is the same with q1 above q0.
"""

from __future__ import annotations

import math

# (weight, q1 as a share of the limit), and (weight, how far from the limit to 1).
_BELOW = ((0.5, 0.0), (0.2, 0.1), (0.2, 0.25), (0.1, 0.5))
_ABOVE = ((0.25, 0.02), (0.25, 0.1), (0.25, 0.5), (0.25, 0.95))


def kept(good: int, bad: int, limit: float, alpha: float) -> bool:
    """Return whether the share of bad ones is shown to be under the limit."""
    if limit <= 0:
        return bad == 0
    if limit >= 1:
        return True
    return _stake(good, bad, limit, [(weight, share * limit) for weight, share in _BELOW], alpha)


def exceeded(good: int, bad: int, limit: float, alpha: float) -> bool:
    """Return whether the share of bad ones is shown to be over the limit."""
    if limit >= 1 or not bad:
        return False
    if limit <= 0:
        return True
    others = [(weight, limit + share * (1 - limit)) for weight, share in _ABOVE]
    return _stake(good, bad, limit, others, alpha)


def _stake(
    good: int, bad: int, limit: float, others: list[tuple[float, float]], alpha: float
) -> bool:
    logs = [
        math.log(weight)
        + good * (math.log1p(-other) - math.log1p(-limit))
        + (bad * math.log(other / limit) if bad else 0.0)
        for weight, other in others
        if other > 0 or not bad
    ]
    most = max(logs)
    return most + math.log(sum(math.exp(each - most) for each in logs)) >= -math.log(alpha)
