from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from samtranslator.public.translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from poster.deploy.application import StagedApplication
from poster.deploy.release import DeployError

ROOT = Path(__file__).parents[3]


class NoManagedPolicies(ManagedPolicyLoader):
    def __init__(self) -> None:
        pass

    def load(self) -> dict[str, str]:
        return {}


@pytest.fixture
def application(tmp_path: Path) -> StagedApplication:
    shutil.copy(ROOT / "template.yaml", tmp_path)
    return StagedApplication(tmp_path)


def transformed(application: StagedApplication, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    template = yaml_parse((application.path / "template.yaml").read_text())
    template["Resources"]["TodoFunction"]["Properties"]["CodeUri"] = "s3://bucket/key"
    monkeypatch.delenv("AWS_PROFILE", raising=False)  # the transform asks boto3 for the region
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    resources: dict[str, Any] = transform(template, {}, NoManagedPolicies())["Resources"]
    return resources


def test_without_its_alias_sam_still_takes_the_template(
    application: StagedApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    application.without_alias()
    kinds = [each["Type"] for each in transformed(application, monkeypatch).values()]
    assert "AWS::Lambda::Function" in kinds
    assert not {"AWS::Lambda::Alias", "AWS::Lambda::Version"} & set(kinds)


def test_only_what_needs_the_alias_goes(application: StagedApplication) -> None:
    before = (application.path / "template.yaml").read_text().splitlines()
    application.without_alias()
    after = (application.path / "template.yaml").read_text().splitlines()
    invoked = [line for line in after if "/invocations" in line]
    assert [":Sample/" in line for line in invoked] == [False]
    rest = (line.replace(".Arn}:Sample/", ".Arn}/") for line in before)
    assert all(line in rest for line in after), "lines stay, in their order"
    gone = [line.strip() for line in before if line.replace(":Sample/", "/") not in after]
    assert gone == [
        "AutoPublishAlias: Sample",
        "ProvisionedConcurrencyConfig: !If",
        "- HasProvisionedConcurrency",
        "- ProvisionedConcurrentExecutions: !Ref ProvisionedConcurrency",
        "- !Ref AWS::NoValue",
    ]


@pytest.mark.parametrize("lines", [0, 2])
def test_a_template_without_exactly_one_alias_is_refused(tmp_path: Path, lines: int) -> None:
    text = "Properties:\n" + "  AutoPublishAlias: Sample\n" * lines
    (tmp_path / "template.yaml").write_text(text)
    with pytest.raises(DeployError, match=f"has {lines} AutoPublishAlias lines; want 1"):
        StagedApplication(tmp_path).without_alias()
    assert (tmp_path / "template.yaml").read_text() == text


def test_a_folder_that_was_not_built_is_said_to_hold_none(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match="sam build made none"):
        StagedApplication(tmp_path).built_code()
