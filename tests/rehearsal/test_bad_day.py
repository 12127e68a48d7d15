"""Every contrary answer at once, seeded and moderate: an experiment ends with a right report.

`REHEARSE_SEEDS=10` repeats it with so many seeds; the rehearsal takes one.
"""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from rehearsal import contrary
from tests.rehearsal.conftest import ROOT, Rehearsal
from tests.support.held_up import is_held_up

WAYS = ("sam", "lambda-api", "canary:50,3")
SEEDS = range(1, 1 + int(os.environ.get("REHEARSE_SEEDS", "1")))

pytestmark = [pytest.mark.local_aws, pytest.mark.timeout(600)]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seed", SEEDS)
def test_an_experiment_on_a_bad_day_ends_with_a_right_report(
    rehearsal: Rehearsal, way: str, seed: int
) -> None:
    day = contrary.bad_day(seed)
    rehearsal.aws.contrary = contrary.one_after_the_other(list(day.values()))
    done = rehearsal.poster(
        "experiment",
        *("experiment", "--target", "aws", "--region", "us-east-1", "--yes", "--app", str(ROOT)),
        *("--strategy", way, "--deploys", "1", "--pause", "0.2"),
        *("--error-budget", "10000"),  # callers are refused all day; a shift is not to go back
        folder=f"{way} {seed}",
    )
    assert done.exit_code in {0, 3}, done.said + done.printed
    folder = rehearsal.folder_of(f"{way} {seed}") / "runs" / "latest"
    result: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    assert result["verdict"] in {"clean", "mixed"} or is_held_up(result), done.printed
    refused = sum(day[name].given for name in ("api-throttle", "function-throttle", "waf"))
    assert result["calls"]["fail"] == refused > 0
    assert result["calls"]["throttled"] == day["api-throttle"].given
    assert result["checks"]["lost_writes"] == result["checks"]["marker_mismatches"] == 0
    assert [(each["from"], each["to"]) for each in result["transitions"]] == [("1", "2")]
    moved = steps_of(folder / "history.jsonl", "alias-updated")
    assert [each["to"] for each in moved][-1] == "2"
    assert rehearsal.stacks() == ["aws-sam-cli-managed-default"], done.said


def steps_of(history: Any, name: str) -> list[dict[str, Any]]:
    """Return the details of the steps of that name."""
    rows = [json.loads(line) for line in history.read_text(encoding="utf-8").splitlines()]
    return [row["detail"] for row in rows if row["kind"] == "step" and row["name"] == name]
