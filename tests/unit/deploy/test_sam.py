from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from stage import SteppedClock

from poster.deploy import sam
from poster.deploy.application import StagedApplication
from poster.deploy.release import DeployError, Release
from poster.deploy.sam_cli import SamCli
from poster.deploy.site import Site
from poster.rows.record import Step

ORIGIN_UNIX_NS = 1_795_321_400_000_000_000
RELEASE = Release("xxx", "xxx")


class Alias:
    """The control plane: the alias moves from 1 to 2 while `sam deploy` runs."""

    def __init__(self, *versions: str | None) -> None:
        self._versions = list(versions)

    def __call__(self) -> str | None:
        return self._versions.pop(0) if len(self._versions) > 1 else self._versions[0]


def event(kind: str, status: str, timestamp: str) -> str:
    return json.dumps(
        {
            "type": "event",
            "status": status,
            "resource_type": kind,
            "logical_id": kind.rpartition(":")[2],
            "timestamp": timestamp,
        }
    )


def result(status: str) -> str:
    return json.dumps({"type": "result", "status": status})


UPDATE = [
    "\tFile with same data already exists, skipping upload",
    event("AWS::Lambda::Function", "UPDATE_IN_PROGRESS", "2026-11-22T04:23:21.000000+00:00"),
    event("AWS::Lambda::Function", "UPDATE_COMPLETE", "2026-11-22T04:23:22.000000+00:00"),
    event("AWS::Lambda::Version", "CREATE_COMPLETE", "2026-11-22T04:23:23.000000+00:00"),
    event("AWS::Lambda::Alias", "UPDATE_COMPLETE", "2026-11-22T04:23:24.250000+00:00"),
    event("AWS::CloudFormation::Stack", "UPDATE_COMPLETE", "2026-11-22T04:23:25.000000+00:00"),
    result("success"),
]


TEMPLATE = """\
Parameters:
  Number: {Type: Number, Default: 7}
  ConfigMarker: {Type: String, Default: aaa}
  ProvisionedConcurrency:
    Type: Number
    Default: 0
  DeploymentPreference:
    Type: String
    Default: "false"
  Words: {Type: String, Default: two words}
  Needed: {Type: String}
Outputs:
  Api: {Value: !Sub "${Api}/x"}
"""


@pytest.fixture
def application(tmp_path: Path) -> StagedApplication:
    source = tmp_path / "source"
    (source / "hello_world").mkdir(parents=True)
    (source / "hello_world" / "release.py").write_text('"""One line."""\n\nMARKER = "aaa"\n')
    (source / "template.yaml").write_text(TEMPLATE)
    (source / "samconfig.toml").touch()
    return StagedApplication.copy_of(source, tmp_path / "app")


def deploying(
    application: StagedApplication, tmp_path: Path, script: str, alias: Alias
) -> Iterator[Step]:
    """Deploy with a `sam` that is the given shell script."""
    program = tmp_path / "sam"
    program.write_text("#!/bin/sh\n" + textwrap.dedent(script))
    program.chmod(0o755)
    environment = {"PATH": "/usr/bin:/bin", "AWS_REGION": "eu-west-1"}
    cli = SamCli(program, environment, tmp_path / "sam.log")
    stack = SimpleNamespace(name="todo-sample-1", alias_version=alias)
    site = Site(application, cli, stack, {"Number": "1"}, SteppedClock())
    return sam.deploy(RELEASE, site)


def sam_that_prints(lines: list[str], exit_code: int = 0) -> str:
    said = "\n".join(lines)
    return f"""\
if [ "$1" = deploy ]; then
printf '%s\\n' "$@" > arguments
cat <<'END'
{said}
END
exit {exit_code}
fi
"""


def test_steps_carry_cloudformations_own_times(
    application: StagedApplication, tmp_path: Path
) -> None:
    steps = list(deploying(application, tmp_path, sam_that_prints(UPDATE), Alias("1", "2")))
    assert [step.name for step in steps] == [
        *("build-started", "build-finished", "deploy-started"),
        *("code-updated", "version-published", "alias-updated", "stack-complete"),
        "deploy-finished",
    ]
    moved = steps[5]
    assert moved.at_ns == 4_250_000_000
    assert moved.detail["server_ms"] == 1_795_321_404_250
    assert (moved.detail["from"], moved.detail["to"]) == ("1", "2")


def test_the_release_is_made_in_the_copy_and_named_in_the_configuration(
    application: StagedApplication, tmp_path: Path
) -> None:
    list(deploying(application, tmp_path, sam_that_prints(UPDATE), Alias("1", "2")))
    assert 'MARKER = "xxx"\n' in (application.path / "hello_world" / "release.py").read_text()
    source = tmp_path / "source" / "hello_world" / "release.py"
    assert 'MARKER = "aaa"\n' in source.read_text()
    arguments = (application.path / "arguments").read_text().splitlines()
    assert arguments[arguments.index("--stack-name") + 1] == "todo-sample-1"
    assert {"Number=1", "ConfigMarker=xxx"} <= set(arguments)


