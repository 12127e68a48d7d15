"""Lambda's API as the gate meets it, with all that real Lambda does and an emulator does not.

Stands where boto3's client stands. A change may come later (``after``), be seen late (``stale``: so
many reads still show the former state), and calls may be throttled (``throttle``) or refused.
Parameters are held against botocore's own model of the API.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any, cast

import botocore.session
from botocore.exceptions import ClientError, ParamValidationError
from botocore.model import Shape
from botocore.validate import ParamValidator

_MODEL = botocore.session.get_session().get_service_model("lambda")


class FakeClock:
    """Seconds pass when someone sleeps."""

    origin_unix_ns = 1_700_000_000_000_000_000
    origin_monotonic_ns = 0

    def __init__(self) -> None:
        self.at_ns = 0

    def now_ns(self) -> int:
        """Return the time."""
        return self.at_ns

    def sleep_until_ns(self, at_ns: int) -> None:
        """Let time pass."""
        self.at_ns = max(self.at_ns, at_ns)


def refusal(operation: str, code: str, message: str = "no") -> ClientError:
    """Return what botocore raises."""
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


class FakeLambda:
    """One function with its versions and an alias."""

    def __init__(self, clock: FakeClock, version: str = "1", **weights: float) -> None:
        self.clock = clock
        self.point(version, **weights)
        self.states = {"1": "Active", "2": "Active"}
        self.update_status = "Successful"
        self.provisioned: dict[str, Any] | None = None  # of the alias
        self.reserved: int | None = None
        self.unreserved = 1000
        self.uses: dict[str, str] = {}  # version: event source, provisioned, url, policy
        self.refuse: dict[str, str] = {}
        self.deleted: list[str] = []
        self.calls: list[str] = []
        self._throttled: dict[str, int] = {}
        self._stale: dict[str, list[dict[str, Any]]] = {}
        self._later: list[tuple[int, Callable[[], None]]] = []

    def point(self, version: str, **weights: float) -> None:
        """Move the alias; ``v1=0.9`` is a weight of version 1."""
        self.alias: dict[str, Any] = {"FunctionVersion": version}
        if weights:
            shares = {name.removeprefix("v"): share for name, share in weights.items()}
            self.alias["RoutingConfig"] = {"AdditionalVersionWeights": shares}

    def after(self, seconds: float, change: Callable[[], None]) -> None:
        """Change something when so many seconds have passed."""
        self._later.append((self.clock.at_ns + round(seconds * 1e9), change))

    def stale(self, operation: str, reads: int, answer: dict[str, Any] | None = None) -> None:
        """Answer the next reads with that, or with what would be answered now."""
        now = copy.deepcopy(self.alias) if answer is None else answer
        self._stale[operation] = [now] * reads

    def throttle(self, operation: str, times: int) -> None:
        """Throttle the next calls."""
        self._throttled[operation] = times

    def get_alias(self, **parameters: Any) -> dict[str, Any]:
        """See the API."""
        return self._called("GetAlias", parameters) or dict(self.alias)

    def get_function_configuration(self, **parameters: Any) -> dict[str, Any]:
        """See the API."""
        stale = self._called("GetFunctionConfiguration", parameters)
        if stale is not None:
            return stale
        if "Qualifier" not in parameters:
            return {
                "LastUpdateStatus": self.update_status,
                "LastUpdateStatusReason": "no such image",
                "State": "Active",
            }
        state = self.states.get(parameters["Qualifier"])
        if state is None:
            raise refusal("GetFunctionConfiguration", "ResourceNotFoundException")
        return {"State": state, "StateReason": "the image is gone"}

    def get_provisioned_concurrency_config(self, **parameters: Any) -> dict[str, Any]:
        """See the API."""
        self._called("GetProvisionedConcurrencyConfig", parameters)
        if self.uses.get(parameters["Qualifier"]) == "provisioned":
            return {"Status": "READY"}
        if self.provisioned is None:
            code = "ProvisionedConcurrencyConfigNotFoundException"
            raise refusal("GetProvisionedConcurrencyConfig", code)
        return self.provisioned

    def get_function_concurrency(self, **parameters: Any) -> dict[str, Any]:
        """See the API."""
        self._called("GetFunctionConcurrency", parameters)
        return {} if self.reserved is None else {"ReservedConcurrentExecutions": self.reserved}

    def get_account_settings(self) -> dict[str, Any]:
        """See the API."""
        self._called("GetAccountSettings", {})
        return {"AccountLimit": {"UnreservedConcurrentExecutions": self.unreserved}}

    def get_policy(self, **parameters: Any) -> dict[str, Any]:
        """See the API."""
        self._called("GetPolicy", parameters)
        if self.uses.get(parameters["Qualifier"]) != "policy":
            raise refusal("GetPolicy", "ResourceNotFoundException")
        return {"Policy": "{}"}

    def invoke(self, **parameters: Any) -> dict[str, Any]:
        """See the API."""
        self._called("Invoke", parameters)
        assert parameters["InvocationType"] == "DryRun"
        return {"StatusCode": 204}

    def delete_function(self, **parameters: Any) -> None:
        """See the API."""
        self._called("DeleteFunction", parameters)
        self.deleted.append(parameters["Qualifier"])

    def get_paginator(self, name: str) -> FakePages:
        """See boto3."""
        return FakePages(self, name)

    def pages(self, name: str, parameters: dict[str, Any]) -> Iterable[dict[str, Any]]:
        """Return what a paginator yields: the first page is an empty one."""
        operation = "".join(word.capitalize() for word in name.split("_"))
        self._called(operation, parameters)
        base = f"arn:aws:lambda:us-east-1:1:function:{parameters['FunctionName']}"
        if name == "list_versions_by_function":
            listed = [{"Version": each} for each in ("$LATEST", *self.states)]
            return [{"Versions": listed[:1]}, {"Versions": listed[1:]}]
        if name == "list_aliases":
            return [{"Aliases": []}, {"Aliases": [self.alias]}]
        if name == "list_event_source_mappings":
            # Asked by NAME:VERSION, it lists what calls that.
            is_called = self.uses.get(base.rpartition(":")[2]) == "event source"
            found = [{"FunctionArn": base}] if is_called else []
            return [{"EventSourceMappings": []}, {"EventSourceMappings": found}]
        named = [version for version, use in self.uses.items() if use == "url"]
        urls = [{"FunctionArn": f"{base}:{each}"} for each in named]
        return [{"FunctionUrlConfigs": []}, {"FunctionUrlConfigs": urls}]

    def _called(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any] | None:
        """Check the call; return an answer that is stale, if there is one."""
        self.calls.append(operation)
        for due_ns, change in list(self._later):
            if self.clock.now_ns() >= due_ns:
                self._later.remove((due_ns, change))
                change()
        shape = _MODEL.operation_model(operation).input_shape
        report = ParamValidator().validate(parameters, cast("Shape", shape))
        if report.has_errors():
            raise ParamValidationError(report=report.generate_report())
        if self._throttled.get(operation, 0) > 0:
            self._throttled[operation] -= 1
            raise refusal(operation, "TooManyRequestsException", "Rate exceeded")
        if operation in self.refuse:
            raise refusal(operation, self.refuse[operation])
        stale = self._stale.get(operation)
        return stale.pop() if stale else None


class FakePages:
    """A paginator of boto3's."""

    def __init__(self, fake: FakeLambda, name: str) -> None:
        self._fake = fake
        self._name = name

    def paginate(self, **parameters: Any) -> Iterable[dict[str, Any]]:
        """See boto3."""
        return self._fake.pages(self._name, parameters)
