"""Plays the web page, and the other user of the machine: nothing of ours that listens serves them.

A page needs no answer to do harm: a form that makes a function runs code as the user.
"""

from __future__ import annotations

import http.client
import io
import json
import subprocess
import sys
import zipfile
from urllib.parse import urlsplit

import pytest

from poster.local.environment import LocalAws
from tests.support.called import App

pytestmark = pytest.mark.local_aws

# How requests of a page arrive, by what the page does.
PAGES = {
    "form": {"Origin": "https://evil.example", "Content-Type": "text/plain"},
    "form in a sandboxed frame": {"Origin": "null", "Content-Type": "text/plain"},
    "fetch without cors": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    "image": {"Referer": "https://evil.example/"},
    "rebound name": {"Host": "evil.example"},
    "rebound name of any address": {"Host": "0.0.0.0"},
    "socket": {"Origin": "https://evil.example", "Upgrade": "websocket", "Connection": "Upgrade"},
}


@pytest.fixture(scope="module")
def app(aws: LocalAws) -> App:
    return App(aws)


def ask(
    url: str, method: str, path: str, headers: dict[str, str], body: str = ""
) -> tuple[int, str]:
    """Send a request exactly so; return status and body."""
    split = urlsplit(url)
    connection = http.client.HTTPConnection(str(split.hostname), split.port, timeout=10)
    connection.request(method, path, body or None, headers)
    answer = connection.getresponse()
    said = answer.read().decode()
    connection.close()
    return answer.status, said


FUNCTION = json.dumps(
    {
        "FunctionName": "owned",
        "Runtime": "python3.14",
        "Role": "arn:aws:iam::000000000000:role/x",
        "Handler": "app.handler",
        "Code": {"ZipFile": "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="},
    }
)


@pytest.mark.parametrize("page", PAGES)
def test_no_page_makes_a_function_reads_or_resets(aws: LocalAws, page: str) -> None:
    for headers in (PAGES[page], {**PAGES[page], "X-Amz-Security-Token": aws.token}):
        for method, path, body in (
            ("POST", "/2015-03-31/functions", FUNCTION),
            ("GET", "/2015-03-31/functions", ""),
            ("POST", "/_ministack/reset", ""),
            ("POST", "/?Action=CreateStack", "StackName=owned"),
            ("OPTIONS", "/2015-03-31/functions", ""),
        ):
            status, _ = ask(aws.endpoint, method, path, headers, body)
            assert status == 403 or (page == "socket" and status == 400)
    names = [each["FunctionName"] for each in aws.client("lambda").list_functions()["Functions"]]
    assert "owned" not in names


def test_a_program_without_the_token_is_refused_in_a_sentence(aws: LocalAws) -> None:
    signed = "AWS4-HMAC-SHA256 Credential=test/20261125/us-east-1/lambda/aws4_request"
    for headers in ({}, {"Authorization": signed}, {"X-Amz-Security-Token": "wrong"}):
        status, said = ask(aws.endpoint, "POST", "/2015-03-31/functions", headers, FUNCTION)
        assert (status, json.loads(said)["__type"]) == (403, "AccessDeniedException")
        assert "session token" in said
        assert aws.token not in said


@pytest.mark.parametrize("page", PAGES)
def test_no_page_calls_a_deployed_api_or_shuts_a_fleets_door(app: App, page: str) -> None:
    at_the_emulator = f"/restapis/{app.api_id}/Prod/_user_request_/todo"
    assert ask(app.aws.endpoint, "POST", at_the_emulator, PAGES[page], "{}")[0] == 403
    with app.fleet() as fleet:
        for path in ("/Prod/todo", "/_fleet/shut", "/_fleet/changes"):
            assert ask(fleet.endpoint, "POST", path, PAGES[page], "{}")[0] == 403


def test_curl_calls_a_deployed_api_without_the_token(app: App) -> None:
    at_the_emulator = f"/restapis/{app.api_id}/Prod/_user_request_/todo"
    assert ask(app.aws.endpoint, "POST", at_the_emulator, {}, "{}")[0] == 200
    with app.fleet() as fleet:
        assert ask(fleet.endpoint, "POST", "/Prod/todo", {}, "{}")[0] == 200


def test_a_presigned_url_is_all_that_its_holder_needs(aws: LocalAws) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="presigned")
    s3.put_object(Bucket="presigned", Key="key", Body=b"kept")
    url = s3.generate_presigned_url("get_object", {"Bucket": "presigned", "Key": "key"})
    path = url.removeprefix(aws.endpoint)
    assert ask(aws.endpoint, "GET", path, {}) == (200, "kept")
    assert ask(aws.endpoint, "GET", "/presigned/key", {})[0] == 403


def test_the_token_stands_in_no_process_list(app: App) -> None:
    with app.fleet():
        listing = subprocess.run(
            ["ps", "-A", "-ww", "-o", "args="], capture_output=True, text=True, check=True
        )
    assert "poster.local.ministack" in listing.stdout
    assert app.aws.token not in listing.stdout


BOOTSTRAP = f"""#!{sys.executable}
import http.client, json, os
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    event = api.getresponse()
    call, event = event.headers["Lambda-Runtime-Aws-Request-Id"], event.read()
    pages = []
    for headers in json.loads(event):
        page = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
        page.request("GET", "/2018-06-01/runtime/invocation/next", headers=headers)
        pages.append(page.getresponse().status)
    api.request("POST", f"/2018-06-01/runtime/invocation/{{call}}/response", json.dumps(pages))
    api.getresponse().read()
"""


def test_no_page_takes_a_custom_runtimes_next_call(aws: LocalAws) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("bootstrap", BOOTSTRAP)
    client = aws.client("lambda")
    client.create_function(
        FunctionName="custom",
        Runtime="provided.al2023",
        Role="arn:aws:iam::000000000000:role/x",
        Handler="bootstrap",
        Code={"ZipFile": archive.getvalue()},
    )
    answer = client.invoke(FunctionName="custom", Payload=json.dumps(list(PAGES.values())))
    assert json.loads(answer["Payload"].read()) == [403] * len(PAGES)
