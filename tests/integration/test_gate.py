"""The gate on the local AWS: real deploys, simulated propagation, purges in time."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from poster.calls.curl_call import Exchange
from poster.calls.probe import Probed, Probing
from poster.calls.request import TODO_PROBE
from poster.calls.schedule import OpenLoop
from poster.cli import exit_codes
from poster.local.emulator import Emulator
from poster.local.environment import LocalAws
from poster.local.fleet import Fleet, FleetSettings
from poster.rows.clock import RunClock
from poster.rows.record import Observation, StepName, TargetName
from tests.support.deployed import Deployed

pytestmark = pytest.mark.local_aws

TODO_PROBE_OPTIONS = ("--method", "POST", "--header", "X-Poster-Probe: 1", "--body", "{}")
QUICK = ("--stale-share", "0.2", "--rate", "50")  # 27 new answers in a row; 258 for the failures


class FleetTarget:
    """The emulator, and a fleet before the API of the first stack that is deployed there."""

    name: TargetName = "local"
    through_proxies = False

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        self.client = aws.client
        self.environment = aws.environment(os.environ)
        self.fleet: Fleet | None = None

    def reachable(self, api_endpoint: str) -> str:
        if self.fleet is None:
            settings = FleetSettings.of_endpoint(api_endpoint, lag="published", seed=1)
            self.fleet = Fleet(self.aws, settings)
            self.fleet.start()
        return self.fleet.local_url(api_endpoint)


@pytest.fixture(scope="module")
def target() -> Iterator[FleetTarget]:
    with Emulator() as emulator:
        target = FleetTarget(emulator.aws)
        yield target
        if target.fleet is not None:
            target.fleet.stop()


@dataclasses.dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def said(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.out)
        return said


@pytest.fixture
def wait(target: FleetTarget, tmp_path: Path) -> Callable[..., Ended]:
    def run(*arguments: str) -> Ended:
        done = subprocess.run(
            [sys.executable, "-m", "poster", "wait", *arguments],
            cwd=tmp_path,
            env=target.environment,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert "Traceback" not in done.stderr
        return Ended(done.returncode, done.stdout, done.stderr)

    return run


@contextlib.contextmanager
def watched(endpoint: str) -> Iterator[tuple[RunClock, list[Observation]]]:
    """Probe on our own, beside the gate, and give every answer."""
    clock, seen = RunClock(), list[Observation]()
    probed = Probed(endpoint, endpoint, Exchange(TODO_PROBE, fresh_share=1.0))
    with Probing(probed, OpenLoop(10, max_in_flight=50), clock, seen.append, on_end=lambda: None):
        yield clock, seen


def distribution(target: FleetTarget) -> str:
    origin = {
        "Id": "api",
        "DomainName": "example.com",
        "CustomOriginConfig": {
            "HTTPPort": 80,
            "HTTPSPort": 443,
            "OriginProtocolPolicy": "https-only",
        },
    }
    made = target.client("cloudfront").create_distribution(
        DistributionConfig={
            "CallerReference": "test",
            "Comment": "",
            "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [origin]},
            "DefaultCacheBehavior": {
                "TargetOriginId": "api",
                "ViewerProtocolPolicy": "redirect-to-https",
                "MinTTL": 0,
                "ForwardedValues": {"QueryString": False, "Cookies": {"Forward": "none"}},
            },
        }
    )
    return str(made["Distribution"]["Id"])


@pytest.mark.skipif(shutil.which("sam") is None, reason="sam is not on the PATH")
def test_the_purge_follows_the_last_old_answer_where_polling_would_have_been_too_early(
    target: FleetTarget, wait: Callable[..., Ended], tmp_path: Path
) -> None:
    run = Deployed(target, tmp_path, number=1)
    run.deploy("sam", "aaa")
    endpoint = run.stack.outputs().endpoint
    was = wait("--stack-name", "todo-sample-1", "--print-version")
    assert (was.code, was.out) == (0, "1\n")
    cdn = distribution(target)

    with watched(endpoint) as (clock, seen):
        steps = {step.name: step.at_ns for step in run.deploy("lambda-api", "xxx")}
        successful_ns = run.site.clock.origin_unix_ns + steps[StepName.UPDATE_SUCCESSFUL]
        moved_ns = run.site.clock.origin_unix_ns + steps[StepName.ALIAS_UPDATED]
        ended = wait(
            *("--stack-name", "todo-sample-1", "--endpoint", endpoint, *TODO_PROBE_OPTIONS),
            *("--was", "1", "--purge-cloudfront", cdn, "--paths", "/*", "--wait-for-purge"),
            *("--format", "json", "--then", "echo purged"),
        )
        time.sleep(1)
    assert ended.code == 0, ended.err
    said = ended.said
    assert (said["outcome"], said["expected"][0]["version"]) == ("reached", "2")
    assert said["endpoints"][0]["in_a_row"] >= said["answers_needed"] == 581
    assert "purged" in ended.err

    assert target.fleet is not None
    (change,) = target.fleet.changes()
    purged_ns = said["purged"][0]["created_ms"] * 1_000_000
    assert said["purged"][0]["is_complete"]
    old_ns = [clock.origin_unix_ns + each.sent_ns for each in seen if each.function_version == "1"]
    # CloudFront's clock has whole seconds here: the purge was made within the second after it.
    too_early_s = (change.settled_ns - successful_ns) / 1e9
    late_s = (purged_ns - change.settled_ns) / 1e9
    print(f"\nsettled {(change.settled_ns - moved_ns) / 1e9:.1f} s after the alias moved;")
    print(f"the gate purged {late_s:.1f} s after that,")
    print(f"LastUpdateStatus would have purged {too_early_s:.1f} s before it")
    assert max(old_ns) < change.settled_ns < purged_ns
    assert too_early_s > 0
    assert any(at_ns > successful_ns for at_ns in old_ns), "purged then, old would be cached"
    answers = [each for each in seen if each.outcome == "ok"]
    after = [each for each in answers if clock.origin_unix_ns + each.sent_ns > purged_ns]
    assert {each.function_version for each in after} == {"2"}
    rows = list(run.stack.rows(run.stack.outputs()))
    assert rows == [], "probes write nothing"


HANDLER = """
import time
def handler(event, context):
    print("called")
    time.sleep(event.get("busy_s", 0))
    return {"instanceId": context.log_stream_name, "marker": "MARKER"}
