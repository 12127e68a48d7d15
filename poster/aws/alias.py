"""What Lambda says of an alias: a version, and weights of other versions while it is shifted. Pure.

The weights are shares of the calls; what they leave is for the version.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Shares = dict[str, float]  # of the calls, by version; the alias's own version comes first


def routing_of(answer: Mapping[str, Any]) -> tuple[str, Shares]:
    """Return the version and the weights in an answer of Lambda's that describes an alias."""
    weights = (answer.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    return answer["FunctionVersion"], dict(weights)


def shares_of(version: str, weights: Mapping[str, float]) -> Shares:
    """Return the share of the calls that each version is to get."""
    return {version: 1.0 - sum(weights.values()), **weights}


def clause_of(shares: Shares) -> str:
    """Return the shares as a clause."""
    (first, _), *others = shares.items()
    weighted = [f"{share:.6g} of the calls on version {name}" for name, share in others]
    return ", with ".join([f"version {first}", *weighted])


def shift_between(before: Shares, now: Shares) -> dict[str, Any] | None:
    """Return who lost calls, who gained them, and the gainer's share since; None if nobody did."""
    gains = {version: now.get(version, 0.0) - before.get(version, 0.0) for version in before | now}
    if not gains:
        return None
    to, start = max(gains, key=gains.__getitem__), min(gains, key=gains.__getitem__)
    if gains[to] < 1e-9:  # a weight is a float: the same share may differ in its last digits
        return None
    return {"from": start, "to": to, "weight": now[to]}
