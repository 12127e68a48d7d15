"""Which hosts are AWS's, and where MiniStack serves what each of them serves. Pure."""

from __future__ import annotations

import re

from poster.aws.execute_api import local_url

_AWS = re.compile(r"(?:[a-z0-9-]+\.)+amazonaws\.com")
_CALLED = {"monitoring": "cloudwatch"}  # hosts that bear another name than their service
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d")
_IN_FRONT = re.compile(r"(?P<owner>[^/]+)\.(?P<service>s3|execute-api)\.(?P<rest>.+)")


def is_aws(host: str) -> bool:
    """Return whether a host is one of AWS's in the partition ``aws``."""
    return _AWS.fullmatch(host) is not None


def service_of(host: str) -> str:
    """Return the name of a host's service, as in ``lambda``."""
    labels = host.removesuffix(".amazonaws.com").split(".")
    name = [label for label in labels if not _REGION.fullmatch(label)][-1]
    return _CALLED.get(name, name)


def path_on_ministack(host: str, path: str) -> str:
    """Return where MiniStack, which has one host, serves ``path`` of an AWS host.

    A bucket in front of S3's host becomes the path's first part; an API in front of API Gateway's
    is called as ``poster.aws.execute_api`` says. Raises ValueError for an API without a stage.
    """
    found = _IN_FRONT.fullmatch(host)
    if found is None:
        return path
    if found["service"] == "s3":
        return f"/{found['owner']}{path}"
    return local_url("", f"https://{host}{path}")
