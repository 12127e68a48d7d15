"""Each way of deploying in a real account: `pytest --aws tests/aws`, with credentials and a region.

Makes the stacks todo-sample-991 to -993 and removes them at the end. A few dozen calls: well under
a cent. CodeDeploy needs ten minutes: its shortest interval is one, and its steps are ten.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from poster.aws.target import AwsTarget
from tests.support.deployed import Deployed, moves, names

IN_A_ROW = 10
SETTLED_WITHIN_S = 90

pytestmark = [
    pytest.mark.aws,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(shutil.which("sam") is None, reason="sam is not on the PATH"),
]

Deploy = Callable[[int], Deployed]


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deploy]:
    """Make a Deployed by number; its stack is removed when the tests are done."""
    target = AwsTarget()
    made: dict[int, Deployed] = {}

    def deploy(number: int) -> Deployed:
        if number not in made:
            made[number] = Deployed(target, tmp_path_factory.mktemp("stack"), number)
        return made[number]

    yield deploy
    for each in made.values():
        remove = ["delete", "--no-prompts", "--stack-name", each.stack.name]
        for _ in each.site.sam.lines([*remove, "--region", target.region], Path.cwd()):
            pass


@pytest.fixture(scope="module")
def stack(deployed: Deploy) -> Deployed:
    """A stack with an alias, deployed by `sam`."""
    stack = deployed(991)
    stack.deploy("sam", "aaa")
    return stack


def settles_on(stack: Deployed, marker: str) -> bool:
    """Call until the release has answered some times in a row."""
    deadline = time.monotonic() + SETTLED_WITHIN_S
    in_a_row = 0
    while in_a_row < IN_A_ROW and time.monotonic() < deadline:
        answered = stack.answered_by()[:2]
        in_a_row = in_a_row + 1 if answered == (marker, f"{marker}-config") else 0
        time.sleep(0.3)
    return in_a_row == IN_A_ROW


@pytest.mark.parametrize(
    ("way", "weights"),
    [
        ("sam", [1.0]),
        ("sam-express", [1.0]),
        ("lambda-api", [1.0]),
        ("canary:50,5", [0.5, 1.0]),
        ("linear:40,2", [0.4, 0.8, 1.0]),
        ("delete-old", [1.0]),
        ("permission-gap", [1.0]),
    ],
)
def test_callers_get_the_release(stack: Deployed, way: str, weights: list[float]) -> None:
    marker = way.partition(":")[0]
    old = stack.alias()["FunctionVersion"]
    steps = stack.deploy(way, marker)
    new = stack.alias()["FunctionVersion"]
    assert moves(steps) == [(old, new, weight) for weight in weights]
    assert "RoutingConfig" not in stack.alias()
    assert settles_on(stack, marker)
    assert (old in stack.versions()) == (way != "delete-old")


def test_codedeploy_shifts_the_alias(deployed: Deploy) -> None:
    stack = deployed(992)
    way = "codedeploy:Linear10PercentEvery1Minute"
    stack.deploy_first(way, "aaa")
    steps = stack.deploy(way, "xxx")
    weights = [weight for _, _, weight in moves(steps)]
    assert weights[0] == pytest.approx(0.1)
    assert weights == sorted(weights)
    assert weights[-1] == 1.0
    assert settles_on(stack, "xxx")


def test_latest_has_no_versions(deployed: Deploy) -> None:
    stack = deployed(993)
    stack.deploy_first("latest", "aaa")
    steps = stack.deploy("latest", "xxx")
    assert names(steps)[-1] == "deploy-finished"
    assert settles_on(stack, "xxx")
    assert stack.answered_by()[2] == "$LATEST"
