"""Where the experiment runs: what the rest needs to know of a target, and the AWS account as one.

The local AWS is the other target (``poster.local``). A target makes boto3 clients and gives the
environment in which ``sam`` runs; it never decides what is called or deployed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
from typing import Any, Protocol
from urllib.parse import urlsplit

from poster.aws import simulated
from poster.aws.errors import AwsError, NoRegionError, told
from poster.rows.record import TargetName

OF_POSTER_LOCAL = "POSTER_LOCAL"  # a variable of `poster local`: the endpoint that is its own


def is_of_poster_local() -> bool:
    """Return whether this shell's AWS is that of a `poster local`."""
    return os.environ.get("AWS_ENDPOINT_URL", "no") == os.environ.get(OF_POSTER_LOCAL)


def is_named_by_aws(url: str) -> bool:
    """Return whether the host is one that AWS gives, and any local AWS as it does."""
    names = (".amazonaws.com", ".amazonaws.com.cn", ".on.aws")
    return (urlsplit(url).hostname or "").endswith(names)


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

    def caller_client(self, service: str) -> Any:
        """Return a client for calls that are measured: each is made once."""

    def reachable(self, api_endpoint: str) -> str:
        """Return where the API of a stack's output can be called from here."""

    def settled_unix_ns(self) -> int | None:
        """Return when the newest switch had reached everybody, ns since the epoch.

        None where nobody can know: only a simulation knows.
        """


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
        # Loading boto3 takes a third of a second: only who talks to AWS waits for it.
        import boto3

        # boto3 reads AWS_DEFAULT_REGION only; the other tools also know AWS_REGION.
        named = region or os.environ.get("AWS_REGION")
        with told():
            self._session = boto3.session.Session(region_name=named)
        if self._session.region_name is None:
            raise NoRegionError("no region is set: pass --region, or set AWS_REGION")
        self.region: str = self._session.region_name
        self.profile: str = self._session.profile_name
        self.environment = {
            **os.environ,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "SAM_CLI_TELEMETRY": "0",
        }

    def client(self, service: str) -> Any:
        """See Target. Throttled reads of the control plane are retried by botocore, as usual.

        Raises AwsError.
        """
        return self._made(service, {"mode": "standard"})

    def caller_client(self, service: str) -> Any:
        """See Target. A retry would hide a throttle, count its pause as latency, and repeat us."""
        return self._made(service, {"total_max_attempts": 1})

    def _made(self, service: str, retries: Any) -> Any:
        from botocore.config import Config

        make: Any = self._session.client  # its types know services by literal names alone
        with told():  # reads the credentials' settings, and may run a program for them
            return make(service, config=Config(retries=retries))

    def reachable(self, api_endpoint: str) -> str:
        """See Target. In a shell set up by `poster local`, its fleets are where calls arrive."""
        if is_of_poster_local():
            return simulated.local_url(self.client("ssm"), api_endpoint)
        other = os.environ.get("AWS_ENDPOINT_URL", "")
        is_local = urlsplit(other).hostname in {"127.0.0.1", "localhost", "::1"}
        if is_local and is_named_by_aws(api_endpoint):
            raise AwsError(
                f"{api_endpoint} is not where the local AWS at {other} answers: name the URL that"
                " it serves with --endpoint"
            )
        return api_endpoint

    def propagation_at(self, url: str) -> dict[str, Any] | None:
        """Return what `poster local` simulates for callers of the URL, if it does.

        Raises AwsError.
        """
        return simulated.propagation_at(self.client("ssm"), url) if is_of_poster_local() else None

    def settled_unix_ns(self) -> int | None:
        """See Target. AWS does not tell."""
        return None

    def credentials_expire_at(self) -> datetime.datetime | None:
        """Return when they do; None where nobody says so."""
        credentials = self._session.get_credentials()
        # botocore tells nobody but itself when credentials that it renews would expire.
        known = getattr(credentials, "_expiry_time", None)
        if isinstance(known, datetime.datetime):
            return known
        said = os.environ.get("AWS_CREDENTIAL_EXPIRATION")
        with contextlib.suppress(ValueError):
            return datetime.datetime.fromisoformat(said) if said else None
        return None

    def identity(self) -> Identity:
        """Ask who we are. Raises AwsError when there are no credentials that work."""
        with told():
            caller = self.client("sts").get_caller_identity()
        return Identity(account=caller["Account"], arn=caller["Arn"])
