"""Each way of deploying, on the local AWS: real builds, the real function, and what callers get.

One stack is made by ``sam``; the ways then deploy one release each to it, one after another, as
they would to any stack that is there. ``latest`` needs a stack without alias, and makes its own.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from poster.deploy.release import DeployError, Release
from poster.deploy.ways import parse_way
from poster.local.environment import LocalAws
from poster.rows.record import Step, TargetName
from tests.support.deployed import Deployed, moves, names

pytestmark = [
    pytest.mark.local_aws,
    pytest.mark.skipif(shutil.which("sam") is None, reason="sam is not on the PATH"),
]


class EmulatorTarget:
    """The emulator alone: its alias moves in an instant, so each step can be held against it."""

    name: TargetName = "local"
    through_proxies = False

    def __init__(self, aws: LocalAws) -> None:
        self.client = aws.client
        self.reachable = aws.local_url
        self.environment = aws.environment(os.environ)


@pytest.fixture(scope="module")
def target(aws: LocalAws) -> EmulatorTarget:
    return EmulatorTarget(aws)


@pytest.fixture(scope="module")
def run(target: EmulatorTarget, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    run = Deployed(target, tmp_path_factory.mktemp("run"), number=1)
    assert names(run.deploy("sam", "aaa"))[-1] == "deploy-finished"
    assert run.answered_by() == ("aaa", "aaa-config", "1")
    return run


def test_lambda_api_publishes_and_moves_the_alias(run: Deployed) -> None:
    before = run.alias()["FunctionVersion"]
    steps = run.deploy("lambda-api", "api")
    after = run.alias()["FunctionVersion"]
    assert moves(steps) == [(before, after, 1.0)]
    assert run.answered_by() == ("api", "api-config", after)
    assert before in run.versions(), "the old version stays"
    assert run.variables()["TABLE_NAME"] == run.stack.outputs().table


def test_weights_are_on_the_alias_while_it_is_shifted_and_gone_afterwards(run: Deployed) -> None:
    old = run.alias()["FunctionVersion"]
    linear = parse_way("linear:40,0.2")
    steps, weights = [], []
    for step in linear.deploy(Release("linear", "linear-config"), run.site):
        steps.append(step)
        if step.name == "alias-updated" and step.detail["weight"] < 1:
            assert run.alias()["FunctionVersion"] == old
            weights.append(run.alias()["RoutingConfig"]["AdditionalVersionWeights"])
    new = run.alias()["FunctionVersion"]
    assert weights == [{new: 0.4}, {new: 0.8}]
    assert moves(steps) == [(old, new, 0.4), (old, new, 0.8), (old, new, 1.0)]
    assert "RoutingConfig" not in run.alias()
    assert run.answered_by() == ("linear", "linear-config", new)


def test_a_spent_budget_leaves_callers_with_the_old_version(run: Deployed) -> None:
    before = run.answered_by()
    steps = parse_way("canary:10,60").deploy(Release("bad", "bad-config"), run.site)
    taken = list(itertools.takewhile(lambda step: step.name != "alias-updated", steps))
    assert taken[-1].name == "version-published"
    run.failed_calls += 1
    rolled_back = next(steps)
    assert rolled_back.name == "alias-updated"
    assert rolled_back.detail["reason"] == "error budget spent"
    assert next(steps).name == "deploy-failed"
    with pytest.raises(DeployError, match="error budget spent: 1 calls failed"):
        next(steps)
    assert "RoutingConfig" not in run.alias()
    assert run.answered_by() == before


def test_a_deploy_that_is_refused_half_way_leaves_callers_where_they_were(
    run: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = run.answered_by()
    api = run.site.stack.client("lambda")
    # Signed like any other request, and not understood: AWS refuses what botocore would not send.
    api.meta.events.register("before-call.lambda.PublishVersion", spoil_the_request)
    real_client = run.site.stack.client
    monkeypatch.setattr(
        run.site.stack,
        "client",
        lambda service: api if service == "lambda" else real_client(service),
    )
    steps: list[Step] = []
    with pytest.raises(DeployError, match="; alias Sample is at version"):
        steps.extend(parse_way("lambda-api").deploy(Release("x", "x"), run.site))
    assert run.answered_by() == before


def spoil_the_request(params: dict[str, Any], **_: Any) -> None:
    params["url_path"] = params["url_path"].replace("/functions/", "/functions/no-such-")
    params["url"] = params["url"].replace("/functions/", "/functions/no-such-")


def test_delete_old_leaves_no_way_back(run: Deployed) -> None:
    old = run.alias()["FunctionVersion"]
    steps = run.deploy("delete-old", "deleted")
    assert names(steps)[-3:] == ["alias-updated", "version-deleted", "deploy-finished"]
    assert old not in run.versions()
    assert run.answered_by()[0] == "deleted"


def test_permission_gap_gives_the_permission_back(run: Deployed) -> None:
    def policy() -> Any:
        asked = {"FunctionName": run.stack.outputs().function, "Qualifier": "Sample"}
        return json.loads(run.site.stack.client("lambda").get_policy(**asked)["Policy"])

    before = policy()
    steps = run.deploy("permission-gap", "gap")
    assert names(steps)[-3:] == ["alias-updated", "permission-added", "deploy-finished"]
    assert policy() == before
    assert run.answered_by()[0] == "gap"


def test_latest_answers_without_a_version_and_shows_each_half(
    target: EmulatorTarget, tmp_path: Path
) -> None:
    run = Deployed(target, tmp_path, number=2)
    run.deploy_first("latest", "aaa")
    assert run.answered_by() == ("aaa", "aaa-config", "$LATEST")
    in_between = []
    steps = []
    for step in parse_way("latest").deploy(Release("xxx", "xxx-config"), run.site):
        steps.append(step)
        if step.detail.get("of") == "configuration":
            in_between.append(run.answered_by())
    assert in_between == [("aaa", "xxx-config", "$LATEST")], "a chimera"
    assert run.answered_by() == ("xxx", "xxx-config", "$LATEST")
    assert moves(steps) == []
    assert run.versions() == []
