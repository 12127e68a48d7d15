"""Signs calls to APIs that AWS_IAM protects (SigV4), with the caller's own credentials.

The signing is botocore's. Host names of API Gateway and of function URLs say service and region;
behind a custom domain the region must be given, and the service is API Gateway.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from poster.calls.request import Request
from poster.errors import NO_PERMISSION, USAGE, PosterError
from poster.rows.address import shown

if TYPE_CHECKING:
    from botocore.credentials import Credentials

_AWS_HOST = re.compile(r"\.(execute-api|lambda-url)\.([a-z0-9-]+)\.(?:amazonaws\.com|on\.aws)")
_SERVICE_OF = {"execute-api": "execute-api", "lambda-url": "lambda"}
# What a sign-on, an assumed role or a program that gives keys may end with. The last two are
# botocore's for a program that prints no JSON, and for keys that are over when they are given.
_NO_CREDENTIALS = (BotoCoreError, ClientError, ValueError, RuntimeError)


class SigningError(PosterError):
    """A call cannot be signed: there are no credentials, or none any more."""

    exit_code = NO_PERMISSION


class NoSigningRegionError(SigningError):
    """A call cannot be signed: nobody said for which region."""

    exit_code = USAGE


class SigV4Signer:
    """Adds the signature to a request's headers."""

    def __init__(self, credentials: Credentials, service: str, region: str) -> None:
        # Slow to load: only who signs waits for it.
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        self._auth, self._request = SigV4Auth, AWSRequest
        self._credentials = credentials
        self._service = service
        self._region = region

    def __call__(
        self, request: Request, url: str, body: bytes | None
    ) -> tuple[tuple[str, str], ...]:
        """Return all headers to send. The signature holds for some minutes from now."""
        signed = self._request(request.method, url, data=body, headers=dict(request.headers))
        # Frozen anew for every call: credentials that expire are renewed by botocore.
        self._auth(_frozen(self._credentials), self._service, self._region).add_auth(signed)
        return tuple((name, str(value)) for name, value in signed.headers.items())


def callers_credentials() -> tuple[Credentials, str | None]:
    """Return the caller's own, which work now, and the region set up beside them.

    Raises SigningError.
    """
    import boto3  # slow to load; see poster.aws.target

    try:
        session = boto3.session.Session()
        credentials: Any = session.get_credentials()
    except _NO_CREDENTIALS as error:
        raise _without_keys(error) from error
    if credentials is None:
        raise SigningError("cannot sign: no AWS credentials are set up here")
    _frozen(credentials)  # those that cannot be had must not cost a run
    return credentials, session.region_name


def _frozen(credentials: Credentials) -> Any:
    """Return the keys as they are now. Raises SigningError."""
    try:
        return credentials.get_frozen_credentials()
    except _NO_CREDENTIALS as error:
        raise _without_keys(error) from error


def _without_keys(error: Exception) -> SigningError:
    return SigningError(f"cannot sign: the credentials cannot be had: {error}")


def signer_for(endpoint: str, region: str | None) -> SigV4Signer:
    """Return a signer for the endpoint. Raises SigningError."""
    credentials, set_up = callers_credentials()
    found = _AWS_HOST.search(urlsplit(endpoint).hostname or "")
    service = _SERVICE_OF[found.group(1)] if found else "execute-api"
    named = region or (found.group(2) if found else set_up)
    if named is None:
        raise NoSigningRegionError(
            f"cannot sign: {shown(endpoint)} does not name its region; pass --region"
        )
    return SigV4Signer(credentials, service, named)
