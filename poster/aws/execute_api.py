"""Where an AWS that answers on this machine serves what AWS serves at execute-api. Pure."""

from __future__ import annotations

import urllib.parse


def invoke_url(endpoint: str, api_id: str, stage: str, path: str) -> str:
    """Return where ``endpoint`` serves a REST API's stage; ``path`` begins with a slash."""
    return f"{endpoint}/restapis/{api_id}/{stage}/_user_request_{path}"


def local_url(endpoint: str, api_endpoint: str) -> str:
    """Return where ``endpoint`` answers for the https://ID.execute-api... URL of a stack's output.

    Raises ValueError for any other URL.
    """
    url = urllib.parse.urlsplit(api_endpoint)
    api_id, _, domain = (url.hostname or "").partition(".")
    _, stage, path = (*url.path.split("/", 2), "", "")[:3]
    if not (domain.startswith("execute-api.") and api_id and stage):
        raise ValueError(f"{api_endpoint!r} is not the URL of an API Gateway stage")
    return invoke_url(endpoint, api_id, stage, f"/{path}")
