"""The AWS path as a user takes it, on AWS's host names: experiments, a kept stack, removal."""

from __future__ import annotations

import json
import re
import shlex
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from poster.report.account import TITLE
from rehearsal.aws import as_ever
from rehearsal.calls import EXECUTE_API
from rehearsal.contrary import purge_in_progress
from rehearsal.permissions import RECORDING, permissions_of
from tests.rehearsal.conftest import ROOT, Done, Rehearsal
from tests.support.held_up import is_held_up
from tests.support.replaced import failed_under_way

# What MiniStack carries: it has no express mode and no CodeDeploy. lambda-api and canary are
# rehearsed on a bad day (test_bad_day.py), and call nothing that these do not.
WAYS = ("sam", "linear:40,1", "latest", "delete-old", "permission-gap")
# MiniStack fails a call that is on its way to a version which is deleted, or to code which is
# replaced. So a call may fail that was under way between these steps, no other, and it is told.
FAILS_BETWEEN = {
    "delete-old": ("alias-updated", "version-deleted"),
    "latest": ("deploy-started", "deploy-finished"),
}
KEPT = "sam"  # the stack of this one is used by the other commands before it is removed
AT_ONCE = 2
STACKS = "todo-sample-"
# A busy machine may hold up many probes at once; 27 new answers in a row are enough.
PATIENT = ("--rate", "100", "--timeout", "400", "--stale-share", "0.1")
KEPT_STACK = f"{STACKS}{991 + WAYS.index(KEPT)}"
MANAGED = "aws-sam-cli-managed-default"  # SAM's own, which stays in an account

pytestmark = [pytest.mark.local_aws, pytest.mark.timeout(600)]


def experiment(rehearsal: Rehearsal, way: str) -> Done:
    number = 991 + WAYS.index(way)
    return rehearsal.poster(
        "experiment",
        *("experiment", "--target", "aws", "--region", "us-east-1", "--yes"),
        *("--app", str(ROOT), "--number", str(number), "--strategy", way, "--deploys", "1"),
        *(["--keep"] if way == KEPT else []),
        folder=way,
    )


@pytest.fixture(scope="module")
def experiments(rehearsal: Rehearsal) -> dict[str, Done]:
    """Run the ways, some at once: half of a run is waiting."""
    # The first of all makes SAM's own bucket; two at once would both want to.
    done = {KEPT: experiment(rehearsal, KEPT)}
    others = [way for way in WAYS if way != KEPT]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        done |= zip(others, pool.map(lambda way: experiment(rehearsal, way), others), strict=True)
    return done


@pytest.mark.parametrize("way", WAYS)
def test_an_experiment_ends_with_a_right_report(
    rehearsal: Rehearsal, experiments: dict[str, Done], way: str
) -> None:
    done = experiments[way]
    run = rehearsal.folder_of(way) / "runs" / "latest"
    result = json.loads((run / "result.json").read_text())
    failed = result["calls"]["fail"]
    assert failed == failed_under_way(run, *FAILS_BETWEEN.get(way, ())), done.said + done.printed
    told = {1, 3} if failed else {3} if is_held_up(result) else {0}
    assert done.exit_code in told, done.said + done.printed
    # Here an alias moves in an instant, and a version that is gone is gone at once.
    assert result["calls"]["unknown"] == 0
    assert result["checks"]["lost_writes"] == 0
    posted = result["calls"]["ok"] - result["calls"]["probes"]
    assert posted <= result["checks"]["rows_read"] <= posted + failed
    assert [each["to"] for each in result["transitions"]] == ["xxx" if way == "latest" else "2"]
    report = (run / "report.txt").read_text()
    assert "endpoint type    REGIONAL" in report
    assert "CloudFormation " in report.partition(TITLE)[2], report


def test_only_the_stack_that_was_to_be_kept_is_there(
    rehearsal: Rehearsal, experiments: dict[str, Done]
) -> None:
    assert sorted(rehearsal.stacks()) == sorted([KEPT_STACK, MANAGED])
    assert [way for way, done in experiments.items() if f"Left: stack {STACKS}" in done.said] == [
        KEPT
    ]


def test_an_account_is_looked_at_before_a_run(rehearsal: Rehearsal) -> None:
    looked = ("doctor", "--target", "aws", "--region", "us-east-1", "--number", "9")
    done = rehearsal.poster("doctor", *looked)
    assert done.exit_code == 0, done.said
    assert "todo-sample-9 is not there yet" in done.said


# What other commands do with a stack that is there.


@pytest.fixture(scope="module")
def kept(experiments: dict[str, Done]) -> tuple[str, ...]:
    """Return how a command is told which stack."""
    assert experiments[KEPT].exit_code in {0, 3}
    return ("--stack-name", KEPT_STACK, "--region", "us-east-1")


