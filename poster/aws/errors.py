"""What AWS's refusals mean: one sentence each, and a kind of error for each cause.

botocore's own errors end here: ``told`` is what every edge that calls AWS stands in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from json import JSONDecodeError
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOError,
    TokenRetrievalError,
    WaiterError,
)
from botocore.parsers import ResponseParserError

from poster.errors import NO_PERMISSION, NOT_THERE, USAGE, PosterError


class AwsError(PosterError):
    """AWS refused or cannot be reached; the message is one sentence with the way out."""


class NoRegionError(AwsError):
    """Nobody said which region."""

    exit_code = USAGE


class NotThereError(AwsError):
    """There is no such function, version, alias, stack or distribution."""

    exit_code = NOT_THERE


class NoPermissionError(AwsError):
    """AWS does not let us, or does not know who we are."""

    exit_code = NO_PERMISSION


class UnknownCallerError(NoPermissionError):
    """There are no credentials, or none that hold any more: nothing at all will be allowed."""


class BusyError(AwsError):
    """AWS throttles, or fails for a moment; the same call may work later."""


_NOT_THERE = {
    *("ResourceNotFoundException", "NoSuchDistribution"),
    "ProvisionedConcurrencyConfigNotFoundException",
}
_NO_PERMISSION = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
_UNKNOWN_CALLER = {
    *("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId"),
    *("InvalidSignatureException", "SignatureDoesNotMatch", "UnrecognizedClientException"),
}
_BUSY = {
    *("Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded"),
    *("ServiceException", "ServiceUnavailable", "InternalFailure", "InternalError"),
}
_WHO_ARE_WE = (
    *(NoCredentialsError, PartialCredentialsError, CredentialRetrievalError),
    *(TokenRetrievalError, SSOError, JSONDecodeError),
)

# How AWS's services say that a request was signed minutes ago, or in the future.
_CLOCK = re.compile(r"Signature (expired|not yet current)")
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
    if isinstance(error, ClientError):
        said = error.response["Error"]
        code, text = said.get("Code", "error"), said.get("Message", "")
        is_off = code == "RequestTimeTooSkewed" or _CLOCK.search(text)
        way_out = "this machine's clock is off: set it" if is_off else _WAY_OUT.get(code)
        text = f"{error.operation_name} was refused ({code}): {text}"
        return f"{text} - {way_out}" if way_out else text
    if isinstance(error, NoCredentialsError):
        return "there are no AWS credentials: run `aws configure` or `aws sso login`"
    if isinstance(error, SSOError | TokenRetrievalError):
        return f"{error} - sign in again: aws sso login"
    if isinstance(error, JSONDecodeError):
        return f"what the profile's credential_process prints is no JSON: {error}"
    if isinstance(error, EndpointConnectionError):
        return f"{error}: check the region and the network"
    if isinstance(error, ResponseParserError):
        return "what answers in AWS's place is not AWS: check AWS_ENDPOINT_URL and the network"
    return f"{error}"


@contextmanager
def told() -> Iterator[None]:
    """Raise what botocore raises in the ``with`` block as an AwsError."""
    try:
        yield
    except (ClientError, BotoCoreError, ResponseParserError, JSONDecodeError) as error:
        raise aws_error(error) from error
    except RuntimeError as error:
        if "credentials" not in str(error):
            raise
        raise UnknownCallerError(f"{error}") from error  # botocore's word for keys given too late


def aws_error(error: Exception) -> AwsError:
    """Return what an error of botocore's means."""
    code = _code(error)
    if code in _NOT_THERE or is_missing_stack(error):
        return NotThereError(f"{sentence(error)} - check the name, the region and the account")
    if isinstance(error, _WHO_ARE_WE) or code in _UNKNOWN_CALLER:
        return UnknownCallerError(sentence(error))
    if code in _NO_PERMISSION:
        return NoPermissionError(sentence(error))
    return (BusyError if code in _BUSY else AwsError)(sentence(error))


def is_missing_stack(error: Exception) -> bool:
    """Return whether CloudFormation says that there is no such stack: it has no code for it."""
    return isinstance(error, ClientError) and (
        _code(error) == "ValidationError" and "does not exist" in error.response["Error"]["Message"]
    )


def _code(error: Exception) -> str | None:
    response: Any = {}
    if isinstance(error, ClientError):
        response = error.response
    elif isinstance(error, WaiterError):
        response = error.last_response or {}
    code = response.get("Error", {}).get("Code")
    return code if isinstance(code, str) else None
