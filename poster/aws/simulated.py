"""The fleets of `poster local`, found from a shell that has its variables.

An entrance is deployed at the local AWS but served, with simulated propagation, by a fleet on a
port of its own. Which, is kept as parameters of the local AWS's own SSM.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from poster.aws.errors import AwsError, told

PARAMETERS = "/poster/fleets"
PATIENCE_S = 10.0  # a fleet is started when its entrance has been seen
_AGAIN_S = 0.2


@dataclasses.dataclass(frozen=True, slots=True)
class Served:
    """Where the calls of one entrance are answered, and what is simulated for them."""

    endpoint: str  # http://127.0.0.1:PORT
    prefix: str  # of its paths: /STAGE, or nothing
    propagation: dict[str, Any]


def keep(ssm: Any, api_id: str, served: Served) -> None:
    """Note where the entrance is served. Raises botocore's errors; ``ssm`` is a client."""
    port = urlsplit(served.endpoint).port
    value = json.dumps(dataclasses.asdict(served))
    ssm.put_parameter(Name=f"{PARAMETERS}/{api_id}/{port}", Value=value, Type="String")


def local_url(ssm: Any, api_endpoint: str) -> str:
    """Return where the URL that AWS would answer is answered. Raises AwsError."""
    url = urlsplit(api_endpoint)
    path = f"{PARAMETERS}/{(url.hostname or '').partition('.')[0]}"
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        for served in _kept(ssm, path):
            if f"{url.path}/".startswith(f"{served.prefix}/"):
                return f"{served.endpoint}{url.path}"
        time.sleep(_AGAIN_S)
    raise AwsError(
        f"nothing answers {api_endpoint} on this machine: `poster local` serves what was deployed"
        " to it and leads to a function"
    )


def propagation_at(ssm: Any, url: str) -> dict[str, Any] | None:
    """Return what is simulated for callers of the URL; None where it is no fleet's.

    Raises AwsError.
    """
    for served in _kept(ssm, PARAMETERS):
        if f"{url}/".startswith(f"{served.endpoint}/"):
            return served.propagation
    return None


def _kept(ssm: Any, path: str) -> Iterator[Served]:
    with told():
        pages = ssm.get_paginator("get_parameters_by_path").paginate(Path=path, Recursive=True)
        values = [each["Value"] for page in pages for each in page["Parameters"]]
    return (Served(**json.loads(value)) for value in values)
