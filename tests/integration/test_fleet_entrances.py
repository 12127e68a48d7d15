"""The other ways in, before a real emulator: all of them see the switch."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from poster.cli import exit_codes
from poster.local.fleet import Fleet, FleetSettings
from poster.local.fleets import Fleets
from poster.local.guard import token_header
from poster.local.target import Propagation
from tests.support.called import App, Caller, wait_for_changes

if TYPE_CHECKING:
    from poster.local.environment import LocalAws

pytestmark = pytest.mark.local_aws


class Entered(App):
    """The function with an HTTP API and a Function URL on its alias."""

    def __init__(self, aws: LocalAws) -> None:
        super().__init__(aws)
        arn = self.lambda_.get_function(FunctionName=self.function, Qualifier="live")
        called = arn["Configuration"]["FunctionArn"].rpartition(":")[0] + ":live"
        gateway = aws.client("apigatewayv2")
        self.http_id: str = gateway.create_api(Name=self.function, ProtocolType="HTTP")["ApiId"]
        integration = gateway.create_integration(
            ApiId=self.http_id,
            IntegrationType="AWS_PROXY",
            IntegrationUri=called,
            PayloadFormatVersion="2.0",
        )["IntegrationId"]
        gateway.create_route(
            ApiId=self.http_id, RouteKey="POST /todo", Target=f"integrations/{integration}"
        )
        gateway.create_stage(ApiId=self.http_id, StageName="$default", AutoDeploy=True)
        self.url: str = self.lambda_.create_function_url_config(
            FunctionName=self.function, Qualifier="live", AuthType="NONE"
        )["FunctionUrl"]

    def settings(self, door: str) -> FleetSettings:
        if door == "invoke":
            return FleetSettings(self.function, "invoke:live", lag="instant")
        http = f"https://{self.http_id}.execute-api.us-east-1.amazonaws.com/todo"
        return FleetSettings.of_endpoint({"http": http, "url": self.url}[door], lag="instant")


@pytest.fixture(scope="module")
def app(aws: LocalAws) -> Entered:
    return Entered(aws)


JSON = {"Content-Type": "application/json"}
PATHS = {"http": "/todo", "url": "/any"}


@pytest.mark.parametrize("door", ["http", "url"])
def test_an_event_has_what_the_emulators_own_has(app: Entered, door: str) -> None:
    path = f"{PATHS[door]}?a=1&a=2"
    with Fleet(app.aws, app.settings(door)) as fleet:
        ours = Caller(fleet.endpoint).post(path, JSON, x=1)
    url_id = str(urlsplit(app.url).hostname).partition(".")[0]
    prefix = {
        "http": f"/_aws/execute-api/{app.http_id}/$default",
        "url": f"/_aws/lambda-url/{url_id}",
    }
    theirs = Caller(app.aws.endpoint).post(
        f"{prefix[door]}{path}", JSON | token_header(app.aws.token), x=1
    )
    event, other = ours.said["event"], theirs.said["event"]
    same = ("version", "routeKey", "rawPath", "rawQueryString", "queryStringParameters")
    assert {name: event.get(name) for name in same} == {name: other.get(name) for name in same}
    assert (event["body"], event["isBase64Encoded"]) == (other["body"], False)
    context, others = event["requestContext"], other["requestContext"]
    assert set(context) <= set(others) | {"domainPrefix"}
    assert context["http"]["path"] == others["http"]["path"]


@pytest.mark.parametrize("door", ["http", "url", "invoke"])
def test_every_way_in_follows_the_alias(app: Entered, door: str) -> None:
    path = PATHS.get(door, f"/2015-03-31/functions/{app.function}/invocations")
    body: dict[str, Any] = {"body": json.dumps({})} if door == "invoke" else {}
    with Fleet(app.aws, app.settings(door)) as fleet:
        caller = Caller(fleet.endpoint)
        before = caller.post(path, JSON, **body)
        app.point_alias(version := app.publish("bbb"))
        wait_for_changes(fleet, 1)
        after = caller.post(path, JSON, **body)
    seen = [json.loads(each.body) for each in (before, after)]
    if door == "invoke":
        assert after.headers["x-amz-executed-version"] == version
        seen = [json.loads(each["body"]) for each in seen]
    assert [each["version"] for each in seen][1] == version != seen[0]["version"]


@pytest.mark.parametrize(
    ("door", "code", "said"),
    [
        ("url", exit_codes.OK, r"^(\d+) of \1 ok calls have a version$"),
        ("invoke", exit_codes.OK, r"^(\d+) of \1 ok calls have a version$"),
        ("http", exit_codes.ERROR, r"names the version of none of \d+ ok calls"),
    ],
)
def test_lambdas_log_names_the_versions_of_calls_whose_answers_have_its_request_id(
    app: Entered, tmp_path: Path, door: str, code: int, said: str
) -> None:
    path = PATHS.get(door, f"/2015-03-31/functions/{app.function}/invocations")

    def poster(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "poster", *command],
            cwd=tmp_path,
            env=app.aws.environment(os.environ),
            capture_output=True,
            text=True,
            timeout=60,
        )

    with Fleet(app.aws, app.settings(door)) as fleet:
        url = f"{fleet.endpoint}{path}"
        body = ("--method", "POST", "--body", json.dumps({"body": "{}"}))
        called = poster("run", "--endpoint", url, *body, "--rate", "20", "--calls", "20")
    assert called.returncode == exit_codes.OK, called.stderr
    collected = poster("collect", "runs/latest", "--by-logs", app.function)
    assert collected.returncode == code, collected.stderr
    assert re.search(said, collected.stdout + collected.stderr, re.MULTILINE)


def test_each_way_in_is_announced(app: Entered) -> None:
    with Fleets(app.aws, Propagation("instant")) as fleets:
        calls = sorted((method, urlsplit(url).path) for method, url in fleets.look())
        assert calls == [("ANY", "/"), ("POST", "/Prod/todo"), ("POST", "/todo")]
        assert list(fleets.look()) == []
