"""The object of ``poster report --format json``, to compare with exactly.

``str``, ``int``, ``float`` ... stand for a value of that type (an int is a float, a bool is
neither), a tuple for alternatives, a list of one for any number of that, a dict for exactly these
keys.
"""

from __future__ import annotations

import math
from typing import Any

from poster.judge.checks import CHECKS

NULL = type(None)
QUANTILES = {"p50": (float, NULL), "p90": (float, NULL), "p99": (float, NULL), "max": (float, NULL)}
BOUNDED = [(float, NULL)]
SIDE = {
    "ok": int,
    "fail": int,
    "fail_ci": [float],
    "latency_ms": {"p50": BOUNDED, "p99": BOUNDED},
}
OUTAGE = {
    "s": float,
    "lower_s": float,
    "upper_s": (float, NULL),
    "first_seq": int,
    "last_seq": int,
    "calls": int,
}
SAFE = {
    "after": (str, NULL),
    "s": (float, NULL),
    "reason": str,
    "confidence": float,
}
TRANSITION = {
    "from": str,
    "to": str,
    "switch_ns": (int, NULL),
    "first_new_ns": int,
    "last_old_ns": int,
    "window_s": float,
    "certain_window_s": float,
    "settled": {
        "lower_s": float,
        "upper_s": (float, NULL),
        "confidence": float,
        "stale_share": float,
    },
    "safe": SAFE,
    "answered": int,
    "stale": int,
    "stale_ci": [float],
    "landing": {
        "kept_share": (float, NULL),
        "z": (float, NULL),
        "basis": str,
        "is_tested": bool,
    },
    "inversions": int,
    "errors": {"fail": int, "unknown": int},
    "latency_ms": {"before": QUANTILES, "during": QUANTILES, "after": QUANTILES},
    "side_by_side": (NULL, {"from_s": float, "to_s": float, "old": SIDE, "new": SIDE}),
    "outage": (NULL, OUTAGE),
    "poster_outage": (NULL, OUTAGE),
    "stale_share": [[float]],
    "stages": [
        {
            "weight": float,
            "from_s": float,
            "to_s": (float, NULL),
            "answered": int,
            "stale": int,
            "stale_ci": [float],
        }
    ],
}
REPORT = {
    "schema": int,
    "run_id": str,
    "calls": {
        "total": int,
        "ok": int,
        "fail": int,
        "unknown": int,
        "throttled": int,
        "probes": int,
    },
    "releases": [
        {
            "release": str,
            "marker": (str, NULL),
            "function_version": (str, NULL),
            "ok": int,
            "instances": int,
        }
    ],
    "safe": SAFE,
    "transitions": [TRANSITION],
    "checks": {
        "rows_read": (int, NULL),
        **dict.fromkeys(CHECKS, int),
    },
    "merged": [
        {"run_id": str, "calls": int, "offset_ms": (float, NULL), "error_ms": (float, NULL)}
    ],
    "clock": {"skew_ms": (float, NULL), "error_ms": (float, NULL)},
    "schedule": {
        "lateness_ms": {"p50": (float, NULL), "p99": (float, NULL), "max": (float, NULL)},
        "dropped": int,
    },
    "verdict": str,
    "witness": str,
    "budgets": [
        {"budget": str, "allowed": float, "seen": (float, NULL), "concluded": str, "why": str}
    ],
}


def differences(value: Any, schema: Any = REPORT, path: str = "report") -> list[str]:
    """Return where a value is not what the schema says; empty if it is exactly that."""
    if isinstance(schema, tuple) and isinstance(schema[-1], dict):
        return [] if value is None else differences(value, schema[-1], path)
    if isinstance(schema, dict):
        if not isinstance(value, dict) or list(value) != list(schema):
            return [f"{path}: keys {list(value) if isinstance(value, dict) else value!r}"]
        return [
            found
            for key, inner in schema.items()
            for found in differences(value[key], inner, f"{path}.{key}")
        ]
    if isinstance(schema, list):
        if not isinstance(value, list):
            return [f"{path}: {value!r} is no list"]
        return [
            found
            for place, item in enumerate(value)
            for found in differences(item, schema[0], f"{path}[{place}]")
        ]
    kinds = schema if isinstance(schema, tuple) else (schema,)
    if not any(_is_a(value, kind) for kind in kinds):
        return [f"{path}: {value!r}"]
    return []


def _is_a(value: Any, kind: type) -> bool:
    if kind is float:
        return type(value) in (int, float) and math.isfinite(value)
    return type(value) is kind
