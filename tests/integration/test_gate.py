"""The gate on the local AWS: real deploys, simulated propagation, purges in time."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from poster.calls.curl_call import Exchange
from poster.calls.probe import Probed, Probing
from poster.calls.request import TODO_PROBE
from poster.calls.schedule import OpenLoop
from poster.local.environment import LocalAws
from poster.local.fleet import Fleet, FleetSettings
from poster.rows.clock import RunClock
from poster.rows.record import Observation, StepName, TargetName
from tests.support.deployed import Deployed
from tests.support.gate_command import poster_wait

pytestmark = pytest.mark.local_aws

TODO_PROBE_OPTIONS = ("--method", "POST", "--header", "X-Poster-Probe: 1", "--body", "{}")


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
def target(aws: LocalAws) -> Iterator[FleetTarget]:
    target = FleetTarget(aws)
    yield target
    if target.fleet is not None:
        target.fleet.stop()


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
    target: FleetTarget, tmp_path: Path
) -> None:
    wait = partial(poster_wait, target.aws, tmp_path)
    run = Deployed(target, tmp_path, number=1)
    run.deploy("sam", "aaa")
    endpoint = run.stack.outputs().endpoint
    was = wait("--stack-name", "todo-sample-1", "--print-version")
    assert (was.code, was.out) == (0, "1\n"), was.err
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
