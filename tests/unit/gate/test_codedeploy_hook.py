"""The example of the gate as CodeDeploy's hook: whatever happens, CodeDeploy gets its status."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from examples.codedeploy_hook.gate_hook.app import handler
from tests.support.servers import unused_url

EXAMPLE = Path(__file__).parents[3] / "examples" / "codedeploy_hook"
EVENT = {"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "h-1"}
SETTINGS = {
    "NEW_VERSION": "arn:aws:lambda:us-east-1:000000000000:function:shop:7",
    "PAYLOAD": "{}",
    "AWS_ACCESS_KEY_ID": "a",
    "AWS_SECRET_ACCESS_KEY": "b",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_MAX_ATTEMPTS": "1",
}


class FakeCodeDeploy:
    def __init__(self) -> None:
        self.put: list[dict[str, Any]] = []

    def put_lifecycle_event_hook_execution_status(self, **parameters: Any) -> None:
        self.put.append(parameters)


class FakeContext:
    def get_remaining_time_in_millis(self) -> int:
        return 12_000


def test_a_gate_that_cannot_ask_fails_the_deployment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {**SETTINGS, "AWS_ENDPOINT_URL": unused_url()}.items():
        monkeypatch.setenv(name, value)
    codedeploy = FakeCodeDeploy()
    assert handler(EVENT, FakeContext(), codedeploy) == "Failed"
    assert codedeploy.put == [
        {
            "deploymentId": "d-1",
            "lifecycleEventHookExecutionId": "h-1",
            "status": "Failed",
        }
    ]
    assert capsys.readouterr().out.startswith("Error: ")


class Template(yaml.SafeLoader):
    """Reads CloudFormation's short forms as their values."""


Template.add_multi_constructor("!", lambda loader, suffix, node: str(node.value))


def test_the_template_gives_the_hooks_what_the_handler_reads() -> None:
    template = yaml.load((EXAMPLE / "template.yaml").read_text(), Template)
    resources = template["Resources"]
    hooks = resources["ShopFunction"]["Properties"]["DeploymentPreference"]["Hooks"]
    before, after = (resources[hooks[name]]["Properties"] for name in ("PreTraffic", "PostTraffic"))
    for hook in (before, after):
        assert hook["FunctionName"].startswith("CodeDeployHook_")
        assert {"NEW_VERSION", "PAYLOAD"} <= set(hook["Environment"]["Variables"])
        assert (EXAMPLE / hook["CodeUri"] / "app.py").exists()
    assert "ALIAS" not in before["Environment"]["Variables"]
    alias = resources["ShopFunction"]["Properties"]["AutoPublishAlias"]
    assert after["Environment"]["Variables"]["ALIAS"] == alias
