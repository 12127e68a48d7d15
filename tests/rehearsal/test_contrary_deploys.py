"""Each way of deploying meets each contrary answer: it ends well, or with one true sentence."""

from __future__ import annotations

import dataclasses
import itertools
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import botocore.waiter
import pytest

from poster.aws.target import AwsTarget
from poster.deploy import function, sam
from poster.deploy.application import RELEASE_FILE
from poster.deploy.release import ConflictError, DeployError, Release, Steps
from poster.deploy.site import Site
from poster.deploy.ways import parse_way
from poster.errors import PosterError
from poster.rows.record import Step
from rehearsal import contrary
from rehearsal.aws import REGION, Contrary, RehearsedAws, as_ever
from tests.support.deployed import Deployed, names

pytestmark = [pytest.mark.local_aws, pytest.mark.timeout(300)]

BY_THE_API = (
    "lambda-api",
    "canary:50,0.2",
    "linear:50,0.2",
    "delete-old",
    "permission-gap",
    "latest",
)
BY_SAM = ("sam",)
_numbers = itertools.count()


@dataclasses.dataclass(frozen=True, slots=True)
class BuiltSite(Site):
    """Makes a release in what was built once; the rest stays, as there are no dependencies."""

    def built(self, release: Release) -> Steps:
        self.application.make_release(release.marker)
        shutil.copy(self.application.path / RELEASE_FILE, self.application.built_code())
        yield from ()


class Stacks:
    """Two stacks in a rehearsed account: one with an alias, and one without."""

    def __init__(self, aws: RehearsedAws, folder: Path) -> None:
        self.aws = aws
        self._with_alias = Deployed(AwsTarget(REGION), folder / "alias", 981)
        self._with_alias.deploy_first("sam", "first")
        self._without = Deployed(AwsTarget(REGION), folder / "latest", 982)
        self._without.deploy_first("latest", "first")

    def of(self, way: str) -> Deployed:
        """Return the stack that a way deploys to."""
        return self._without if way == "latest" else self._with_alias

    def deploy(self, way: str, answers: Contrary) -> list[Step]:
        """Deploy a new release while AWS answers like that; afterwards callers get it."""
        steps, release = self.try_to_deploy(way, answers)
        answered = self.of(way).answered_by()
        assert answered[:2] == (release.marker, release.config_marker)
        return steps

    def try_to_deploy(self, way: str, answers: Contrary) -> tuple[list[Step], Release]:
        """Deploy a new release while AWS answers like that."""
        marker = f"m{next(_numbers)}"
        release = Release(marker, f"{marker}-config")
        site = self.of(way).site
        fields = (field.name for field in dataclasses.fields(site))
        built = BuiltSite(**{name: getattr(site, name) for name in fields})
        self.aws.contrary = answers
        try:
            return list(parse_way(way).deploy(release, built)), release
        finally:
            self.aws.contrary = as_ever


class Hurried:
    """The time for botocore's waiters, which then look ten times as often."""

    @staticmethod
    def sleep(seconds: float) -> None:
        time.sleep(seconds / 10)


@pytest.fixture(scope="module")
def stacks(signed_in: RehearsedAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(botocore.waiter, "time", Hurried)
        for module in (function, sam):
            patched.setattr(module, "LOOK_AGAIN_S", 0.1)
        yield Stacks(signed_in, tmp_path_factory.mktemp("stacks"))


@pytest.mark.parametrize("way", BY_THE_API)
@pytest.mark.parametrize(
    "answers",
    [
        pytest.param(lambda: contrary.StaleReads(0.5, share=0.7), id="stale-reads"),
        pytest.param(lambda: contrary.UpdateInProgress(1.0), id="update-in-progress"),
        pytest.param(lambda: contrary.ProvisionedWeights(0.5), id="provisioned-weights"),
        pytest.param(lambda: contrary.lambda_throttle(share=0.1, seed=4), id="lambda-throttle"),
        pytest.param(lambda: contrary.latest_published, id="latest-published"),
    ],
)
def test_a_deploy_by_the_api_ends_well(
    stacks: Stacks, way: str, answers: Callable[[], Contrary]
) -> None:
    steps = stacks.deploy(way, answers())
    assert names(steps)[-1] == "deploy-finished"
    assert ("alias-updated" in names(steps)) == (way != "latest")


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param(lambda: contrary.StaleReads(1.0, share=1.0), id="stale-reads"),
        pytest.param(lambda: contrary.ProvisionedWeights(0.5), id="provisioned-weights"),
        pytest.param(lambda: contrary.s3_throttle(most=2), id="s3-throttle"),
        pytest.param(
            lambda: contrary.cloudformation_throttle(share=0.2, seed=1),
            id="cloudformation-throttle",
        ),
    ],
)
def test_a_deploy_by_sam_ends_well(stacks: Stacks, answers: Callable[[], Contrary]) -> None:
    steps = stacks.deploy("sam", answers())
    assert names(steps)[-2:] == ["stack-complete", "deploy-finished"]
    assert "alias-updated" in names(steps)


