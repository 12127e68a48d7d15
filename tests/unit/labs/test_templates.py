"""What every lab's template promises to an account it is deployed to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from samtranslator.public.translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from labs.invocation_patterns.lab import AS_ADVISED, QUICK

LABS = Path(__file__).parents[3] / "labs"
TEMPLATES = sorted(LABS.glob("*/template.yaml"))
ONE_PARTITION = 1000  # write units that one partition of DynamoDB carries; its stream has one shard


class BasicPolicies(ManagedPolicyLoader):
    """What SAM would ask IAM for."""

    def __init__(self) -> None:
        pass

    def load(self) -> dict[str, str]:
        return {}


def transformed(path: Path) -> dict[str, dict[str, Any]]:
    """Return the resources that CloudFormation gets to see."""
    template = yaml_parse(path.read_text(encoding="utf-8"))
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource.setdefault("Properties", {})["CodeUri"] = "s3://bucket/key"
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_PROFILE", raising=False)  # the transform asks boto3 for the region
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        resources: dict[str, dict[str, Any]] = transform(template, {}, BasicPolicies())["Resources"]
    return resources


def of_type(resources: dict[str, dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [each.get("Properties", {}) for each in resources.values() if each["Type"] == kind]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.parent.name)
def test_no_function_may_make_the_log_group_anew_that_the_stack_removes(path: Path) -> None:
    resources = transformed(path)
    roles = of_type(resources, "AWS::IAM::Role")
    assert roles
    assert not [role for role in roles if "ManagedPolicyArns" in role]
    assert "CreateLogGroup" not in json.dumps(roles)
    groups = of_type(resources, "AWS::Logs::LogGroup")
    assert all(group["RetentionInDays"] == 14 for group in groups)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.parent.name)
def test_an_api_is_regional_and_throttled(path: Path) -> None:
    resources = transformed(path)
    for api in of_type(resources, "AWS::ApiGateway::RestApi"):
        assert api["EndpointConfiguration"]["Types"] == ["REGIONAL"]
    for stage in of_type(resources, "AWS::ApiGateway::Stage"):
        assert stage["MethodSettings"][0]["ThrottlingRateLimit"] <= 100


def test_the_table_whose_stream_is_to_keep_an_order_has_one_partition() -> None:
    template = yaml_parse((LABS / "invocation_patterns" / "template.yaml").read_text())
    table = template["Resources"]["MessageTable"]["Properties"]
    assert table.get("BillingMode") == "PROVISIONED", "on demand begins with several partitions"
    assert table["ProvisionedThroughput"]["WriteCapacityUnits"] == {"Ref": "WritesPerSecond"}
    assert template["Parameters"]["WritesPerSecond"]["MaxValue"] <= ONE_PARTITION


def test_on_aws_the_queue_is_set_as_aws_advises() -> None:
    template = yaml_parse((LABS / "invocation_patterns" / "template.yaml").read_text())
    timeout_s = template["Resources"]["WorkerFunction"]["Properties"]["Timeout"]
    queue = template["Resources"]["MessageQueue"]["Properties"]
    assert queue["VisibilityTimeout"] == {"Ref": "VisibilityTimeout"}
    assert queue["RedrivePolicy"]["maxReceiveCount"] == {"Ref": "MaxReceiveCount"}
    assert AS_ADVISED.visibility_s >= 6 * timeout_s > 0
    assert AS_ADVISED.receives >= 5
    assert QUICK.visibility_s > timeout_s
