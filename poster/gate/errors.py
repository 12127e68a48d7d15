"""What keeps the gate from an answer; what AWS itself refuses is an ``AwsError``.

A gate ends as *reached*, *timed out*, *broken*, or with *nothing to wait for*. Whatever else keeps
it from an answer is a ``GateError``. Definitions and error rates: ``docs/gate.md``.
"""

from __future__ import annotations

from poster.errors import (
    DEPLOY_FAILED,
    NO_ANSWER,
    NO_VERSION,
    SUPERSEDED,
    USAGE,
    PosterError,
)


class GateError(PosterError):
    """The gate cannot say whether callers get the new version."""


class AmbiguousError(GateError):
    """Several versions may be the new one, and nobody said which is."""

    exit_code = USAGE


class FailedUpdateError(GateError):
    """The function's update or its version has failed; nothing new will come."""

    exit_code = DEPLOY_FAILED


class SupersededError(GateError):
    """The alias moved on to a version that is not the expected one."""

    exit_code = SUPERSEDED


class NoAnswerError(GateError):
    """No probe was ever answered."""

    exit_code = NO_ANSWER


class NoVersionError(GateError):
    """Probes are answered, but no answer says which version it is from, or caches answer."""

    exit_code = NO_VERSION
