from __future__ import annotations

import pytest
from botocore.credentials import Credentials

from poster.calls.request import TODO_REQUEST
from poster.calls.signing import SigningError, SigV4Signer, signer_for

API = "https://abc.execute-api.eu-north-1.amazonaws.com/Prod/todo"
FUNCTION = "https://abc.lambda-url.ap-northeast-1.on.aws/todo"
DOMAIN = "https://api.example.com/todo"


class Session:
    """A boto3 session with nothing but what the test gives it."""

    def __init__(self, credentials: Credentials | None, region_name: str | None) -> None:
        self.region_name = region_name
        self._credentials = credentials

    def get_credentials(self) -> Credentials | None:
        return self._credentials


def scope(
    monkeypatch: pytest.MonkeyPatch, endpoint: str, region: str | None, session_region: str | None
) -> str:
    """Return the region/service that the signature names."""
    session = Session(Credentials("AKID", "secret", "token"), session_region)
    monkeypatch.setattr("boto3.session.Session", lambda: session)
    headers = dict(signer_for(endpoint, region)(TODO_REQUEST, endpoint, b"{}"))
    assert headers["X-Amz-Security-Token"] == "token"
    assert headers["Content-Type"] == "application/json"
    credential = headers["Authorization"].split("Credential=")[1].split(",")[0]
    return "/".join(credential.split("/")[2:4])


@pytest.mark.parametrize(
    ("endpoint", "region", "session_region", "expected"),
    [
        (API, None, "us-east-1", "eu-north-1/execute-api"),
        (FUNCTION, None, None, "ap-northeast-1/lambda"),
        (DOMAIN, "eu-west-1", "us-east-1", "eu-west-1/execute-api"),
        (DOMAIN, None, "us-east-1", "us-east-1/execute-api"),
    ],
)
def test_service_and_region_are_read_from_the_host_name(
    monkeypatch: pytest.MonkeyPatch,
    endpoint: str,
    region: str | None,
    session_region: str | None,
    expected: str,
) -> None:
    assert scope(monkeypatch, endpoint, region, session_region) == expected


def test_the_signature_covers_the_body() -> None:
    signer = SigV4Signer(Credentials("AKID", "secret"), "execute-api", "us-east-1")
    one, other = (dict(signer(TODO_REQUEST, API, body)) for body in (b"{}", b"[]"))
    assert one["Authorization"] != other["Authorization"]


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("boto3.session.Session", lambda: Session(None, "us-east-1"))
    with pytest.raises(SigningError, match="no AWS credentials"):
        signer_for(API, None)
    session = Session(Credentials("AKID", "secret"), None)
    monkeypatch.setattr("boto3.session.Session", lambda: session)
    with pytest.raises(SigningError, match="pass --region"):
        signer_for(DOMAIN, None)
