"""The example of CodeDeploy's hook on the local AWS; CodeDeploy itself is a fake."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from examples.codedeploy_hook.gate_hook.app import handler
from poster.local.emulator import Emulator
from tests.integration.test_gate import App, FleetTarget

pytestmark = [pytest.mark.local_aws, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def target() -> Iterator[FleetTarget]:
    with Emulator() as emulator:
        yield FleetTarget(emulator.aws)


@pytest.mark.parametrize(
    ("payload", "alias", "status"),
    [
        ("{}", None, "Succeeded"),
        ("{}", "live", "Succeeded"),
        ('{"busy_s": "soon"}', None, "Failed"),
    ],
)
def test_the_gate_is_codedeploys_hook(
    target: FleetTarget,
    monkeypatch: pytest.MonkeyPatch,
    payload: str,
    alias: str | None,
    status: str,
) -> None:
    app = App(target, f"hook-{status}-{alias}")
    version = app.publish()
    if alias:
        app.point(version)
    function = f"arn:aws:lambda:us-east-1:000000000000:function:{app.name}"
    for name, value in target.environment.items():
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
