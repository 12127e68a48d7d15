"""A release, and what deploying it yields and raises.

A way of deploying is a function from a release and a site to steps. It does the work and yields
each step at the moment it is done or seen. A deploy that fails yields ``deploy-failed`` and then
raises DeployError; one that is closed before its end undoes what must not be left half-way.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator

from poster.errors import DEPLOY_FAILED, PosterError
from poster.rows.record import Step

Steps = Generator[Step, None, None]


@dataclasses.dataclass(frozen=True, slots=True)
class Release:
    """What tells one release from the next: the literal in its code and in its environment."""

    marker: str
    config_marker: str


class DeployError(PosterError):
    """A build or deploy failed; the message says where and what is left behind."""

    exit_code = DEPLOY_FAILED


class ConflictError(DeployError):
    """Someone else deploys the same function at the same time."""
