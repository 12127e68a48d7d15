"""The template says what the code, the events and the experiment take for granted."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from samtranslator.public.translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from tests.support import events

ROOT = Path(__file__).parents[2]
TEMPLATE: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())
FUNCTION: dict[str, Any] = TEMPLATE["Resources"]["TodoFunction"]["Properties"]


class NoManagedPolicies(ManagedPolicyLoader):
    """The template names none, so there is nothing to ask IAM for."""

    def __init__(self) -> None:
        pass

    def load(self) -> dict[str, str]:
        return {}


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    """The resources that CloudFormation gets to see, after the SAM transform."""
    template = yaml_parse((ROOT / "template.yaml").read_text())
    template["Resources"]["TodoFunction"]["Properties"]["CodeUri"] = "s3://bucket/key"
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_PROFILE", raising=False)  # the transform asks boto3 for the region
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        resources: dict[str, Any] = transform(template, {}, NoManagedPolicies())["Resources"]
    return resources


def of_type(resources: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [resource for resource in resources.values() if resource["Type"] == kind]


@pytest.mark.parametrize("name", events.names())
def test_an_event_takes_the_route_of_the_template(name: str) -> None:
    route = FUNCTION["Events"]["PostTodo"]["Properties"]
    stage = TEMPLATE["Resources"]["TodoApi"]["Properties"]["StageName"]
    event = events.load(name)
    assert (event["httpMethod"], event["path"]) == (route["Method"], route["Path"])
    context = event["requestContext"]
    assert (context["httpMethod"], context["resourcePath"]) == (route["Method"], route["Path"])
    assert (context["stage"], context["path"]) == (stage, f"/{stage}{route['Path']}")


def test_events_differ_in_their_body_and_in_the_header_of_a_probe_alone() -> None:
    def envelope(name: str) -> dict[str, Any]:
        event = events.load(name) | {"body": None, "isBase64Encoded": None}
        for headers in ("headers", "multiValueHeaders"):
            had = event[headers].pop("X-Poster-Probe", None)
            assert (had is not None) == (name == "probe")
        return event

    assert all(envelope(name) == envelope("created") for name in events.names())


def test_the_function_is_given_the_variables_it_reads_and_no_others() -> None:
    source = ast.parse((ROOT / "hello_world" / "app.py").read_text())
    read = {
        node.args[0].value
        for node in ast.walk(source)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "os.environ.get"
        and isinstance(node.args[0], ast.Constant)
    }
    given = set(FUNCTION["Environment"]["Variables"])
    assert given | {"AWS_REGION"} == read  # Lambda itself gives AWS_REGION


def test_the_config_marker_starts_as_the_marker_in_the_code() -> None:
    release = ast.parse((ROOT / "hello_world" / "release.py").read_text())
    (assignment,) = [node for node in release.body if isinstance(node, ast.Assign)]
    assert ast.literal_eval(assignment.value) == TEMPLATE["Parameters"]["ConfigMarker"]["Default"]


def test_the_alias_in_the_outputs_is_the_published_one(resources: dict[str, Any]) -> None:
    (alias,) = of_type(resources, "AWS::Lambda::Alias")
    assert alias["Properties"]["Name"] == TEMPLATE["Outputs"]["AliasName"]["Value"] == "Sample"


def test_the_api_calls_the_alias_and_has_one_stage(resources: dict[str, Any]) -> None:
    (api,) = of_type(resources, "AWS::ApiGateway::RestApi")
    assert "${TodoFunction.Arn}:Sample/invocations" in json.dumps(api["Properties"]["Body"])
    (stage,) = of_type(resources, "AWS::ApiGateway::Stage")
    assert stage["Properties"]["StageName"] == "Prod"
    (deployment,) = of_type(resources, "AWS::ApiGateway::Deployment")
    assert "StageName" not in deployment["Properties"]


def test_the_function_may_put_into_its_table_log_and_trace_and_nothing_else(
    resources: dict[str, Any],
) -> None:
    (role,) = of_type(resources, "AWS::IAM::Role")
    assert "ManagedPolicyArns" not in role["Properties"]
    (policy,) = role["Properties"]["Policies"]
    allowed = {
        json.dumps(statement["Action"]): statement["Resource"]
        for statement in policy["PolicyDocument"]["Statement"]
    }
    assert allowed == {
        '"dynamodb:PutItem"': {"Fn::GetAtt": ["TodoTable", "Arn"]},
        '["logs:CreateLogStream", "logs:PutLogEvents"]': {
            "Fn::GetAtt": ["TodoFunctionLogGroup", "Arn"]
        },
        '["xray:PutTraceSegments", "xray:PutTelemetryRecords"]': "*",
    }


def test_two_numbers_share_no_name(resources: dict[str, Any]) -> None:
    own_name = {
        "AWS::ApiGateway::RestApi": "Name",
        "AWS::DynamoDB::Table": "TableName",
        "AWS::IAM::Role": "RoleName",
        "AWS::Lambda::Function": "FunctionName",
        "AWS::Logs::LogGroup": "LogGroupName",
    }
    names = {
        resource["Type"]: resource["Properties"].get(own_name[resource["Type"]])
        for resource in resources.values()
        if resource["Type"] in own_name
    }
    assert names == {
        "AWS::ApiGateway::RestApi": None,  # None: CloudFormation makes a name of its own
        "AWS::DynamoDB::Table": {"Fn::Sub": "todo-sample-${Number}-table"},
        "AWS::IAM::Role": None,
        "AWS::Lambda::Function": None,
        "AWS::Logs::LogGroup": {"Fn::Sub": "/todo-sample-${Number}/TodoFunction"},
    }


def test_concurrency_is_off_by_default(resources: dict[str, Any]) -> None:
    parameters = TEMPLATE["Parameters"]
    assert parameters["ReservedConcurrency"]["Default"] == -1
    assert parameters["ProvisionedConcurrency"]["Default"] == 0
    (function,) = of_type(resources, "AWS::Lambda::Function")
    (alias,) = of_type(resources, "AWS::Lambda::Alias")
    off = {"Ref": "AWS::NoValue"}
    reserved = function["Properties"]["ReservedConcurrentExecutions"]["Fn::If"]
    provisioned = alias["Properties"]["ProvisionedConcurrencyConfig"]["Fn::If"]
    assert reserved == ["HasReservedConcurrency", {"Ref": "ReservedConcurrency"}, off]
    assert provisioned[0] == "HasProvisionedConcurrency"
    assert provisioned[2] == off


def test_every_waiver_has_a_reason() -> None:
    waivers = [
        waiver
        for resource in TEMPLATE["Resources"].values()
        for waiver in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    ]
    assert waivers
    assert all(waiver["id"] and len(waiver["comment"]) > 20 for waiver in waivers)


def test_the_api_is_regional_throttled_and_signed_by_parameter(resources: dict[str, Any]) -> None:
    (api,) = of_type(resources, "AWS::ApiGateway::RestApi")
    (stage,) = of_type(resources, "AWS::ApiGateway::Stage")
    assert api["Properties"]["EndpointConfiguration"]["Types"] == [{"Ref": "EndpointType"}]
    assert TEMPLATE["Parameters"]["EndpointType"]["Default"] == "REGIONAL"
    (settings,) = stage["Properties"]["MethodSettings"]
    assert settings["ThrottlingRateLimit"] == {"Ref": "CallsPerSecond"}
    assert TEMPLATE["Parameters"]["Authorization"]["Default"] == "NONE"
    security = api["Properties"]["Body"]["paths"]["/todo"]["post"]["security"]
    assert security == {"Fn::If": ["IsSigned", [{"sigv4": []}], {"Ref": "AWS::NoValue"}]}
