"""What a request asks for, held against botocore itself: it makes the requests of these tests."""

from __future__ import annotations

from typing import Any

import boto3
import botocore.awsrequest
import pytest

from rehearsal.calls import Call, call_in
from rehearsal.hosts import is_aws, path_on_ministack, service_of
from rehearsal.proxy import Request


def request_of(service: str, operation: str, **parameters: Any) -> Request:
    """Return what boto3 would send."""
    sent: list[botocore.awsrequest.AWSPreparedRequest] = []
    client = boto3.client(
        service, region_name="us-east-1", aws_access_key_id="key", aws_secret_access_key="secret"
    )

    def stop(request: botocore.awsrequest.AWSPreparedRequest, **_: Any) -> Any:
        sent.append(request)
        return botocore.awsrequest.AWSResponse(request.url, 200, {}, None)

    client.meta.events.register("before-send", stop)
    try:
        getattr(client, operation)(**parameters)
    except Exception:
        assert sent  # the empty answer is no answer of this operation
    (request,) = sent
    host, _, path = request.url.removeprefix("https://").partition("/")
    body = request.body.encode() if isinstance(request.body, str) else request.body or b""
    headers = tuple(
        (k, v.decode() if isinstance(v, bytes) else v) for k, v in request.headers.items()
    )
    return Request("test", request.method, host, f"/{path}", headers, body)


ARN = "arn:aws:lambda:us-east-1:000000000000:function:f"


@pytest.mark.parametrize(
    ("asked", "parameters", "operation", "names"),
    [
        ("sts.get_caller_identity", {}, "GetCallerIdentity", {}),
        ("lambda.get_alias", {"FunctionName": ARN, "Name": "a"}, "GetAlias", {"FunctionName": ARN}),
        ("lambda.get_function", {"FunctionName": "f"}, "GetFunction", {"FunctionName": "f"}),
        ("lambda.invoke", {"FunctionName": "f", "Qualifier": "a"}, "Invoke", {"Qualifier": "a"}),
        ("lambda.update_function_code", {"FunctionName": "f"}, "UpdateFunctionCode", {}),
        ("lambda.delete_function", {"FunctionName": "f", "Qualifier": "1"}, "DeleteFunction", {}),
        (
            "cloudformation.describe_stacks",
            {"StackName": "s"},
            "DescribeStacks",
            {"StackName": "s"},
        ),
        ("dynamodb.scan", {"TableName": "t"}, "Scan", {"TableName": "t"}),
        ("s3.head_object", {"Bucket": "b", "Key": "k/l"}, "HeadObject", {"Key": "k/l"}),
        ("s3.get_bucket_location", {"Bucket": "b"}, "GetBucketLocation", {"Bucket": "b"}),
        ("s3.put_object", {"Bucket": "b", "Key": "k"}, "PutObject", {"Bucket": "b", "Key": "k"}),
        (
            "s3.copy_object",
            {"Bucket": "b", "Key": "k", "CopySource": "c/d"},
            "CopyObject",
            {"Bucket": "b"},
        ),
        ("apigateway.get_rest_apis", {}, "GetRestApis", {}),
        (
            "cloudfront.get_invalidation",
            {"DistributionId": "E1", "Id": "I1"},
            "GetInvalidation",
            {"DistributionId": "E1"},
        ),
    ],
)
def test_a_request_of_botocore_is_told_by_its_operation_and_names(
    asked: str, parameters: dict[str, Any], operation: str, names: dict[str, str]
) -> None:
    service, _, method = asked.partition(".")
    call = call_in(request_of(service, method, **parameters))
    assert (call.service, call.operation) == (service, operation)
    assert names.items() <= call.names.items()


def test_a_request_that_no_operation_makes_is_no_call() -> None:
    with pytest.raises(LookupError, match="no operation of lambda"):
        call_in(Request("t", "GET", "lambda.us-east-1.amazonaws.com", "/nothing", (), b""))


def test_a_look_is_no_change() -> None:
    assert not Call("lambda", "GetAlias", {}).is_change
    assert Call("lambda", "UpdateAlias", {}).is_change


@pytest.mark.parametrize(
    ("host", "service"),
    [
        ("lambda.us-east-1.amazonaws.com", "lambda"),
        ("bucket.s3.us-gov-west-1.amazonaws.com", "s3"),
        ("bucket.with.dots.s3.amazonaws.com", "s3"),
        ("x1.execute-api.ap-northeast-1.amazonaws.com", "execute-api"),
        ("cloudfront.amazonaws.com", "cloudfront"),
        ("monitoring.eu-west-1.amazonaws.com", "cloudwatch"),
    ],
)
def test_a_host_names_its_service(host: str, service: str) -> None:
    assert is_aws(host)
    assert service_of(host) == service


@pytest.mark.parametrize(
    "host", ["amazonaws.com", "amazonaws.com.example.org", "xamazonaws.com", "169.254.169.254", ""]
)
def test_what_only_looks_like_an_aws_host_is_none(host: str) -> None:
    assert not is_aws(host)


def test_buckets_and_apis_in_front_of_a_host_are_paths_of_ministack() -> None:
    s3 = "a.b.s3.us-east-1.amazonaws.com"
    assert path_on_ministack(s3, "/key?versionId=1") == "/a.b/key?versionId=1"
    assert path_on_ministack("s3.us-east-1.amazonaws.com", "/b/key") == "/b/key"
    api = "x1.execute-api.us-east-1.amazonaws.com"
    assert path_on_ministack(api, "/Prod/todo") == "/restapis/x1/Prod/_user_request_/todo"
