from __future__ import annotations

import pytest

from poster.local.guard import refusal, refusal_without_token, token_header

HERE = ("Host", "127.0.0.1:4566")
TOKEN = "the-token"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:80", "localhost:4566", "[::1]:4566"])
def test_a_program_on_this_machine_is_answered(host: str) -> None:
    assert refusal([("Host", host), ("User-Agent", "curl/8"), ("Content-Type", "a/b")]) is None


@pytest.mark.parametrize(
    "name",
    [
        "Origin",
        "origin",
        "Referer",
        "Sec-Fetch-Site",
        "sec-fetch-mode",
        "Sec-WebSocket-Key",
        "Access-Control-Request-Method",
        "Access-Control-Request-Private-Network",
    ],
)
def test_what_only_a_browser_sends_is_refused(name: str) -> None:
    assert name in str(refusal([HERE, (name, "null")]))


@pytest.mark.parametrize(
    "hosts",
    [
        ["rebound.example:4566"],
        ["127.0.0.1.rebound.example"],
        ["rebound.example:127"],
        ["localhost.rebound.example"],
        ["localhost."],
        ["0.0.0.0:4566"],
        ["[::ffff:127.0.0.1]"],
        ["192.168.1.2:4566"],
        ["127.0.0.1:4566\n"],
        ["127.0.0.1@rebound.example"],
        [""],
        [],
        ["127.0.0.1:4566", "rebound.example"],
    ],
)
def test_another_name_than_loopbacks_is_refused(hosts: list[str]) -> None:
    assert "127.0.0.1 or localhost" in str(refusal([("host", host) for host in hosts]))


def test_the_local_aws_wants_its_token_in_a_header_or_a_presigned_url() -> None:
    token = list(token_header(TOKEN).items())
    assert refusal_without_token([HERE, *token], "/", "", TOKEN) is None
    for name in ("X-Amz-Security-Token", "x-amz-security-token"):
        presigned = f"X-Amz-Signature=1&{name}={TOKEN}"
        assert refusal_without_token([HERE], "/bucket/key", presigned, TOKEN) is None
    page = [HERE, *token, ("Origin", "null")]
    assert "web pages" in str(refusal_without_token(page, "/", "", TOKEN))


@pytest.mark.parametrize("offered", ["", "the-toke", "the-token2", "THE-TOKEN", "\xff"])
def test_another_token_is_refused(offered: str) -> None:
    headers = [HERE, *token_header(offered).items()]
    said = str(refusal_without_token(headers, "/2015-03-31/functions", "", TOKEN))
    assert "session token" in said
    assert TOKEN not in said


@pytest.mark.parametrize(
    ("path", "is_open"),
    [
        ("/restapis/abc/Prod/_user_request_/todo", True),
        ("/restapis/abc/Prod/_user_request_", True),
        ("/_ministack/cfn-response/a-secret", True),
        ("/restapis", False),
        ("/restapis/abc/Prod/_user_request_x", False),
        ("/x/restapis/abc/Prod/_user_request_/todo", False),
        ("/restapis/abc/stages/Prod", False),
        ("/_ministack/reset", False),
        ("/_ministack/cfn-response/", False),
        ("/", False),
    ],
)
def test_without_the_token_only_deployed_apis_and_secret_urls_are_open(
    path: str, is_open: bool
) -> None:
    assert (refusal_without_token([HERE], path, "", TOKEN) is None) == is_open
    assert refusal_without_token([HERE, ("Referer", "x")], path, "", TOKEN) is not None