@pytest.fixture(scope="module")
def resource_types(rehearsal: Rehearsal, kept: tuple[str, ...]) -> list[str]:
    """Return what the stacks hold, before any of them is removed."""
    return rehearsal.resource_types()


def test_a_run_on_the_stack_is_reported_and_what_aws_knows_of_it_is_collected(
    rehearsal: Rehearsal, kept: tuple[str, ...]
) -> None:
    ran = rehearsal.poster("run", "run", *kept, "--rate", "20", "--calls", "40")
    assert ran.exit_code == 0, ran.said
    assert "nothing was collected: poster collect RUN" in reported(rehearsal).partition(TITLE)[2]
    done = rehearsal.poster("collect", "collect", "../run/runs/latest")
    assert done.exit_code == 0, done.said
    assert not re.findall("not collected", done.printed), done.printed
    report = reported(rehearsal)
    assert "40 rows read from the store" in report
    assert "endpoint type    REGIONAL" in report
    assert "nothing was collected" not in report


def reported(rehearsal: Rehearsal) -> str:
    """Return the report of the run."""
    report = rehearsal.poster("report", "report", "../run/runs/latest")
    assert report.exit_code == 0, report.said
    return report.printed


def test_the_gate_passes_and_the_cache_is_purged(
    rehearsal: Rehearsal, kept: tuple[str, ...]
) -> None:
    cdn = rehearsal.distribution()
    purge = ("--purge-cloudfront", cdn, "--paths", "/*", "--wait-for-purge")
    rehearsal.aws.contrary = purge_in_progress
    waited = rehearsal.poster("wait --purge-cloudfront", "wait", *kept, *purge, *PATIENT)
    rehearsal.aws.contrary = as_ever
    assert waited.exit_code == 0, waited.said
    made = rehearsal.aws.client("cloudfront").list_invalidations(DistributionId=cdn)
    assert made["InvalidationList"]["Quantity"] == 1


def test_old_versions_are_deleted_behind_the_gate(
    rehearsal: Rehearsal, kept: tuple[str, ...]
) -> None:
    delete = ("--delete-old-versions", "--keep", "1", *PATIENT)
    waited = rehearsal.poster("wait --delete-old-versions", "wait", *kept, *delete)
    assert waited.exit_code == 0, waited.said


def test_a_function_is_asked_by_invoke(rehearsal: Rehearsal, kept: tuple[str, ...]) -> None:
    outputs = rehearsal.outputs(KEPT_STACK)
    probe = (ROOT / "events" / "probe.json").read_text(encoding="utf-8")
    waited = rehearsal.poster(
        "wait --function-name",
        *("wait", "--function-name", outputs["FunctionName"], "--alias", outputs["AliasName"]),
        *("--region", "us-east-1", "--payload", probe, *PATIENT),
    )
    assert waited.exit_code == 0, waited.said


def test_a_poster_of_the_published_experiment_posts_until_it_is_told_to_finish(
    rehearsal: Rehearsal, kept: tuple[str, ...]
) -> None:
    calls = rehearsal.aws.calls
    with ThreadPoolExecutor(1) as pool:
        posting = pool.submit(rehearsal.poster, "post", "post", "9", *kept)
        while not posting.done() and ("post", EXECUTE_API) not in {
            (command, call.service) for command, call in calls
        }:
            time.sleep(0.1)
        (rehearsal.folder_of("post") / "finish.txt").touch()
    posted = posting.result()
    assert posted.exit_code == 0, posted.said
    assert "ng" in posted.printed


def test_the_stack_is_removed_as_was_said_and_only_sams_own_is_left(
    rehearsal: Rehearsal, experiments: dict[str, Done], resource_types: list[str]
) -> None:
    said = re.search(r"Remove it with: (sam delete .*)", experiments[KEPT].said)
    assert said is not None
    removed = rehearsal.run("sam delete", *shlex.split(said[1]), "--no-prompts")
    assert removed.exit_code == 0, removed.said
    assert rehearsal.stacks() == [MANAGED]


# What the account was asked for; it comes last.


def test_every_call_is_one_that_the_page_of_permissions_names(
    rehearsal: Rehearsal, resource_types: list[str], pytestconfig: pytest.Config
) -> None:
    recorded = {
        "commands": permissions_of(rehearsal.aws.calls),
        "resource_types": resource_types,
    }
    if pytestconfig.getoption("--update-golden"):
        RECORDING.write_text(json.dumps(recorded, indent=1) + "\n", encoding="utf-8")
    known = json.loads(RECORDING.read_text(encoding="utf-8"))
    assert set(recorded["commands"]) == set(known["commands"])
    for command, permissions in recorded["commands"].items():
        news = [each for each in permissions if each not in known["commands"][command]]
        assert news == [], f"{command} needs more than docs/permissions.md says: make permissions"
    assert recorded["resource_types"] == known["resource_types"]
