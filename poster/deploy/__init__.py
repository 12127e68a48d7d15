"""Ways of deploying a release, one file each.

A way is anything with ``deploy(release)``: an iterator that does the work and yields each step at
the moment it is done or seen. A deploy that fails yields ``deploy-failed`` and then raises
DeployError.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator
from typing import Protocol

from poster.errors import DEPLOY_FAILED, PosterError
from poster.rows.record import Step


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


class Deployer(Protocol):
    """One way of deploying."""

    def deploy(self, release: Release) -> Generator[Step, None, None]:
        """Deploy the release and yield the steps. Raises DeployError.

        Closing the generator before its end undoes what must not be left half-way.
        """
