"""A deploy under traffic that has ended: nothing is deployed, and nothing is said of callers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from poster.experiment import command
from poster.experiment.deploying import Deploying, NoBaselineError
from poster.experiment.settling import Rule, Settling
from poster.experiment.traffic import Traffic
from poster.rows.clock import RunClock
from poster.rows.record import Observation, Step

ANSWERED = Observation(1, 1, "t01-0001", 0, 0, 1, outcome="ok", status=200, function_version="1")


def deploying(traffic: Traffic, steps: list[Step]) -> Deploying:
    return Deploying(
        traffic,
        RunClock(),
        steps.append,
        lambda sentence: None,
        lambda failed: "no matter why",
        baseline_answers=1,
        settle_timeout_s=60.0,
    )


def test_nothing_is_deployed_once_calling_has_ended(tmp_path: Path) -> None:
    # As when the disk is full: there was a baseline, and no call follows.
    traffic, steps = Traffic(Settling(Rule())), []  # type: ignore[var-annotated]
    traffic.saw_all([ANSWERED])
    traffic.end()
    deployed = tmp_path / "deployed"
    deploy = [sys.executable, "-c", f"open({str(deployed)!r}, 'w')"]
    with pytest.raises(NoBaselineError, match=r"no more calls are made, so .* was not run"):
        deploying(traffic, steps).under_traffic(deploy, tmp_path / "deploy.log", print)
    assert not deployed.exists()
    assert not steps


def test_calls_that_ended_under_a_deploy_are_no_callers_that_do_not_settle(tmp_path: Path) -> None:
    traffic, steps = Traffic(Settling(Rule())), []  # type: ignore[var-annotated]
    traffic.saw_all([ANSWERED])
    deploy = [sys.executable, "-c", "print('deployed')"]
    watched = deploying(traffic, steps).under_traffic(
        deploy, tmp_path / "deploy.log", lambda line: traffic.end()
    )
    assert watched.ended == "calls-ended"
    assert [step.name for step in steps] == ["deploy-started", "deploy-finished"]


def test_a_deploy_ends_with_its_command_not_with_what_that_leaves_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A helper that does not obey SIGTERM is killed after the grace; with a step that late, "safe
    # from N s after the deploy command ended" would be too early by as much.
    traffic, steps = Traffic(Settling(Rule())), []  # type: ignore[var-annotated]
    traffic.saw_all([ANSWERED])
    monkeypatch.setattr(command, "GRACE_S", 2.0)
    around = deploying(traffic, steps)
    helper = "trap '' TERM; touch there; while :; do sleep 0.1; done"
    script = f"cd {tmp_path}; ({helper}) >/dev/null 2>&1 & until [ -e there ]; do :; done; echo x"
    around.under_traffic(["sh", "-c", script], tmp_path / "deploy.log", lambda line: traffic.end())
    started, finished = steps
    assert started.at_ns < finished.at_ns < around.clock.now_ns() - 1_900_000_000
