from __future__ import annotations

import os
from pathlib import Path

import pytest
from botocore.config import Config
from botocore.exceptions import ProfileNotFound
from botocore.session import Session
from hypothesis import given
from hypothesis import strategies as st

from poster.local.emulator import emulator_environment
from poster.local.environment import LocalAws

ENDPOINT = "http://127.0.0.1:4566"
AWS = LocalAws(ENDPOINT, "our-token")
CALLERS = {
    "PATH": "/usr/bin",
    "HOME": "/home/someone",
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "a-token",
    "AWS_PROFILE": "prod",
    "AWS_DEFAULT_PROFILE": "prod",
    "AWS_CONFIG_FILE": "/home/someone/.aws/config",
    "AWS_SHARED_CREDENTIALS_FILE": "/home/someone/.aws/credentials",
    "AWS_REGION": "ap-northeast-1",
    "AWS_DEFAULT_REGION": "ap-northeast-1",
    "AWS_ENDPOINT_URL": "https://elsewhere.example",
    "AWS_ENDPOINT_URL_S3": "https://elsewhere.example",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/prod",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/token",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.2/creds",
    "AWS_EC2_METADATA_DISABLED": "false",
    "AWS_CA_BUNDLE": "/etc/ca.pem",
    "AWS_MAX_ATTEMPTS": "10",
    "BOTOCORE_EXPERIMENTAL__PLUGINS": "a=b",
    "HTTPS_PROXY": "http://proxy.example:3128",
    "NO_PROXY": "intranet.example",
}


def test_nothing_of_the_callers_aws_is_left() -> None:
    isolated = AWS.environment(CALLERS)
    ours = AWS.settings()
    left = {name for name in isolated if name.startswith(("AWS_", "BOTO"))}
    assert left == {name for name in ours if name.startswith("AWS_")}
    assert {name: isolated[name] for name in ours} == ours


def test_keys_and_files_are_ones_that_no_account_knows() -> None:
    isolated = AWS.environment(CALLERS)
    assert isolated["AWS_ACCESS_KEY_ID"] == isolated["AWS_SECRET_ACCESS_KEY"] == "test"
    assert isolated["AWS_CONFIG_FILE"] == isolated["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
    assert isolated["AWS_EC2_METADATA_DISABLED"] == "true"
    assert isolated["AWS_REGION"] == isolated["AWS_DEFAULT_REGION"] == "us-east-1"


def test_a_proxy_stays_for_the_build_but_never_for_loopback() -> None:
    isolated = AWS.environment(CALLERS)
    assert isolated["HTTPS_PROXY"] == CALLERS["HTTPS_PROXY"]
    for name in ("no_proxy", "NO_PROXY"):
        assert isolated[name] == "127.0.0.1,localhost,::1,intranet.example"


def test_what_is_not_about_aws_passes_unchanged() -> None:
    isolated = AWS.environment(CALLERS)
    assert (isolated["PATH"], isolated["HOME"]) == (CALLERS["PATH"], CALLERS["HOME"])


@given(st.dictionaries(st.text(min_size=1).map("AWS_".__add__), st.text()), st.text())
def test_no_variable_named_aws_gets_through(callers: dict[str, str], region: str) -> None:
    aws = LocalAws(ENDPOINT, "our-token", region)
    assert aws.environment(callers) == aws.environment({})


def test_the_emulator_inherits_the_search_path_and_nothing_else_of_the_caller(
    tmp_path: Path,
) -> None:
    callers = {**CALLERS, "PERSIST_STATE": "1", "DOCKER_HOST": "tcp://far:2375", "PYTHONPATH": "x"}
    inherited = emulator_environment(callers, AWS, 4566, tmp_path, "edition")
    assert {name for name in callers if inherited.get(name) == callers[name]} == {"PATH"}
    assert inherited["BIND_HOST"] == "127.0.0.1"
    assert inherited["AWS_ENDPOINT_URL"] == ENDPOINT
    assert not any("proxy" in name.lower() for name in inherited)
    for name in ("HOME", "TMPDIR", "STATE_DIR", "S3_DATA_DIR"):
        assert Path(inherited[name]).is_relative_to(tmp_path)


def test_a_stacks_endpoint_is_found_on_this_machine() -> None:
    published = "https://abc123.execute-api.us-east-1.amazonaws.com/Prod/todo"
    assert AWS.local_url(published) == (
        "http://127.0.0.1:4566/restapis/abc123/Prod/_user_request_/todo"
    )


@pytest.mark.parametrize(
    "url", ["", "https://example.com/Prod/todo", "https://abc.execute-api.us-east-1.amazonaws.com/"]
)
def test_any_other_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not the URL of an API Gateway stage"):
        AWS.local_url(url)


def test_an_in_process_client_reads_nothing_of_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**CALLERS, "AWS_USE_FIPS_ENDPOINT": "true"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ProfileNotFound):  # botocore's own way in these settings
        Session().create_client("s3")
    client = AWS.client("s3")
    assert client.meta.endpoint_url == ENDPOINT
    assert client.meta.region_name == "us-east-1"
    assert not client.meta.config.use_fips_endpoint
    assert client._request_signer._credentials.access_key == "test"
    assert client._request_signer._credentials.token == "our-token"
    assert client._endpoint.http_session._proxy_config._proxies == {}
    assert client.meta.config.retries["total_max_attempts"] == 1


def test_a_callers_config_is_merged_over_ours() -> None:
    config = AWS.client("lambda", Config(read_timeout=7)).meta.config
    assert (config.read_timeout, config.retries["total_max_attempts"]) == (7, 1)
