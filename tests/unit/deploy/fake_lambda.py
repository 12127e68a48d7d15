"""Lambda's control plane in memory: one function, one alias, the rules that deployers rely on.

As on AWS: a change is refused while another is in progress (it ends when someone waits for it),
a revision that is not the latest is refused, what has not changed is not published again, a version
that an alias points at cannot be deleted.
Parameters are held against botocore's own model of the API, so a call that passes here is one that
AWS would parse.
"""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import json
import zipfile
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import botocore.session
from botocore.exceptions import ClientError, ParamValidationError, WaiterError
from botocore.validate import ParamValidator

_MODEL = botocore.session.get_session().get_service_model("lambda")


class FakeLambda:
    """A client of "lambda"; calls are in ``calls``, as they came in."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.before_call: Callable[[str], None] = lambda operation: None
        self.update_fails_with: str | None = None
        self.reads_behind = 0  # after each change so many reads show the state before it
        self.environment: dict[str, Any] = {
            "Variables": {"TABLE_NAME": "todo-sample-1-table", "CONFIG_MARKER": "aaa"}
        }
        self.code = b""
        self.alias: dict[str, Any] = {"FunctionVersion": "1"}
        self.versions: dict[str, dict[str, Any]] = {"1": {"marker": "aaa", "config_marker": "aaa"}}
        self._status = "Successful"
        self._before: list[dict[str, Any]] = []  # what reads show that are behind
        self._numbers = itertools.count(2)
        self._revisions = map(str, itertools.count(100))
        self.revision = next(self._revisions)
        self.alias["RevisionId"] = next(self._revisions)
        self.policy = [
            {
                "Sid": "PostTodo",
                "Effect": "Allow",
                "Principal": {"Service": "apigateway.amazonaws.com"},
                "Action": "lambda:InvokeFunction",
                "Resource": "arn:aws:lambda:us-east-1:1:function:todo:Sample",
                "Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:execute-api:us-east-1:1:a/*"}},
            }
        ]

    # What someone else may do between two of our calls.

    def change_function(self) -> None:
        self.revision = next(self._revisions)

    def change_code(self) -> None:
        self.code = zip_with("theirs")
        self.change_function()

    def change_alias(self, version: str = "1") -> None:
        self.alias["FunctionVersion"] = version
        self.alias["RevisionId"] = next(self._revisions)

    # The API, by boto3's names.

    def get_function_configuration(self, **parameters: Any) -> dict[str, Any]:
        self._called("GetFunctionConfiguration", parameters)
        if parameters.get("Qualifier", "$LATEST") not in {"$LATEST", *self.versions}:
            raise self._refused("ResourceNotFoundException", "there is no such version")
        return self._before.pop() if self._before else self._configuration()

    def update_function_configuration(self, **parameters: Any) -> dict[str, Any]:
        self._called("UpdateFunctionConfiguration", parameters)
        self._change(parameters)
        self.environment = parameters["Environment"]
        return self._configuration()

    def update_function_code(self, **parameters: Any) -> dict[str, Any]:
        self._called("UpdateFunctionCode", parameters)
        self._change(parameters)
        self.code = parameters["ZipFile"]
        return self._configuration()

    def publish_version(self, **parameters: Any) -> dict[str, Any]:
        self._called("PublishVersion", parameters)
        self._refuse_in_progress()
        self._refuse_stale(parameters, self.revision)
        if parameters["CodeSha256"] != sha256(self.code):
            raise self._refused("PreconditionFailedException", "CodeSha256 is another")
        content = {
            "marker": marker_in(self.code),
            "config_marker": self.environment["Variables"]["CONFIG_MARKER"],
        }
        version, latest = list(self.versions.items())[-1]
        if content != latest:  # the same again is not published again
            version = str(next(self._numbers))
            self.versions[version] = content
        return {**self._configuration(), "Version": version}

    def get_alias(self, **parameters: Any) -> dict[str, Any]:
        self._called("GetAlias", parameters)
        return dict(self.alias)

    def update_alias(self, **parameters: Any) -> dict[str, Any]:
        self._called("UpdateAlias", parameters)
        self._refuse_stale(parameters, self.alias["RevisionId"])
        self.alias = {
            "FunctionVersion": parameters["FunctionVersion"],
            "RevisionId": next(self._revisions),
        }
        if parameters["RoutingConfig"]["AdditionalVersionWeights"]:
            self.alias["RoutingConfig"] = parameters["RoutingConfig"]
        return dict(self.alias)

    def delete_function(self, **parameters: Any) -> dict[str, Any]:
        self._called("DeleteFunction", parameters)
        if parameters["Qualifier"] == self.alias["FunctionVersion"]:
            raise self._refused("ResourceConflictException", "an alias points at it")
        del self.versions[parameters["Qualifier"]]
        return {}

    def get_paginator(self, name: str) -> Any:
        listed = [{"Version": version} for version in ("$LATEST", *self.versions)]
        return SimpleNamespace(paginate=lambda FunctionName: [{"Versions": listed}])

    def get_policy(self, **parameters: Any) -> dict[str, Any]:
        self._called("GetPolicy", parameters)
        return {"Policy": json.dumps({"Statement": self.policy})}

    def remove_permission(self, **parameters: Any) -> None:
        self._called("RemovePermission", parameters)
        self.policy = [each for each in self.policy if each["Sid"] != parameters["StatementId"]]

    def add_permission(self, **parameters: Any) -> None:
        self._called("AddPermission", parameters)
        statement = {
            "Sid": parameters["StatementId"],
            "Effect": "Allow",
            "Principal": {"Service": parameters["Principal"]},
            "Action": parameters["Action"],
            "Resource": f"arn:aws:lambda:us-east-1:1:function:todo:{parameters['Qualifier']}",
            "Condition": {"ArnLike": {"AWS:SourceArn": parameters["SourceArn"]}},
        }
        self.policy.append(statement)

    def get_waiter(self, name: str) -> _Waiter:
        return _Waiter(self, name)

    def waited(self, name: str) -> None:
        self._called(name, None)
        if name == "function_updated_v2" and self.update_fails_with is not None:
            raise WaiterError(
                name,
                "Waiter encountered a terminal failure state",
                {"Configuration": {"LastUpdateStatusReason": self.update_fails_with}},
            )
        if self._status == "InProgress" and not self._before:
            self._status = "Successful"
            self.change_function()  # the end of an update is a change too

    def _called(self, operation: str, parameters: dict[str, Any] | None) -> None:
        self.calls.append(operation)
        if parameters is not None:
            shape = _MODEL.operation_model(operation).input_shape
            report = ParamValidator().validate(parameters, shape)
            if report.has_errors():
                raise ParamValidationError(report=report.generate_report())
        self._operation = operation
        self.before_call(operation)

    def _configuration(self) -> dict[str, Any]:
        return {
            "RevisionId": self.revision,
            "CodeSha256": sha256(self.code),
            "Environment": self.environment,
            "LastUpdateStatus": self._status,
        }

    def _change(self, parameters: dict[str, Any]) -> None:
        self._refuse_in_progress()
        self._refuse_stale(parameters, self.revision)
        self._before = [self._configuration()] * self.reads_behind
        self._status = "InProgress"
        self.change_function()

    def _refuse_in_progress(self) -> None:
        if self._status == "InProgress":
            raise self._refused("ResourceConflictException", "an update is in progress")

    def _refuse_stale(self, parameters: dict[str, Any], latest: str) -> None:
        if parameters["RevisionId"] != latest:
            raise self._refused("PreconditionFailedException", "the RevisionId is not the latest")

    def _refused(self, code: str, message: str) -> ClientError:
        return refusal(self._operation, code, message)


class _Waiter:
    def __init__(self, fake: FakeLambda, name: str) -> None:
        self._fake = fake
        self._name = name

    def wait(self, **parameters: Any) -> None:
        assert parameters["FunctionName"] == "todo"
        self._fake.waited(self._name)


def refusal(operation: str, code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def sha256(code: bytes) -> str:
    return base64.b64encode(hashlib.sha256(code).digest()).decode()


def zip_with(marker: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("release.py", f'MARKER = "{marker}"\n')
    return packed.getvalue()


def marker_in(code: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(code)) as archive:
        return archive.read("release.py").decode().split('"')[1]
