"""What an experiment on AWS costs, roughly and rather too high. Pure.

List prices of us-east-1, August 2026, without the free tier, in USD: API Gateway REST 3.50 and
Lambda 0.20 per million calls, Lambda 0.0000166667 per GB-second, DynamoDB on demand 0.625 per
million writes, X-Ray 5.00 per million traces, CloudWatch Logs 0.50 per GB. Other regions differ by
some ten percent.
"""

from __future__ import annotations

import dataclasses

_PER_CALL_USD = (
    3.50e-6  # API Gateway, REST
    + 0.20e-6  # Lambda, request
    + 0.25 * 0.1 * 16.6667e-6  # Lambda, 256 MB for 100 ms
    + 0.625e-6  # DynamoDB, one write unit
    + 2 * 5.0e-6  # X-Ray, a trace each from API Gateway and Lambda
    + 1e-6 * 0.50  # CloudWatch Logs, 1 KB
)
_ANSWER_S = 0.05  # a fast answer: more calls, a higher estimate
_PER_DEPLOY_S = 120.0  # build, deploy and the wait for callers, beside what the way holds
_BEFORE_AND_AFTER_S = 60.0
_PROBES_PER_S = 50.0  # of the gate, for as long as a wait for callers usually takes
_PROBED_S = 60.0
_HOUR_S, _MONTH_S = 3600.0, 30 * 86400.0
_PROVISIONED_PER_S_USD = 0.25 * 4.1667e-6  # an environment of 256 MB that is kept warm
_AT_REST_USD = 0.01  # a month of a table, logs and uploads that nobody adds to


@dataclasses.dataclass(frozen=True, slots=True)
class Estimate:
    """What an experiment takes."""

    hours: float
    usd: float
    calls_per_s: int  # that its callers and probes may reach; the API is throttled to it


def estimate(
    posters: int,
    pause_s: float,
    deploys: int,
    hold_s: float = 0.0,
    is_gated: bool = False,
    probers: tuple[int, float] = (0, 0.0),
) -> Estimate:
    """Return what an experiment takes whose way of deploying holds that long in each deploy."""
    seconds = _BEFORE_AND_AFTER_S + deploys * (_PER_DEPLOY_S + hold_s)
    probes = deploys * _PROBED_S * _PROBES_PER_S if is_gated else 0.0
    callers = ((posters, pause_s), probers)
    calls = sum(count * seconds / (each_s + _ANSWER_S) for count, each_s in callers) + probes
    most = sum(count / (each_s + _ANSWER_S / 5) for count, each_s in callers) + _PROBES_PER_S
    return Estimate(seconds / _HOUR_S, calls * _PER_CALL_USD, min(10_000, 100 + round(2 * most)))


def left_per_month_usd(provisioned: int = 0) -> float:
    """Return what a stack costs that is left behind and that nobody calls."""
    return _AT_REST_USD + provisioned * _PROVISIONED_PER_S_USD * _MONTH_S


def open_per_hour_usd(calls_per_s: int) -> float:
    """Return what strangers can make an open API cost, up to its throttle."""
    return calls_per_s * _HOUR_S * _PER_CALL_USD
