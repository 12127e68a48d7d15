"""Which calls MiniStack fails: those on their way to what is deleted or replaced meanwhile."""

from __future__ import annotations

import json
from pathlib import Path


def failed_under_way(run: Path, *steps: str) -> int:
    """Return how many calls failed that were under way between the last two steps of that name."""
    rows = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()[1:]]
    at_ns = {row["name"]: row["at_ns"] for row in rows if row["kind"] == "step"}
    begin_ns, end_ns = [at_ns[step] for step in steps] or [0, 0]
    return sum(
        row["sent_ns"] < end_ns and begin_ns < (row["received_ns"] or end_ns)
        for row in rows
        if row["kind"] == "observation" and row["outcome"] == "fail"
    )
