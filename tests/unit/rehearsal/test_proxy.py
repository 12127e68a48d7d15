"""The proxy of the rehearsal, with the clients that are led to it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import botocore.exceptions
import certifi
import pytest
import requests
from botocore.config import Config

from rehearsal.calls import call_in
from rehearsal.proxy import Answer, Proxy, Request

CALLER = b"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<GetCallerIdentityResult><Arn>arn</Arn><UserId>u</UserId><Account>1</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""


class Office:
    """A proxy that keeps what it was asked, and its CA bundle."""

    def __init__(self, bundle: Path) -> None:
        self.asked: list[Request] = []
        self.proxy = Proxy(self._answer)
        self.bundle = str(bundle)
        self.proxy.write_ca_bundle(bundle)

    def _answer(self, request: Request) -> Answer:
        self.asked.append(request)
        return Answer(200, (), CALLER)

    def client(self, service: str, verify: str | None = None) -> Any:
        return boto3.client(
            service,
            region_name="us-east-1",
            aws_access_key_id="key",
            aws_secret_access_key="secret",
            verify=verify or self.bundle,
            config=Config(
                proxies={"https": self.proxy.url("wait it out")}, retries={"total_max_attempts": 1}
            ),
        )


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path / "ca.pem")
    with office.proxy:
        yield office


def test_a_client_reaches_an_aws_host_by_its_name_and_says_for_which_command(
    office: Office,
) -> None:
    assert office.client("sts").get_caller_identity()["Account"] == "1"
    (asked,) = office.asked
    assert (asked.host, asked.command) == ("sts.us-east-1.amazonaws.com", "wait it out")
    assert "/us-east-1/sts/aws4_request" in asked.header("authorization")
    assert call_in(asked).operation == "GetCallerIdentity"


def test_an_upload_in_chunks_arrives_whole(office: Office) -> None:
    with Path(__file__).open("rb") as body:
        office.client("s3").put_object(Bucket="bucket", Key="a/b c", Body=body)
    (asked,) = office.asked
    assert asked.host == "bucket.s3.amazonaws.com"
    assert Path(__file__).read_bytes() in asked.body
    call = call_in(asked)
    assert (call.operation, call.names["Bucket"], call.names["Key"]) == (
        "PutObject",
        "bucket",
        "a/b c",
    )


@pytest.mark.parametrize("url", ["https://example.org/", "http://169.254.169.254/latest"])
def test_any_other_host_is_refused_and_named(office: Office, url: str) -> None:
    proxies = dict.fromkeys(("http", "https"), office.proxy.url("report"))
    try:
        refused = requests.get(url, proxies=proxies, timeout=5).status_code == 403
    except requests.exceptions.ProxyError:
        refused = True
    assert refused
    assert office.proxy.refused == ["example.org" if url.startswith("https") else url]
    assert office.asked == []


def test_curl_of_our_own_calls_is_led_there_by_the_environment(office: Office) -> None:
    endpoint = "https://abc.execute-api.us-east-1.amazonaws.com/Prod/todo"
    run = [sys.executable, "-m", "poster", "run", "--rate", "5", "--calls", "2", "--out", "."]
    done = subprocess.run(
        [*run, "--endpoint", endpoint],
        cwd=Path(office.bundle).parent,
        env={"HTTPS_PROXY": office.proxy.url("run"), "REQUESTS_CA_BUNDLE": office.bundle},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert {call_in(each).names["Api"] for each in office.asked} == {"abc"}
    assert len(office.asked) == 2


def test_a_client_that_trusts_somebody_else_leaves_the_proxy_standing(office: Office) -> None:
    with pytest.raises(botocore.exceptions.SSLError):
        office.client("sts", verify=certifi.where()).get_caller_identity()
    assert office.client("sts").get_caller_identity()["Account"] == "1"
