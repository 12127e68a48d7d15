"""The AWS path as a user takes it, on AWS's host names: experiments, a kept stack, removal."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.rehearsal.conftest import ROOT, Done, Rehearsal

# What MiniStack carries: it has no express mode and no CodeDeploy.
WAYS = ("sam", "lambda-api", "canary:50,2", "linear:40,1", "latest", "delete-old")
KEPT = "sam"  # the stack of this one is used by the other commands before it is removed
AT_ONCE = 3
MANAGED = "aws-sam-cli-managed-default"  # SAM's own, which stays in an account

pytestmark = [pytest.mark.local_aws, pytest.mark.timeout(240)]


def experiment(rehearsal: Rehearsal, way: str) -> Done:
    number = 991 + WAYS.index(way)
    return rehearsal.poster(
        f"experiment --strategy {way}",
        *("experiment", "--target", "aws", "--region", "us-east-1", "--yes"),
        *("--app", str(ROOT), "--number", str(number), "--strategy", way, "--deploys", "1"),
        *("--posters", "5", "--pause", "0.1", *(["--keep"] if way == KEPT else [])),
    )


@pytest.fixture(scope="module")
def experiments(rehearsal: Rehearsal) -> dict[str, Done]:
    """Run the ways, some at once: most of a run is waiting."""
    # The first of all makes SAM's own bucket; two at once would both want to.
    done = {KEPT: experiment(rehearsal, KEPT)}
    others = [way for way in WAYS if way != KEPT]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        done |= zip(others, pool.map(lambda way: experiment(rehearsal, way), others), strict=True)
    return done


def folder_of(rehearsal: Rehearsal, way: str) -> Path:
    return next(rehearsal.folder.glob(f"*{way.replace(':', '-')}/runs/latest"))


@pytest.mark.parametrize("way", WAYS)
def test_an_experiment_ends_with_a_right_report(
    rehearsal: Rehearsal, experiments: dict[str, Done], way: str
) -> None:
    done = experiments[way]
    # A slow machine makes too few calls to tell clean from mixed; all else is told.
    few = done.printed.startswith("Unknown, the rows cannot tell: too few calls followed")
    assert done.exit_code == (3 if few else 0), done.said + done.printed
    result = json.loads((folder_of(rehearsal, way) / "result.json").read_text())
    # Here an alias moves in an instant, and a version that is gone is gone at once.
    assert result["calls"]["fail"] == result["calls"]["unknown"] == 0
    assert result["checks"]["lost_writes"] == 0
    assert result["checks"]["rows_read"] == result["calls"]["ok"]
    assert [each["to"] for each in result["transitions"]] == ["xxx" if way == "latest" else "2"]


def test_only_the_stack_that_was_to_be_kept_is_there(
    rehearsal: Rehearsal, experiments: dict[str, Done]
) -> None:
    kept = f"todo-sample-{991 + WAYS.index(KEPT)}"
    assert sorted(rehearsal.stacks()) == sorted([kept, MANAGED])
    assert [way for way, done in experiments.items() if "Left: stack" in done.said] == [KEPT]
