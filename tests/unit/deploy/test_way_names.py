from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from fake_lambda import FakeLambda
from hypothesis import given
from hypothesis import strategies as st
from stage import SteppedClock, Taken

from poster.deploy.application import StagedApplication
from poster.deploy.release import Release
from poster.deploy.sam_cli import SamCli
from poster.deploy.shifted import Hold
from poster.deploy.site import Site
from poster.deploy.ways import FORMS as WAYS
from poster.deploy.ways import WayError, parse_way

ROOT = Path(__file__).parents[3]
FORMS = (
    "sam, sam-express, lambda-api, canary:PCT,SECONDS, linear:PCT,SECONDS, codedeploy:NAME,"
    " latest, delete-old, permission-gap"
)


def test_arguments_become_stages() -> None:
    assert parse_way("canary:10,5").deploy.keywords == {"stages": [Hold(0.1, 5)]}
    assert parse_way("canary:0.5,0.25").deploy.keywords == {"stages": [Hold(0.005, 0.25)]}
    assert parse_way("linear:40,2").deploy.keywords == {"stages": [Hold(0.4, 2), Hold(0.8, 2)]}
    assert parse_way("codedeploy:Linear10PercentEvery1Minute").deploy.keywords == {
        "configuration": "Linear10PercentEvery1Minute"
    }


@pytest.mark.parametrize("text", ["", "SAM", "rolling", "canary 10 5", "sam ", ":"])
def test_an_unknown_way_is_told_all_ways(text: str) -> None:
    with pytest.raises(WayError) as caught:
        parse_way(text)
    assert str(caught.value) == f"there is no way of deploying called {text!r}; ways: {FORMS}"


@pytest.mark.parametrize(
    "text",
    [
        *("canary", "canary:", "canary:10", "canary:10,", "canary:10,5,1", "canary:0,5"),
        *("canary:100,5", "canary:-1,5", "canary:nan,5", "canary:1e1,5", "canary:10,0"),
        *("canary: 10,5", "canary:\u0661\u0660,5", "linear:0.01,5", "linear:10,inf"),
        *("sam:x", "sam:", "latest:1", "codedeploy", "codedeploy:", "codedeploy:a b"),
        *("codedeploy:x Number=2", "codedeploy:false", "linear:10,5\n"),
    ],
)
def test_bad_arguments_are_told_the_form(text: str) -> None:
    name = text.partition(":")[0]
    form = next(form for form in WAYS if form.partition(":")[0] == name)
    with pytest.raises(WayError, match=f"is not of the form {form}"):
        parse_way(text)


@given(st.text(max_size=30))
def test_any_text_is_a_way_or_a_way_error(text: str) -> None:
    try:
        said = parse_way(text).text
    except WayError as error:
        said = f"{error}"
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("text", ["sam-express", "codedeploy:AllAtOnce"])
def test_what_only_aws_has_is_refused_locally(text: str) -> None:
    way = parse_way(text)
    way.require_target("aws")
    with pytest.raises(WayError, match="does not work on target local: the local AWS has no") as no:
        way.require_target("local")
    assert "ways that do: sam, lambda-api, canary:PCT,SECONDS" in str(no.value)


@pytest.mark.parametrize("text", ["sam", "lambda-api", "canary:1,1", "linear:1,1", "latest"])
@pytest.mark.parametrize("target", ["local", "aws"])
def test_the_other_ways_work_anywhere(text: str, target: str) -> None:
    parse_way(text).require_target(target)


RESULT = '{"type":"result","status":"success"}'


class Run:
    """What a run has, with a `sam` that writes down how it was called, and a fake Lambda."""

    def __init__(self, folder: Path) -> None:
        for name in ("template.yaml", "samconfig.toml"):
            shutil.copy(ROOT / name, folder)
        shutil.copytree(ROOT / "hello_world", folder / "hello_world")
        sam = folder / "sam"
        sam.write_text(
            '#!/bin/sh\necho "$@" >> called\n'
            "mkdir -p .aws-sam/build/F && cp hello_world/* .aws-sam/build/F/\n"
            f"echo '{RESULT}'\n"
        )
        sam.chmod(0o755)
        self.folder = folder
        self.aws = FakeLambda()
        self.site = Site(
            application=StagedApplication(folder),
            sam=SamCli(sam, {"PATH": "/usr/bin:/bin"}, folder / "sam.log"),
            stack=SimpleNamespace(
                name="todo-sample-7",
                outputs=lambda: SimpleNamespace(function="todo", alias="Sample"),
                alias_version=lambda: self.aws.alias["FunctionVersion"],
                client={"lambda": self.aws}.__getitem__,
            ),
            parameters={"Number": "7"},
            clock=SteppedClock(),
        )

    def deploy(self, text: str, *markers: str) -> list[Taken]:
        way, (first, *others) = parse_way(text), [Release(marker, marker) for marker in markers]
        return [
            Taken(way.first(first, self.site)),
            *(Taken(way.deploy(release, self.site)) for release in others),
        ]

    @property
    def sam_calls(self) -> list[str]:
        calls = (self.folder / "called").read_text().splitlines()
        return [call for call in calls if call.startswith("deploy ")]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


@pytest.mark.parametrize("text", ["lambda-api", "canary:10,5", "linear:50,5", "latest"])
def test_the_first_release_is_deployed_by_sam_and_the_others_are_not(run: Run, text: str) -> None:
    first, second, third = run.deploy(text, "aaa", "bbb", "ccc")
    assert [each.error for each in (first, second, third)] == [None, None, None]
    assert len(run.sam_calls) == 1
    assert "code-updated" in second.names
    assert "code-updated" in third.names


def test_each_release_starts_from_the_one_before(run: Run) -> None:
    *_, second, third = run.deploy("linear:50,5", "aaa", "bbb", "ccc")
    assert {(move["from"], move["to"]) for move in second.moves} == {("1", "2")}
    assert {(move["from"], move["to"]) for move in third.moves} == {("2", "3")}


def test_delete_old_leaves_one_version(run: Run) -> None:
    run.deploy("delete-old", "aaa", "bbb", "ccc")
    assert list(run.aws.versions) == ["3"]


def test_latest_deploys_a_template_without_alias(run: Run) -> None:
    run.deploy("latest", "aaa", "bbb")
    assert "AutoPublishAlias" not in (run.folder / "template.yaml").read_text()
    assert run.aws.alias["FunctionVersion"] == "1"
    assert run.aws.environment["Variables"]["CONFIG_MARKER"] == "bbb"


def test_other_ways_leave_the_template_alone(run: Run) -> None:
    run.deploy("lambda-api", "aaa", "bbb")
    assert (run.folder / "template.yaml").read_text() == (ROOT / "template.yaml").read_text()


def test_express_mode_is_for_the_releases_under_traffic(run: Run) -> None:
    run.deploy("sam-express", "aaa", "bbb")
    assert ["--express" in call for call in run.sam_calls] == [False, True]


def test_codedeploy_passes_its_configuration_with_every_release(run: Run) -> None:
    run.deploy("codedeploy:AllAtOnce", "aaa", "bbb")
    said = [" DeploymentPreference=AllAtOnce " in f"{call} " for call in run.sam_calls]
    assert said == [True, True]


def test_sam_deploys_every_release(run: Run) -> None:
    run.deploy("sam", "aaa", "bbb")
    assert len(run.sam_calls) == 2
    assert all(" DeploymentPreference=false " in f"{call} " for call in run.sam_calls)
    assert run.aws.calls == []
