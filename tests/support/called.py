"""An API and its function, made by hand on the local AWS, and who calls them through a fleet."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from poster.local.environment import LocalAws
from poster.local.fleet import Fleet, FleetSettings
from tests.support.versioned import zipped

HANDLER = """
import json, os, time, botocore.session
MARKER = "aaa"
def handler(event, context):
    print("called")
    asked = json.loads(event["body"] or "{}")
    if asked.get("do") == "raise":
        raise RuntimeError("secret")
    if asked.get("do") == "sleep":
        time.sleep(asked["s"])
    if asked.get("do") == "stay":
        open(asked["here"], "w").close()
        while not os.path.exists(asked["until"]):
            time.sleep(0.01)
    if asked.get("do") == "malformed":
        return {"hello": "world"}
    if asked.get("do") == "put":
        client = botocore.session.get_session().create_client("dynamodb")
        item = {"todoId": {"S": asked["todoId"]}}
        client.put_item(TableName=os.environ["TABLE"], Item=item)
    said = {"marker": MARKER, "configMarker": os.environ["CONFIG_MARKER"]}
    said.update(version=context.function_version, event=event, asked=asked)
    return {"statusCode": 200, "headers": {"X-Echo": "1"}, "body": json.dumps(said)}
"""
TABLE = "todos"


def code(marker: str) -> bytes:
    return zipped(HANDLER.replace("aaa", marker))


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def said(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.body)
        return said


class Caller:
    """One kept-alive connection."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)

    def post(
        self, path: str = "/Prod/todo", headers: dict[str, str] | None = None, **body: object
    ) -> Answer:
        self._connection.request("POST", path, json.dumps(body), headers or {})
        answer = self._connection.getresponse()
        names = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status, names, answer.read())

    def close(self) -> None:
        self._connection.close()


class App:
    """An API, a function and its alias, deployed by hand so that a test takes no build."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        self.function = f"todo-{uuid.uuid4().hex[:8]}"
        self.lambda_ = aws.client("lambda")
        arn = self.lambda_.create_function(
            FunctionName=self.function,
            Runtime="python3.14",
            Role="arn:aws:iam::000000000000:role/todo",
            Handler="app.handler",
            Timeout=20,
            Code={"ZipFile": code("aaa")},
            Environment={"Variables": {"CONFIG_MARKER": "aaa", "TABLE": TABLE}},
        )["FunctionArn"]
        self.versions = [self.lambda_.publish_version(FunctionName=self.function)["Version"]]
        self.lambda_.create_alias(
            FunctionName=self.function, Name="live", FunctionVersion=self.versions[0]
        )
        self.api_id = self._make_api(f"{arn}:live")
        self.permit()

    def permit(self) -> None:
        """Let API Gateway invoke the alias."""
        self.lambda_.add_permission(
            FunctionName=self.function,
            Qualifier="live",
            StatementId="gateway",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
        )

    def _make_api(self, called: str) -> str:
        gateway = self.aws.client("apigateway")
        api_id: str = gateway.create_rest_api(name=self.function)["id"]
        (root,) = gateway.get_resources(restApiId=api_id)["items"]
        resource = gateway.create_resource(restApiId=api_id, parentId=root["id"], pathPart="todo")
        method = {"restApiId": api_id, "resourceId": resource["id"], "httpMethod": "POST"}
        gateway.put_method(**method, authorizationType="NONE")
        functions = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions"
        gateway.put_integration(
            **method,
            type="AWS_PROXY",
            integrationHttpMethod="POST",
            uri=f"{functions}/{called}/invocations",
        )
        gateway.create_deployment(restApiId=api_id, stageName="Prod")
        return api_id

    def publish(self, marker: str) -> str:
        """Publish a version with that marker; the alias stays where it is."""
        self.lambda_.update_function_code(FunctionName=self.function, ZipFile=code(marker))
        version: str = self.lambda_.publish_version(FunctionName=self.function)["Version"]
        self.versions.append(version)
        return version

    def point_alias(self, version: str, **weights: float) -> None:
        self.lambda_.update_alias(
            FunctionName=self.function,
            Name="live",
            FunctionVersion=version,
            RoutingConfig={
                "AdditionalVersionWeights": {name[1:]: share for name, share in weights.items()}
            },
        )

    def fleet(self, **settings: Any) -> Fleet:
        return Fleet(self.aws, FleetSettings(self.api_id, "Prod", **settings))


@contextlib.contextmanager
def call_under_way(fleet: Fleet, folder: Path) -> Iterator[None]:
    """Let the function be in the middle of a call, from beginning to end of the block."""
    here, until = folder / "here", folder / "until"
    with ThreadPoolExecutor(1) as pool:
        stays: dict[str, Any] = {"do": "stay", "here": str(here), "until": str(until)}
        answer = pool.submit(Caller(fleet.endpoint).post, **stays)
        try:
            wait_for(here.exists)
            yield
        finally:
            until.touch()
    assert answer.result().status == 200


def wait_for_changes(fleet: Fleet, count: int) -> None:
    wait_for(lambda: len(fleet.changes()) >= count)


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60  # a busy machine
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)
