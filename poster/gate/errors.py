"""What keeps the gate from an answer; each has an exit code of its own (``poster.cli.exit_codes``).

Messages are one sentence with the cause and the way out.
"""

from __future__ import annotations

from typing import Any

import botocore.exceptions

from poster.aws.target import sentence
from poster.errors import PosterError


class GateError(PosterError):
    """The gate cannot say whether callers get the new version."""


class NotThereError(GateError):
    """There is no such function, alias, stack or distribution."""


class NoPermissionError(GateError):
    """AWS does not let us, or does not know who we are."""


class FailedUpdateError(GateError):
    """The function's update or its version has failed; nothing new will come."""


class SupersededError(GateError):
    """The alias moved on to a version that is not the expected one."""


class NoAnswerError(GateError):
    """No probe was ever answered."""


class NoVersionError(GateError):
    """Probes are answered, but no answer says which version it is from."""


_NOT_THERE = {"ResourceNotFoundException", "NoSuchDistribution"}
_NO_PERMISSION = {
    *("AccessDenied", "AccessDeniedException", "UnauthorizedOperation"),
    *("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId"),
    *("InvalidSignatureException", "SignatureDoesNotMatch", "UnrecognizedClientException"),
}


def is_missing(error: Exception) -> bool:
    """Return whether AWS says that there is no such thing."""
    return _code(error) in _NOT_THERE


def refused(error: Exception) -> GateError:
    """Return what an error of botocore's means here."""
    if is_missing(error):
        return NotThereError(f"{sentence(error)} - check the name, the region and the account")
    is_unknown = isinstance(
        error,
        botocore.exceptions.NoCredentialsError
        | botocore.exceptions.PartialCredentialsError
        | botocore.exceptions.TokenRetrievalError
        | botocore.exceptions.SSOError,
    )
    if is_unknown or _code(error) in _NO_PERMISSION:
        return NoPermissionError(sentence(error))
    return GateError(sentence(error))


def _code(error: Exception) -> str | None:
    response: dict[str, Any] = {}
    if isinstance(error, botocore.exceptions.ClientError):
        response = error.response
    elif isinstance(error, botocore.exceptions.WaiterError):
        response = error.last_response or {}
    code = response.get("Error", {}).get("Code")
    return code if isinstance(code, str) else None