"""


class App:
    """A function and its alias, made by hand: no template of ours knows them."""

    def __init__(self, target: FleetTarget, name: str) -> None:
        self.name = name
        self.lambda_ = target.client("lambda")
        self.lambda_.create_function(
            FunctionName=name,
            Runtime="python3.14",
            Role="arn:aws:iam::000000000000:role/todo",
            Handler="app.handler",
            Code={"ZipFile": code("m1")},
        )
        version = self.lambda_.publish_version(FunctionName=name)["Version"]
        self.lambda_.create_alias(FunctionName=name, Name="live", FunctionVersion=version)

    def publish(self) -> str:
        """Publish the next version; the alias stays where it is."""
        count = len(self.lambda_.list_versions_by_function(FunctionName=self.name)["Versions"])
        self.lambda_.update_function_code(FunctionName=self.name, ZipFile=code(f"m{count}"))
        return str(self.lambda_.publish_version(FunctionName=self.name)["Version"])

    def point(self, version: str) -> None:
        self.lambda_.update_alias(FunctionName=self.name, Name="live", FunctionVersion=version)

    def versions(self) -> list[str]:
        listed = self.lambda_.list_versions_by_function(FunctionName=self.name)["Versions"]
        return [each["Version"] for each in listed][1:]


def code(marker: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("app.py", HANDLER.replace("MARKER", marker))
    return file.getvalue()


def asked(app: App) -> tuple[str, ...]:
    return ("--function-name", app.name, "--alias", "live", "--payload", "{}", *QUICK)


def test_any_function_is_asked_by_invoke_and_its_old_versions_go_last(
    target: FleetTarget, wait: Callable[..., Ended]
) -> None:
    app = App(target, "by-invoke")
    for _ in range(3):
        app.publish()
    app.point("4")
    ended = wait(
        *(*asked(app), "--was", "1", "--warm", "3", "--payload", '{"busy_s": 0.05}'),
        *("--delete-old-versions", "--keep", "2", "--format", "json"),
    )
    assert ended.code == 0, ended.err
    said = ended.said
    assert said["expected"] == [{"version": "4", "marker": None}]
    assert set(said["endpoints"][0]["answered_by"]) == {"4"}
    assert said["warmed"][0]["environments"] >= 3
    assert said["deleted"][0]["deleted"] == ["1", "2"]
    assert app.versions() == ["3", "4"]


def test_without_alias_the_marker_tells_the_new_release(
    target: FleetTarget, wait: Callable[..., Ended]
) -> None:
    app = App(target, "by-marker")
    payload = ("--function-name", app.name, "--payload", "{}", *QUICK)
    ended = wait(*payload, "--marker", "m1", "--marker-from", "json:/marker")
    assert ended.code == 0, ended.err
    assert ended.out.startswith("reached: marker m1: ")


def test_nothing_was_published(target: FleetTarget, wait: Callable[..., Ended]) -> None:
    app = App(target, "unchanged")
    ended = wait(*asked(app), "--was", "1", "--then", "false")
    assert (ended.code, ended.out) == (
        0,
        "nothing to wait for: version 1: no new version was published:"
        " alias live of function unchanged is at version 1 as before\n",
    )


def test_a_version_that_never_comes(target: FleetTarget, wait: Callable[..., Ended]) -> None:
    app = App(target, "never")
    ended = wait(*asked(app), "--expect", "9", "--timeout", "2", "--then", "false")
    assert (ended.code, ended.out) == (exit_codes.TIMED_OUT, "")
    assert "timed out: version 9: there is no version 9 of function never\n" in ended.err


@pytest.mark.parametrize("while_waiting_for", ["the control plane", "callers"])
def test_an_alias_that_moves_on_to_a_third_version(
    target: FleetTarget, wait: Callable[..., Ended], while_waiting_for: str
) -> None:
    app = App(target, while_waiting_for.replace(" ", "-"))
    second, third = app.publish(), app.publish()
    if while_waiting_for == "callers":
        app.point(second)
    someone_else = threading.Timer(4, app.point, [third])
    someone_else.start()
    # So many answers in a row that the alias moves on before.
    patience = ("--stale-share", "0.001", "--then", "false")
    ended = wait(*asked(app), "--expect", second, *patience)
    someone_else.join()
    assert ended.code == exit_codes.SUPERSEDED, ended.err
    assert "moved on to version 3 while version 2 was waited for" in ended.err


@pytest.mark.parametrize("arguments", [(), ("--print-version",)])
def test_an_unknown_function(wait: Callable[..., Ended], arguments: tuple[str, ...]) -> None:
    ended = wait("--function-name", "no", "--alias", "live", "--payload", "{}", *arguments)
    assert (ended.code, ended.out) == (exit_codes.NOT_THERE, "")
    assert "check the name, the region and the account" in ended.err


def test_an_unknown_stack(wait: Callable[..., Ended]) -> None:
    ended = wait("--stack-name", "no")
    assert ended.code == exit_codes.NOT_THERE
    assert "there is no stack no here: deploy it first" in ended.err


def test_a_version_is_asked_before_the_alias_moves(
    target: FleetTarget, wait: Callable[..., Ended]
) -> None:
    app = App(target, "before")
    app.publish()
    asked_itself = ("--function-name", app.name, "--payload", "{}", *QUICK, "--version", "newest")
    ended = wait(*asked_itself, "--was", "1", "--warm", "2")
    assert ended.code == 0, ended.err
    assert ended.out.startswith("reached: version 2: ")
    assert wait("--function-name", f"{app.name}:live", "--print-version").out == "1\n"


def test_a_version_that_crashes_is_broken_before_any_caller_gets_it(
    target: FleetTarget, wait: Callable[..., Ended]
) -> None:
    app = App(target, "crashes")
    version = app.publish()
    crashing = ("--function-name", app.name, "--payload", '{"busy_s": "soon"}', *QUICK)
    ended = wait(*crashing, "--version", version)
    assert ended.code == exit_codes.BROKEN, ended.err
    assert "function error Unhandled" in ended.err


def test_several_functions_must_all_get_their_new_version(
    target: FleetTarget, wait: Callable[..., Ended]
) -> None:
    apps = [App(target, "several-1"), App(target, "several-2")]
    functions = [word for app in apps for word in ("--function-name", f"{app.name}:live")]
    was = wait(*functions, "--print-version").out.strip()
    assert was == "several-1=1 several-2=1"
    for app in apps:
        app.point(app.publish())
    ended = wait(*functions, "--was", was, "--payload", "{}", *QUICK, "--format", "json")
    assert ended.code == 0, ended.err
    assert [each["name"] for each in ended.said["endpoints"]] == [
        "Invoke of several-1:live",
        "Invoke of several-2:live",
    ]


def test_a_dry_run_lists_what_would_be_deleted(
    target: FleetTarget, wait: Callable[..., Ended]
) -> None:
    app = App(target, "listed")
    for _ in range(3):
        app.publish()
    app.point("4")
    ended = wait(*asked(app), "--was", "1", "--delete-old-versions", "--dry-run")
    assert ended.code == 0, ended.err
    assert "would delete: 1, 2 of function listed" in ended.out
    assert app.versions() == ["1", "2", "3", "4"]


def test_a_distribution_that_is_not_there_ends_the_command_before_the_wait(
    target: FleetTarget, wait: Callable[..., Ended], tmp_path: Path
) -> None:
    app = App(target, "no-cdn")
    ended = wait(*asked(app), "--purge-cloudfront", "E0", "--paths", "/*", "--then", "touch done")
    assert (ended.code, ended.out) == (exit_codes.NOT_THERE, "")
    assert "NoSuchDistribution" in ended.err
    assert not (tmp_path / "done").exists()
