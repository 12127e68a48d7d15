"""Lambda's control plane and a prober, scripted; a clock that only moves when someone sleeps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import botocore.session
from botocore.exceptions import ClientError, ParamValidationError, WaiterError
from botocore.validate import ParamValidator

from poster.calls.probe import Probed
from poster.calls.schedule import OpenLoop
from poster.rows.clock import Clock
from poster.rows.record import Observation

_MODEL = botocore.session.get_session().get_service_model("lambda")


class FakeClock:
    """Seconds pass when someone sleeps."""

    origin_unix_ns = 1_700_000_000_000_000_000

    def __init__(self) -> None:
        self.at_ns = 0

    def now_ns(self) -> int:
        return self.at_ns

    def sleep_until_ns(self, at_ns: int) -> None:
        self.at_ns = max(self.at_ns, at_ns)


class FakeLambda:
    """What the gate reads of a function; ``after`` changes it when so many seconds have passed."""

    def __init__(self, clock: FakeClock, version: str = "1", **weights: float) -> None:
        self.clock = clock
        self.point(version, **weights)
        self.states = {"1": "Active", "2": "Active"}
        self.update_status = "Successful"
        self.refuse: dict[str, str] = {}
        self.deleted: list[str] = []
        self._later: list[tuple[int, Callable[[], None]]] = []

    def point(self, version: str, **weights: float) -> None:
        self.alias: dict[str, Any] = {"FunctionVersion": version}
        if weights:
            shares = {name.removeprefix("v"): share for name, share in weights.items()}
            self.alias["RoutingConfig"] = {"AdditionalVersionWeights": shares}

    def after(self, seconds: float, change: Callable[[], None]) -> None:
        self._later.append((round(seconds * 1e9), change))

    def get_alias(self, **parameters: Any) -> dict[str, Any]:
        self._called("GetAlias", parameters)
        return dict(self.alias)

    def get_function_configuration(self, **parameters: Any) -> dict[str, Any]:
        self._called("GetFunctionConfiguration", parameters)
        state = self.states.get(parameters["Qualifier"])
        if state is None:
            raise refusal("GetFunctionConfiguration", "ResourceNotFoundException")
        return {"State": state, "StateReason": "the image is gone"}

    def invoke(self, **parameters: Any) -> dict[str, Any]:
        self._called("Invoke", parameters)
        assert parameters["InvocationType"] == "DryRun"
        return {"StatusCode": 204}

    def delete_function(self, **parameters: Any) -> None:
        self._called("DeleteFunction", parameters)
        self.deleted.append(parameters["Qualifier"])

    def get_paginator(self, name: str) -> FakePages:
        return FakePages(self, name)

    def get_waiter(self, name: str) -> FakeWaiter:
        return FakeWaiter(self, name)

    def _called(self, operation: str, parameters: dict[str, Any]) -> None:
        for due_ns, change in list(self._later):
            if self.clock.now_ns() >= due_ns:
                self._later.remove((due_ns, change))
                change()
        report = ParamValidator().validate(
            parameters, _MODEL.operation_model(operation).input_shape
        )
        if report.has_errors():
            raise ParamValidationError(report=report.generate_report())
        if operation in self.refuse:
            raise refusal(operation, self.refuse[operation])


class FakePages:
    def __init__(self, fake: FakeLambda, name: str) -> None:
        self._fake = fake
        self._name = name

    def paginate(self, FunctionName: str) -> Iterable[dict[str, Any]]:
        if self._name == "list_aliases":
            yield {"Aliases": []}
            yield {"Aliases": [self._fake.alias]}
        else:
            self._fake._called("ListVersionsByFunction", {"FunctionName": FunctionName})
            yield {"Versions": [{"Version": "$LATEST"}]}
            yield {"Versions": [{"Version": version} for version in self._fake.states]}


class FakeWaiter:
    def __init__(self, fake: FakeLambda, name: str) -> None:
        assert name == "function_updated_v2"
        self._fake = fake

    def wait(self, FunctionName: str, WaiterConfig: dict[str, int]) -> None:
        last: dict[str, Any]
        if "GetFunction" in self._fake.refuse:
            error = refusal("GetFunction", self._fake.refuse["GetFunction"])
            raise WaiterError("FunctionUpdatedV2", str(error), error.response)
        status = self._fake.update_status
        if status != "Successful":
            last = {"LastUpdateStatus": status, "LastUpdateStatusReason": "no such image"}
            raise WaiterError("FunctionUpdatedV2", "Max attempts", {"Configuration": last})


def refusal(operation: str, code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def answer(seq: int, sent_ns: int, received_ns: int, version: str | None) -> Observation:
    return Observation(
        seq, 1, f"t01-{seq:04}", sent_ns, sent_ns, received_ns, "ok", 200, function_version=version
    )


def failure(seq: int, sent_ns: int, error: str) -> Observation:
    return Observation(seq, 1, f"t01-{seq:04}", sent_ns, sent_ns, None, "fail", error=error)


class TickingClock(FakeClock):
    """20 ms pass each time somebody looks."""

    def now_ns(self) -> int:
        self.at_ns += 20_000_000
        return self.at_ns


class ScriptedProber:
    """Emits what the script holds for its endpoint, all at once."""

    script: dict[str, list[Observation]]

    def __init__(
        self,
        probed: Probed,
        loop: OpenLoop,
        clock: Clock,
        emit: Callable[[Observation], None],
        on_end: Callable[[], None],
    ) -> None:
        self._probed = probed
        self.emit = emit
        self.on_end = on_end
        self.failure: Exception | None = None

    def check(self) -> None:
        if self.failure is not None:
            raise self.failure

    def __enter__(self) -> ScriptedProber:
        for observation in self.script[self._probed.name]:
            self.emit(observation)
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing runs."""


def scripted(**script: list[Observation]) -> type[ScriptedProber]:
    return type("Scripted", (ScriptedProber,), {"script": script})
