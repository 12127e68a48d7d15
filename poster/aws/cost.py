"""What an experiment on AWS costs, roughly and rather too high. Pure.

List prices of us-east-1, August 2026, without the free tier, in USD: API Gateway REST 3.50 and
Lambda 0.20 per million calls, Lambda 0.0000166667 per GB-second, DynamoDB on demand 0.625 per
million writes, X-Ray 5.00 per million traces, CloudWatch Logs 0.50 per GB. Other regions differ by
some ten percent.
"""

from __future__ import annotations

_PER_CALL_USD = (
    3.50e-6  # API Gateway, REST
    + 0.20e-6  # Lambda, request
    + 0.25 * 0.1 * 16.6667e-6  # Lambda, 256 MB for 100 ms
    + 0.625e-6  # DynamoDB, one write unit
    + 2 * 5.0e-6  # X-Ray, a trace each from API Gateway and Lambda
    + 1e-6 * 0.50  # CloudWatch Logs, 1 KB
)
_ANSWER_S = 0.05  # a fast answer: more calls, a higher estimate
_PER_DEPLOY_S = 120.0
_BEFORE_AND_AFTER_S = 60.0


def estimate_usd(posters: int, pause_s: float, deploys: int) -> float:
    """Return what the calls of an experiment cost in USD."""
    seconds = _BEFORE_AND_AFTER_S + deploys * _PER_DEPLOY_S
    calls = posters * seconds / (pause_s + _ANSWER_S)
    return calls * _PER_CALL_USD
