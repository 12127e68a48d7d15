from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from poster.deploy.release import DeployError
from poster.deploy.samconfig import forget_account, refuse_other_account

GUIDED = """\
version = 0.1
[default.global.parameters]
stack_name = "todo-sample-1"
[default.deploy.parameters]
region = "eu-west-1"
profile = "work"
s3_bucket = "theirs"
resolve_s3 = true
[other.deploy.parameters]
region = "us-west-2"
"""


@pytest.fixture
def samconfig(tmp_path: Path) -> Path:
    path = tmp_path / "samconfig.toml"
    path.write_text(GUIDED)
    return path


def test_the_same_region_and_profile_are_no_fault(samconfig: Path) -> None:
    refuse_other_account(samconfig, "eu-west-1", "work")


def test_another_region_is_refused_with_the_line_to_change(samconfig: Path) -> None:
    with pytest.raises(DeployError) as refused:
        refuse_other_account(samconfig, "us-east-1", "work")
    said = str(refused.value)
    assert 'has the line region = "eu-west-1" under [default.deploy.parameters]' in said
    assert said.endswith("change that line, or pass --region eu-west-1")


def test_another_profile_is_refused_with_the_line_to_change(samconfig: Path) -> None:
    with pytest.raises(DeployError, match=r'profile = "work".*set AWS_PROFILE=work'):
        refuse_other_account(samconfig, "eu-west-1", "default")


@pytest.mark.parametrize("text", ["", "version = 0.1", "default = 1", "[default]\ndeploy = 2"])
def test_a_file_that_says_nothing_of_it_is_no_fault(samconfig: Path, text: str) -> None:
    samconfig.write_text(text)
    refuse_other_account(samconfig, "us-east-1", "default")


def test_a_file_that_is_no_toml_is_said_to_be_none(samconfig: Path) -> None:
    samconfig.write_text("region: eu-west-1")
    with pytest.raises(DeployError, match="cannot be read"):
        refuse_other_account(samconfig, "us-east-1", "default")


def test_a_local_run_forgets_the_account(samconfig: Path) -> None:
    forget_account(samconfig)
    kept = tomllib.loads(samconfig.read_text())["default"]
    assert kept["deploy"]["parameters"] == {"resolve_s3": True}
    assert kept["global"]["parameters"] == {"stack_name": "todo-sample-1"}
