"""What a run of a thousand callers and a thousand million rows takes, from the code's own formulas.

The page's section is made of it, and a test compares: where the gate, the intervals or the prices
change, the plan does.
"""

from __future__ import annotations

from poster.aws.cost import open_per_hour_usd
from poster.gate.sequential import Rule
from poster.judge.statistics import CLEAN_RUN
from poster.report.table import in_markdown
from poster.rows.record import Observation, encode

CALLS = 1_000_000_000
CALLERS = 1_000
REGIONS = 10
QUOTA_PER_S = 10_000  # of API Gateway, an account and region; by default
ANSWER_KB = 0.8  # of the todo API's answer with its headers
TRANSFER_USD_PER_GB = 0.09  # out of AWS, list price of us-east-1
_HOUR_S = 3600
LENGTHS = {"1 h": _HOUR_S, "8 h": 8 * _HOUR_S, "28 h": 28 * _HOUR_S, "7 days": 168 * _HOUR_S}
ROW = Observation(
    seq=123_456,
    poster=501,
    todo_id="t501-0123",
    planned_ns=3_600_000_000_000,
    sent_ns=3_600_000_012_345,
    received_ns=3_600_023_456_789,
    outcome="ok",
    status=200,
    marker="bbb",
    config_marker="bbb",
    function_version="2",
    instance_id="2026/11/22/[2]0123456789abcdef0123456789abcdef",
    cold_start=False,
    server_ms=1_763_769_600_000,
    request_id="0c0e1b1e-0000-4000-8000-000000000000",
    connection="kept",
    remote_ip="203.0.113.7",
)


def plan() -> str:
    """Return rates, bounds and cost by how long the run lasts."""
    gate = Rule().needed(1)
    head = (
        *("the run lasts", "calls/s", "of one caller", "of a region's callers"),
        *("a settled bound takes", "the gate takes", "APIs needed"),
    )
    rows = [
        (
            said,
            f"{rate:,.0f}",
            f"{rate / CALLERS:.1f}",
            f"{rate / REGIONS:,.0f}",
            _seconds(CLEAN_RUN / rate),
            _seconds(gate / rate),
            str(-int(-rate // QUOTA_PER_S)),
        )
        for said, length_s in LENGTHS.items()
        for rate in [CALLS / length_s]
    ]
    size_gb = CALLS * (len(encode(ROW)) + 1) / 1e9
    calls_usd = CALLS * open_per_hour_usd(1) / _HOUR_S
    transfer_gb = CALLS * ANSWER_KB / 1e6
    return f"""\
{in_markdown(head, rows, right=head[1:])}
- The settled bound takes {CLEAN_RUN} new answers in a row from all callers together, the gate
  {gate} (stale share 1 %, confidence 99 %, first attempt); both are so short here that the order of
  answers, not their number, limits what is known: see the clocks above.
- *APIs needed*: at {QUOTA_PER_S:,} calls/s, API Gateway's default quota of an account and region.
- API Gateway, Lambda, DynamoDB, X-Ray and logs: {calls_usd:,.0f} USD, as `poster experiment`
  estimates a call, tracing each (two thirds of it). Transfer out, {transfer_gb:,.0f} GB at
  {TRANSFER_USD_PER_GB} USD: {transfer_gb * TRANSFER_USD_PER_GB:,.0f} USD.
- Rows: {size_gb:,.0f} GB of JSON lines, {size_gb / CALLERS * 1000:,.0f} MB on each caller.
"""


def _seconds(s: float) -> str:
    return f"{s:.2f} s" if s >= 0.01 else f"{s * 1000:.1f} ms"
