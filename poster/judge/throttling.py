"""Which failed calls were turned away, rather than served badly? Pure.

API Gateway throttles with 429; Lambda's own throttling reaches callers of a REST API as 500 and of
a Function URL as 429, and a rate rule of a WAF as 403. What tells them from other errors is written
down in the row's ``error`` when the answer is read (``poster.calls.answer``).
"""

from __future__ import annotations

import polars as pl

TOO_MANY_REQUESTS = 429
WORDS = "(?i)throttl|rate exceeded|too ?many ?requests|concurrent ?invocation|\\bwaf\\b"


def throttled() -> pl.Expr:
    """Return whether a call failed because it was turned away; never null."""
    by_words = pl.col("error").str.contains(WORDS).fill_null(False)
    by_status = (pl.col("status") == TOO_MANY_REQUESTS).fill_null(False)
    return (pl.col("outcome") == "fail") & (by_words | by_status)
