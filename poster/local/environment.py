"""Keeps a local run away from real AWS: the environment of subprocesses, and clients in-process.

A caller's shell may hold real keys, a profile, endpoints for single services, a proxy. Nothing of
that may reach a process or a client of a local run, or a deploy meant for the laptop lands in an
account. ``LocalAws`` is the one place that knows how to talk to an endpoint on this machine.

Invariant: whatever the caller's environment and files say, requests go to ``endpoint``, signed
with keys that no account knows.
"""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.session import Session

from poster.aws import execute_api
from poster.aws.target import OF_POSTER_LOCAL

if TYPE_CHECKING:
    from collections.abc import Mapping

REGION = "us-east-1"
# MiniStack takes a key of twelve digits for an account number and any other for its default one.
_KEY = "test"
LOOPBACK = "127.0.0.1,localhost,::1"
# BOTO*: botocore's plugins and switches. The rest of AWS_* names profiles, keys, role and container
# credentials, endpoints per service, a CA bundle, retry modes: nothing a local run has use for.
_CALLERS = ("AWS_", "BOTO")


@dataclasses.dataclass(frozen=True, slots=True)
class LocalAws:
    """An AWS that answers on this machine, to whoever has its ``token``."""

    endpoint: str  # http://127.0.0.1:PORT
    token: str
    region: str = REGION

    def settings(self) -> dict[str, str]:
        """Return the variables that bind the AWS SDKs, the AWS CLI and SAM CLI to it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            OF_POSTER_LOCAL: self.endpoint,
            "AWS_ACCESS_KEY_ID": _KEY,
            "AWS_SECRET_ACCESS_KEY": _KEY,
            "AWS_SESSION_TOKEN": self.token,  # every client sends it; see poster.local.guard
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_POLL_DELAY": "0.2",  # seconds; its 5 are for CloudFormation's request limits
        }

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """Return ``base``, for a subprocess that shall talk to this AWS only.

        Nothing that names the caller's AWS is left. A proxy stays, since ``sam build`` may need it
        to fetch packages, but never for loopback.
        """
        kept = {name: value for name, value in base.items() if not name.startswith(_CALLERS)}
        exempt = base.get("no_proxy") or base.get("NO_PROXY")
        no_proxy = f"{LOOPBACK},{exempt}" if exempt else LOOPBACK
        return {**kept, **self.settings(), "no_proxy": no_proxy, "NO_PROXY": no_proxy}

    def client(self, service: str, config: Config | None = None) -> Any:
        """Return a botocore client that reads no variable and no file of the caller's.

        It never retries, unless ``config`` (merged over ours) says so: a retry hides a failure.
        """
        ours = Config(
            proxies={},  # an empty mapping; None would ask the environment
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
        )
        return Session(session_vars=_session_variables()).create_client(
            service,
            region_name=self.region,
            endpoint_url=self.endpoint,
            aws_access_key_id=_KEY,
            aws_secret_access_key=_KEY,
            aws_session_token=self.token,
            config=ours.merge(config) if config else ours,
        )

    def invoke_url(self, api_id: str, stage: str, path: str) -> str:
        """See ``poster.aws.execute_api``."""
        return execute_api.invoke_url(self.endpoint, api_id, stage, path)

    def local_url(self, api_endpoint: str) -> str:
        """See ``poster.aws.execute_api``. Raises ValueError."""
        return execute_api.local_url(self.endpoint, api_endpoint)


def _session_variables() -> dict[str, tuple[Any, ...]]:
    """Return botocore's session variables with defaults only: no variable, no profile, no file.

    ``session_vars`` is botocore's documented way to override the variables that a session reads;
    each is (name in a profile, name in the environment, default, conversion).
    """
    variables = {
        name: (None, None, default, convert)
        for name, (_, _, default, convert) in Session.SESSION_VARIABLES.items()
    }
    for file in ("config_file", "credentials_file"):
        variables[file] = (None, None, os.devnull, None)
    return variables
