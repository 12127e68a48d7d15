"""The result as JSON; ``docs/method.md`` shows the object."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from poster.judge.analysis import Result
from poster.judge.budgets import Judged


def render(result: Result, budgets: Sequence[Judged] = ()) -> str:
    """Return the result, and what became of budgets, as indented JSON with a final newline."""
    whole = result.to_json() | {"budgets": [_budget(each) for each in budgets]}
    return json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _budget(budget: Judged) -> dict[str, Any]:
    return {
        "budget": budget.name,
        "allowed": budget.most,
        "seen": budget.measured.value,
        "concluded": budget.outcome,
        "why": budget.reason,
    }
