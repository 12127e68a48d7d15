"""Where the experiment runs: what the rest needs to know of a target, and the AWS account as one.

The local AWS is the other target (``poster.local``). A target makes boto3 clients and gives the
environment in which ``sam`` runs; it never decides what is called or deployed.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Any, Protocol
from urllib.parse import urlsplit

import boto3
import botocore.exceptions
from botocore.config import Config

from poster.aws.execute_api import local_url
from poster.errors import PosterError
from poster.rows.record import TargetName


class Target(Protocol):
    """A place to deploy to."""

    @property
    def name(self) -> TargetName:
        """Return the name that the history gives it."""

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment for ``sam``."""

    @property
    def through_proxies(self) -> bool:
        """Return whether calls honour the caller's proxy settings."""

    def client(self, service: str) -> Any:
        """Return a boto3 client of the service."""

    def reachable(self, api_endpoint: str) -> str:
        """Return where the API of a stack's output can be called from here."""

    def settled_unix_ns(self) -> int | None:
        """Return when the newest switch had reached everybody, ns since the epoch.

        None where nobody can know: only a simulation knows.
        """


class AwsError(PosterError):
    """AWS refused or cannot be reached; the message is one sentence with the way out."""


@dataclasses.dataclass(frozen=True, slots=True)
class Identity:
    """Who we are there."""

    account: str
    arn: str


class AwsTarget:
    """The caller's AWS account, with the caller's own credentials and region."""

    name: TargetName = "aws"
    through_proxies = True

    def __init__(self, region: str | None = None) -> None:
        """Take credentials and region as every AWS tool does. Raises AwsError."""
        try:
            # boto3 reads AWS_DEFAULT_REGION only; the other tools also know AWS_REGION.
            named = region or os.environ.get("AWS_REGION")
            self._session = boto3.session.Session(region_name=named)
        except botocore.exceptions.BotoCoreError as error:
            raise AwsError(sentence(error)) from error
        if self._session.region_name is None:
            raise AwsError("no region is set: pass --region, or set AWS_REGION")
        self.region: str = self._session.region_name
        self.environment = {
            **os.environ,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "SAM_CLI_TELEMETRY": "0",
        }

    def client(self, service: str) -> Any:
        """See Target. Throttled reads of the control plane are retried by botocore, as usual."""
        return self._session.client(service, config=Config(retries={"mode": "standard"}))

    def reachable(self, api_endpoint: str) -> str:
        """See Target. In a shell set up by `poster local`, the account is the emulator."""
        endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
        if urlsplit(endpoint).hostname in {"127.0.0.1", "localhost", "::1"}:
            return local_url(endpoint, api_endpoint)
        return api_endpoint

    def settled_unix_ns(self) -> int | None:
        """See Target. AWS does not tell."""
        return None

    def identity(self) -> Identity:
        """Ask who we are. Raises AwsError when there are no credentials that work."""
        try:
            caller = self.client("sts").get_caller_identity()
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
            raise AwsError(sentence(error)) from error
        return Identity(account=caller["Account"], arn=caller["Arn"])


_WAY_OUT = {
    "AccessDenied": "your identity lacks a permission",
    "AccessDeniedException": "your identity lacks a permission",
    "ExpiredToken": "the credentials have expired: sign in again",
    "ExpiredTokenException": "the credentials have expired: sign in again",
    "InvalidClientTokenId": "the credentials are not valid in this account and region",
    "UnrecognizedClientException": "the credentials are not valid in this account and region",
    "Throttling": "AWS throttles these calls: wait and run it again",
    "ThrottlingException": "AWS throttles these calls: wait and run it again",
    "TooManyRequestsException": "AWS throttles these calls: wait and run it again",
}


def sentence(error: Exception) -> str:
    """Return what went wrong with AWS as one sentence that says what to do about it."""
    if isinstance(error, botocore.exceptions.ClientError):
        said = error.response["Error"]
        code, text = said.get("Code", "error"), said.get("Message", "")
        way_out = _WAY_OUT.get(code)
        text = f"{error.operation_name} was refused ({code}): {text}"
        return f"{text} - {way_out}" if way_out else text
    if isinstance(error, botocore.exceptions.NoCredentialsError):
        return "there are no AWS credentials: run `aws configure` or `aws sso login`"
    if isinstance(error, botocore.exceptions.EndpointConnectionError):
        return f"{error}: check the region and the network"
    return f"{error}"