CHANGES = ("UpdateFunctionConfiguration", "UpdateFunctionCode", "PublishVersion", "UpdateAlias")


@pytest.mark.parametrize(
    ("way", "operation"),
    [
        *(("lambda-api", operation) for operation in CHANGES),
        *((way, "UpdateFunctionCode") for way in BY_THE_API[1:]),
    ],
)
def test_a_change_that_somebody_else_was_faster_with_is_a_conflict_and_made_once(
    stacks: Stacks, way: str, operation: str
) -> None:
    refusing = contrary.someone_elses_change(operation)
    with pytest.raises(ConflictError, match=r"someone else changes function .* run this again"):
        stacks.try_to_deploy(way, refusing)
    assert refusing.given == 1, "nothing is retried"


@pytest.mark.parametrize("way", BY_THE_API)
def test_a_control_plane_that_throttles_for_good_is_said_to(stacks: Stacks, way: str) -> None:
    with pytest.raises(DeployError, match="AWS throttles these calls: wait and run it again"):
        stacks.try_to_deploy(way, contrary.lambda_throttle(*CHANGES))


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (contrary.s3_throttle, "reduce your request rate"),
        (contrary.cloudformation_throttle, "Rate exceeded"),
    ],
)
def test_a_deploy_by_sam_that_is_throttled_for_good_says_so(
    stacks: Stacks, answers: Callable[[], Contrary], said: str
) -> None:
    with pytest.raises(PosterError, match=said):
        stacks.try_to_deploy("sam", answers())


@pytest.mark.parametrize("way", [*BY_THE_API, *BY_SAM])
def test_keys_that_expire_midway_end_the_deploy_with_what_to_do(stacks: Stacks, way: str) -> None:
    changed: list[str] = []
    midway = "CreateChangeSet" if way in BY_SAM else "UpdateFunctionCode"

    def until_then(request: object, call: object, forward: Callable[..., object]) -> object:
        expired = contrary.ExpiredTokens(valid=lambda key: midway not in changed)
        changed.append(call.operation)
        return expired(request, call, forward)

    with pytest.raises(DeployError, match=r"security token .* expired"):
        stacks.try_to_deploy(way, until_then)


# Every key is new, and so near its end that botocore asks for another before each request.
GIVES_KEYS = """
import datetime, json, pathlib, sys, tempfile
tempfile.mkstemp(dir=sys.argv[1])
number = len(list(pathlib.Path(sys.argv[1]).iterdir()))
until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=5)
print(json.dumps({
    "Version": 1, "AccessKeyId": f"KEY{number}", "SecretAccessKey": "secret",
    "SessionToken": "token", "Expiration": until.isoformat(),
}))
"""
NEWER = 8  # keys make an older one worthless: one clock for all, however slow the machine


@pytest.mark.parametrize("way", ["lambda-api", "canary:50,2", "sam"])
def test_keys_that_are_renewed_while_they_last_are_no_event(
    stacks: Stacks, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, config, made = tmp_path / "keys.py", tmp_path / "config", tmp_path / "made"
    made.mkdir()
    program.write_text(GIVES_KEYS)
    config.write_text(f"[default]\ncredential_process = {sys.executable} {program} {made}\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    renewed = Deployed(AwsTarget(REGION), tmp_path / "renewed", 981)
    built = stacks.of(way).site.application
    renewed.site = dataclasses.replace(renewed.site, application=built)
    keys: list[int] = []

    def is_valid(key: str) -> bool:
        number = int(key.removeprefix("KEY"))
        keys.append(number)
        return max(keys) - number < NEWER

    monkeypatch.setattr(stacks, "_with_alias", renewed)
    stacks.deploy(way, contrary.ExpiredTokens(is_valid))
    assert max(keys) > NEWER, "the first key would have been refused"