def test_an_alias_that_stays_is_no_step(application: StagedApplication, tmp_path: Path) -> None:
    unpublished = [line for line in UPDATE if "Lambda::Version" not in line]
    steps = deploying(application, tmp_path, sam_that_prints(unpublished), Alias("1", "1"))
    assert "alias-updated" not in [step.name for step in steps]


def test_an_alias_that_is_read_late_is_still_a_step(
    application: StagedApplication, tmp_path: Path
) -> None:
    late = Alias("1", "1", "1", "2")
    steps = list(deploying(application, tmp_path, sam_that_prints(UPDATE), late))
    (moved,) = [step for step in steps if step.name == "alias-updated"]
    assert (moved.detail["from"], moved.detail["to"]) == ("1", "2")
    assert moved.at_ns == 4_250_000_000, "the event's time, not that of the read"


def test_an_alias_that_never_moves_is_looked_at_for_some_seconds(
    application: StagedApplication, tmp_path: Path
) -> None:
    steps = list(deploying(application, tmp_path, sam_that_prints(UPDATE), Alias("1", "1")))
    assert "alias-updated" not in [step.name for step in steps]
    assert steps[-1].at_ns == pytest.approx(30e9, rel=0.1)


def steps_until_failure(deploy: Iterator[Step], said: str) -> list[Step]:
    steps: list[Step] = []
    with pytest.raises(DeployError, match=said):
        steps.extend(deploy)  # keeps what came before the failure
    return steps


def test_a_failed_build_says_what_sam_said(application: StagedApplication, tmp_path: Path) -> None:
    script = "echo; echo Error: no uv >&2; exit 1"
    steps = steps_until_failure(
        deploying(application, tmp_path, script, Alias(None)),
        "sam build ended with 1: Error: no uv",
    )
    assert [step.name for step in steps] == ["build-started", "deploy-failed"]
    assert steps[-1].detail["after"] == "build-started"


def test_a_rolled_back_deploy_names_the_resource_that_failed(
    application: StagedApplication, tmp_path: Path
) -> None:
    failed = json.loads(UPDATE[1]) | {"status": "UPDATE_FAILED", "reason": "no such role"}
    steps = steps_until_failure(
        deploying(application, tmp_path, sam_that_prints([json.dumps(failed)], 1), Alias("1", "1")),
        "Function UPDATE_FAILED: no such role",
    )
    assert steps[-1].name == "deploy-failed"


def test_an_empty_changeset_is_a_failure_of_its_own(
    application: StagedApplication, tmp_path: Path
) -> None:
    steps_until_failure(
        deploying(application, tmp_path, sam_that_prints([result("no_changes")]), Alias("1", "1")),
        "found nothing to change for release xxx",
    )


def test_everything_sam_says_is_kept(application: StagedApplication, tmp_path: Path) -> None:
    list(deploying(application, tmp_path, sam_that_prints(UPDATE), Alias("1", "2")))
    log = (tmp_path / "sam.log").read_text()
    assert "$ sam build" in log
    assert "skipping upload" in log


def test_another_folder_is_no_application(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match=r"template\.yaml is missing: .*--app"):
        StagedApplication.copy_of(tmp_path, tmp_path / "app")


def test_a_release_file_without_its_line_is_refused(application: StagedApplication) -> None:
    (application.path / "hello_world" / "release.py").write_text("MARKER = 'aaa'\n")
    with pytest.raises(DeployError, match="0 lines of the form"):
        application.make_release("xxx")


def test_every_parameter_is_passed_lest_a_deploy_of_before_live_on(
    application: StagedApplication, tmp_path: Path
) -> None:
    list(deploying(application, tmp_path, sam_that_prints(UPDATE), Alias("1", "2")))
    arguments = (application.path / "arguments").read_text().splitlines()
    assert arguments[
        arguments.index("--parameter-overrides") + 1 : arguments.index("--region")
    ] == [
        *("Number=1", "ConfigMarker=xxx", "ProvisionedConcurrency=0"),
        *("DeploymentPreference=false", 'Words="two words"'),
    ]


def test_sam_is_told_the_region_with_every_command(
    application: StagedApplication, tmp_path: Path
) -> None:
    list(deploying(application, tmp_path, sam_that_prints(UPDATE), Alias("1", "2")))
    log = (tmp_path / "sam.log").read_text()
    commands = [line for line in log.splitlines() if line.startswith("$ sam")]
    assert len(commands) == 2
    assert all(command.endswith("--region eu-west-1") for command in commands)
