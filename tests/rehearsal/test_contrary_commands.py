"""Each command meets each contrary answer: it ends well, or with one true sentence."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from poster import errors
from poster.aws.target import AwsTarget
from poster.cli.main import main
from rehearsal import contrary
from rehearsal.aws import REGION, Contrary, RehearsedAws, as_ever
from tests.rehearsal.conftest import ROOT, Done, Rehearsal
from tests.support.deployed import Deployed

pytestmark = [pytest.mark.local_aws, pytest.mark.timeout(300)]

STACK = ("--stack-name", "todo-sample-971", "--region", REGION)
EXPERIMENT = ("experiment", "--target", "aws", "--region", REGION, "--app", str(ROOT))
# 27 new answers in a row pass a gate that lets a tenth go unnoticed; by default it asks for 258.
WAIT = ("wait", *STACK, "--rate", "100", "--stale-share", "0.1", "--timeout", "200")


class Commands(Rehearsal):
    """Commands on a stack with two versions, of which the alias is at the second."""

    def __init__(self, aws: RehearsedAws, folder: Path) -> None:
        super().__init__(aws, folder)
        self.cdn = self.distribution()
        self.deployed = Deployed(AwsTarget(REGION), folder / "stack", 971)
        self.deployed.deploy_first("sam", "aaa")
        self.deployed.deploy("lambda-api", "xxx")

    def poster(self, named: str, *arguments: str, folder: str = "") -> Done:
        """Run ``poster`` in this process, which is signed in too: each start takes a second."""
        with contextlib.chdir(self.folder_of(folder or named)):
            ended = CliRunner().invoke(main, arguments, catch_exceptions=False)
        return Done(ended.exit_code, ended.stdout, ended.stderr)

    def under(self, answers: Contrary, *command: str) -> Done:
        """Run a command of ``poster`` while AWS answers like that."""
        self.aws.contrary = answers
        try:
            return self.poster(command[0], *command)
        finally:
            self.aws.contrary = as_ever


@pytest.fixture(scope="module")
def commands(signed_in: RehearsedAws, tmp_path_factory: pytest.TempPathFactory) -> Commands:
    return Commands(signed_in, tmp_path_factory.mktemp("commands"))


def error_in(done: Done) -> str:
    """Return the one sentence with which a command ended."""
    (sentence,) = [line for line in done.said.splitlines() if line.startswith("Error: ")]
    return sentence


# The account is not as it should be.


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("ROLLBACK_COMPLETE", "is in ROLLBACK_COMPLETE and cannot be deployed to: remove it with"),
        ("UPDATE_ROLLBACK_FAILED", "is in UPDATE_ROLLBACK_FAILED and cannot be deployed to"),
        ("UPDATE_IN_PROGRESS", "is busy (UPDATE_IN_PROGRESS): wait until it is done"),
    ],
)
def test_a_stack_that_cannot_be_deployed_to_is_said_before_anything_is_made(
    commands: Commands, status: str, said: str
) -> None:
    done = commands.under(contrary.StackIn("todo-sample-9", status), *EXPERIMENT, "--number", "9")
    assert said in error_in(done)
    assert done.exit_code == errors.ERROR
    assert not (commands.folder / "experiment" / "runs").exists()


def test_a_stack_that_an_abandoned_change_set_left_is_new(commands: Commands) -> None:
    in_review = contrary.StackIn("todo-sample-9", "REVIEW_IN_PROGRESS")
    done = commands.under(in_review, *EXPERIMENT, "--number", "9")  # nobody answers the question
    assert "todo-sample-9 (new)" in done.said
    assert "Open     whoever knows the URL can write to it, up to" in done.said
    assert "If kept  about USD 0.01 a month" in done.said
    assert "Deploy there and post to it?" in done.said


@pytest.mark.parametrize(
    "command",
    [
        EXPERIMENT,
        ("run", *STACK, "--rate", "20", "--calls", "10"),
        ("wait", *STACK, "--timeout", "2"),
        ("post", "1", *STACK),
    ],
    ids=lambda command: command[0],
)
@pytest.mark.parametrize(
    ("answers", "said", "exit_code"),
    [
        pytest.param(
            lambda: contrary.ExpiredTokens(valid=lambda key: False),
            "the credentials have expired: sign in again",
            errors.NO_PERMISSION,
            id="expired-token",
        ),
        pytest.param(
            lambda: contrary.cloudformation_throttle(),
            "AWS throttles these calls: wait and run it again",
            errors.ERROR,
            id="cloudformation-throttle",
        ),
    ],
)
def test_a_refusal_ends_every_command_with_its_cause_and_the_way_out(
    commands: Commands,
    command: tuple[str, ...],
    answers: Callable[[], Contrary],
    said: str,
    exit_code: int,
) -> None:
    done = commands.under(answers(), *command)
    assert said in error_in(done)
    assert done.exit_code == exit_code


@pytest.mark.parametrize(
    "command",
    [("run", *STACK, "--rate", "20", "--calls", "10"), ("wait", *STACK, "--print-version")],
    ids=lambda command: command[0],
)
def test_a_throttle_that_passes_is_no_event(commands: Commands, command: tuple[str, ...]) -> None:
    throttle = contrary.cloudformation_throttle(most=1)
    assert commands.under(throttle, *command).exit_code == 0
    assert throttle.given == 1


# Callers are refused.


def test_a_run_counts_what_callers_were_refused_and_its_report_names_the_throttling(
    commands: Commands,
) -> None:
    refusing = [
        contrary.api_throttle(share=0.1, seed=1),
        contrary.function_throttle(share=0.1, seed=2),
        contrary.waf(share=0.1, seed=3),
    ]
    day = contrary.one_after_the_other(list(refusing))
    done = commands.under(day, "run", *STACK, "--rate", "40", "--calls", "120")
    assert done.exit_code == 0, done.said
    run = commands.poster("run", "report", "--format", "json", "runs/latest")
    calls: dict[str, Any] = json.loads(run.printed)["calls"]
    assert calls["fail"] == sum(each.given for each in refusing) > 10
    assert calls["throttled"] == refusing[0].given
    assert calls["unknown"] == 0


@pytest.mark.parametrize(
    "answers", [contrary.api_throttle, contrary.function_throttle, contrary.waf]
)
def test_a_gate_whose_every_probe_is_refused_never_passes(
    commands: Commands, answers: Callable[..., Contrary]
) -> None:
    done = commands.under(answers(), *WAIT[:-1], "5", "--then", "touch released")
    assert done.exit_code in {errors.NO_ANSWER, errors.NO_VERSION, errors.TIMED_OUT}
    assert not (commands.folder / "wait" / "released").exists()


# The gate passes, and what was to be done is done, whatever the control plane shows for a while.


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param(lambda: contrary.UpdateInProgress(1.0), id="update-in-progress"),
        pytest.param(lambda: contrary.lambda_throttle(most=2), id="lambda-throttle"),
        pytest.param(lambda: contrary.StaleReads(1.0), id="stale-reads"),
        pytest.param(lambda: contrary.ProvisionedWeights(1.0), id="provisioned-weights"),
        pytest.param(lambda: contrary.api_throttle(most=2), id="api-throttle"),
    ],
)
def test_the_gate_passes_and_purges(commands: Commands, answers: Callable[[], Contrary]) -> None:
    purge = ("--purge-cloudfront", commands.cdn, "--paths", "/*", "--wait-for-purge")
    done = commands.under(answers(), *WAIT, *purge)
    assert done.exit_code == 0, done.said
    made = commands.aws.client("cloudfront").list_invalidations(DistributionId=commands.cdn)
    assert made["InvalidationList"]["Quantity"] > 0


def test_a_version_that_is_no_number_is_left_alone_when_old_ones_are_deleted(
    commands: Commands,
) -> None:
    done = commands.under(contrary.latest_published, *WAIT, "--delete-old-versions", "--keep", "1")
    assert done.exit_code == 0, done.said
    assert commands.deployed.versions() == ["2"]


# The stack goes as the command says it is removed.


def test_the_stack_is_removed_and_nothing_of_it_is_left(commands: Commands) -> None:
    remove = ("sam", "delete", "--no-prompts", *STACK)
    done = commands.run("remove", *remove)
    assert done.exit_code == 0, done.said
    assert commands.stacks() == ["aws-sam-cli-managed-default"]
