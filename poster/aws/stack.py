"""The deployed stack as AWS's APIs show it: outputs, the alias, the rows, the log streams.

Works on any target, with the target's clients. Reads only; AWS's refusals are AwsErrors.
"""

from __future__ import annotations

import dataclasses
import decimal
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from poster.aws.errors import AwsError, NotThereError, is_missing_stack, told
from poster.aws.target import Target

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_lambda import LambdaClient
    from types_boto3_logs import CloudWatchLogsClient


class StackError(AwsError):
    """The stack cannot be read; the message names the cause and the way out."""


@dataclasses.dataclass(frozen=True)
class Outputs:
    """What the template gives out."""

    api_endpoint: str  # by the name that AWS knows it by
    function: str
    alias: str
    table: str
    reachable: Callable[[str], str] = dataclasses.field(compare=False)  # see Target
    authorization: str = "NONE"
    endpoint_type: str | None = None  # None: a stack from before it was said

    @functools.cached_property
    def endpoint(self) -> str:
        """Return where it is called. Raises AwsError: locally nobody may serve it."""
        return self.reachable(self.api_endpoint)

    @property
    def is_signed(self) -> bool:
        """Return whether only signed calls are let through."""
        return self.authorization == "AWS_IAM"


class Stack:
    """One stack, by name."""

    def __init__(self, name: str, target: Target) -> None:
        self.name = name
        self.client = target.client
        self.reachable = target.reachable

    def status(self) -> str | None:
        """Return CloudFormation's status of the stack, None where there is no such stack."""
        description = self._describe()
        return None if description is None else str(description["StackStatus"])

    def own_outputs(self) -> Outputs | None:
        """Return the outputs; None for a stack of another application. Raises NotThereError."""
        is_ours = {"ApiEndpoint", "FunctionName", "AliasName", "TableName"} <= set(
            self.output_values()
        )
        return self.outputs() if is_ours else None

    def outputs(self) -> Outputs:
        """Return the outputs. Raises NotThereError and StackError: the stack, an output."""
        values = self.output_values()
        try:
            return Outputs(
                api_endpoint=values["ApiEndpoint"],
                function=values["FunctionName"],
                alias=values["AliasName"],
                table=values["TableName"],
                reachable=self.reachable,
                authorization=values.get("Authorization", "NONE"),
                endpoint_type=values.get("EndpointType"),
            )
        except KeyError as missing:
            raise StackError(
                f"stack {self.name} has no output {missing}; is it this application's stack?"
            ) from None

    def output_values(self) -> dict[str, str]:
        """Return every output by its name, as the template gives it. Raises NotThereError."""
        description = self._describe()
        if description is None:
            raise NotThereError(
                f"there is no stack {self.name} here: deploy it first, or check region and account"
            )
        return {each["OutputKey"]: each["OutputValue"] for each in description.get("Outputs", [])}

    @told()
    def aliases(self) -> list[tuple[str, str]]:
        """Return the functions of the stack that have aliases, each with its alias.

        Raises StackError when there are none.
        """
        arns = self.resources().get("AWS::Lambda::Alias", [])
        if not arns:
            raise StackError(
                f"stack {self.name} has no function with an alias: name the function with"
                " --function-name"
            )
        return [(arn.rpartition(":")[0], arn.rpartition(":")[2]) for arn in arns]

    @told()
    def alias_version(self) -> str | None:
        """Return the version that the control plane says the alias points at; None: no stack."""
        arn = self.physical_id("AWS::Lambda::Alias")
        if arn is None:
            return None
        # arn:aws:lambda:REGION:ACCOUNT:function:NAME:ALIAS
        function, _, name = arn.rpartition(":")
        client: LambdaClient = self.client("lambda")
        return client.get_alias(FunctionName=function, Name=name)["FunctionVersion"]

    @told()
    def used_table(self) -> str | None:
        """Return the name of the stack's table if it holds rows; None also without a stack."""
        table = self.physical_id("AWS::DynamoDB::Table")
        if table is None or next(self.items(table), None) is None:
            return None
        return table

    def rows(self, outputs: Outputs) -> Iterator[dict[str, Any]]:
        """Yield the table's items as plain values, by a strongly consistent scan, page by page."""
        return self.items(outputs.table)

    def items(self, table: str) -> Iterator[dict[str, Any]]:
        """Yield the items of any table in the same way."""
        client: DynamoDBClient = self.client("dynamodb")
        pages = client.get_paginator("scan")
        with told():
            for page in pages.paginate(TableName=table, ConsistentRead=True):
                yield from map(plain_item, page["Items"])

    @told()
    def log_streams(self, log_group: str) -> list[str]:
        """Return the names of the log streams: one per execution environment that ever logged."""
        client: CloudWatchLogsClient = self.client("logs")
        pages = client.get_paginator("describe_log_streams")
        return [
            stream["logStreamName"]
            for page in pages.paginate(logGroupName=log_group)
            for stream in page["logStreams"]
        ]

    def log_group(self, outputs: Outputs) -> str:
        """Return the name of the function's log group."""
        return log_group_of(self.client("lambda"), outputs.function)

    def physical_id(self, resource_type: str) -> str | None:
        """Return the id of the stack's resource of a type; None where there is none yet."""
        ids = self.resources().get(resource_type, [])
        return ids[0] if ids else None

    @told()
    def resources(self) -> dict[str, list[str]]:
        """Return the physical ids of the stack's resources by type; none where there is no stack.

        Unlike outputs, resources can be read while the stack is being made.
        """
        client: CloudFormationClient = self.client("cloudformation")
        # Described, they would be a hundred at most, and nothing would say that there are more.
        pages = client.get_paginator("list_stack_resources").paginate(StackName=self.name)
        try:
            listed = [each for page in pages for each in page["StackResourceSummaries"]]
        except ClientError as error:
            if is_missing_stack(error):
                return {}
            raise
        ids: dict[str, list[str]] = {}
        for resource in listed:
            if "PhysicalResourceId" in resource:
                ids.setdefault(resource["ResourceType"], []).append(resource["PhysicalResourceId"])
        return ids

    @told()
    def _describe(self) -> dict[str, Any] | None:
        client: CloudFormationClient = self.client("cloudformation")
        try:
            stacks = client.describe_stacks(StackName=self.name)["Stacks"]
        except ClientError as error:
            if is_missing_stack(error):
                return None
            raise
        return dict(stacks[0])


@told()
def log_group_of(client: LambdaClient, function: str) -> str:
    """Return the name of any function's log group."""
    configuration = client.get_function_configuration(FunctionName=function)
    default = f"/aws/lambda/{function}"
    return configuration.get("LoggingConfig", {}).get("LogGroup", default)


def plain_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item of DynamoDB as plain values that JSON can hold."""
    from boto3.dynamodb.types import TypeDeserializer  # slow to load; see poster.aws.target

    plain = TypeDeserializer().deserialize
    return {name: _as_json(plain(value)) for name, value in item.items()}


def _as_json(value: Any) -> Any:
    # DynamoDB's only number type arrives as Decimal; the table holds whole numbers.
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, list):
        return [_as_json(each) for each in value]
    if isinstance(value, dict):
        return {name: _as_json(each) for name, each in value.items()}
    return value
