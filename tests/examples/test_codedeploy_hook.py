"""The example of CodeDeploy's hook on the local AWS; CodeDeploy itself is a fake."""

from __future__ import annotations

import os

import pytest

from examples.codedeploy_hook.gate_hook.app import handler
from poster.local.environment import LocalAws
from tests.support.versioned import App

pytestmark = [pytest.mark.local_aws, pytest.mark.timeout(300)]


@pytest.mark.parametrize(
    ("payload", "alias", "status"),
    [
        ("{}", None, "Succeeded"),
        ("{}", "live", "Succeeded"),
        ('{"busy_s": "soon"}', None, "Failed"),
    ],
)
def test_the_gate_is_codedeploys_hook(
    aws: LocalAws,
    monkeypatch: pytest.MonkeyPatch,
    payload: str,
    alias: str | None,
    status: str,
) -> None:
    app = App(aws, f"hook-{status}-{alias}")
    version = app.publish()
    if alias:
        app.point(version)
    function = f"arn:aws:lambda:us-east-1:000000000000:function:{app.name}"
    for name, value in aws.environment(os.environ).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NEW_VERSION", f"{function}:{version}")
    monkeypatch.setenv("PAYLOAD", payload)
    if alias:
        monkeypatch.setenv("ALIAS", alias)
    codedeploy = FakeCodeDeploy()
    assert handler(HOOKED, FakeContext(), codedeploy) == status
    assert codedeploy.statuses == [status]


HOOKED = {"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "h-1"}


class FakeCodeDeploy:
    """The local AWS has no CodeDeploy that would wait for a status."""

    def __init__(self) -> None:
        self.statuses: list[str] = []

    def put_lifecycle_event_hook_execution_status(self, status: str, **_: str) -> None:
        self.statuses.append(status)


class FakeContext:
    def get_remaining_time_in_millis(self) -> int:
        return 90_000
