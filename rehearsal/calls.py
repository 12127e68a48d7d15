"""What a request to an AWS host is: a service's operation and the names it gives. Pure but for
the service models, which botocore brings and which are read once.

The models are what boto3 makes requests from, so they tell what a request was made from.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import re
import urllib.parse
from collections.abc import Mapping
from typing import Any

from botocore.loaders import Loader

from rehearsal.hosts import path_on_ministack, service_of
from rehearsal.proxy import Request

# A call of an API that runs behind API Gateway: no operation of AWS's.
EXECUTE_API = "execute-api"


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """One operation; ``names`` are those of its parameters that are plain text."""

    service: str
    operation: str
    names: Mapping[str, str]

    @property
    def is_change(self) -> bool:
        """Return whether it changes anything."""
        return not self.operation.startswith(("Get", "Describe", "List", "Head", "Scan", "Query"))


@dataclasses.dataclass(frozen=True, slots=True)
class _Route:
    """How a REST operation is requested."""

    operation: str
    method: str
    path: re.Pattern[str]
    query: frozenset[str]  # keys that are always there
    headers: frozenset[str]  # likewise, in lower case
    literal: int  # characters of the path that are its own

    @property
    def narrowness(self) -> tuple[int, int]:
        """Return how little else it fits."""
        return len(self.query | self.headers), self.literal

    def names_in(
        self, request: Request, path: str, query: Mapping[str, str]
    ) -> dict[str, str] | None:
        """Return the names in the path of a request of this operation, None for any other."""
        sent = {name.lower() for name, _ in request.headers}
        found = self.path.fullmatch(path)
        fits = self.method == request.method and self.query <= set(query) and self.headers <= sent
        return found.groupdict() if found and fits else None


def call_in(request: Request) -> Call:
    """Return what was asked for. Raises LookupError when no operation is requested like that."""
    service = service_of(request.host)
    if service == EXECUTE_API:
        return Call(service, "Invoke", {"Api": request.host.partition(".")[0]})
    target = request.header("X-Amz-Target")
    if target:
        return Call(service, target.rpartition(".")[2], _texts(json.loads(request.body or b"{}")))
    if request.header("Content-Type").startswith("application/x-www-form-urlencoded"):
        form = dict(urllib.parse.parse_qsl(request.body.decode()))
        return Call(service, form.pop("Action"), form)
    return _rest_call(service, request)


def _rest_call(service: str, request: Request) -> Call:
    url = urllib.parse.urlsplit(path_on_ministack(request.host, request.path))
    query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
    for route in _routes(service):
        found = route.names_in(request, url.path, query)
        if found is not None:
            names = {key: urllib.parse.unquote(value) for key, value in found.items()}
            return Call(service, route.operation, {**query, **names})
    raise LookupError(f"{request.method} {url.path} is no operation of {service}")


def _texts(parameters: Mapping[str, Any]) -> dict[str, str]:
    return {name: value for name, value in parameters.items() if isinstance(value, str)}


@functools.cache
def _routes(service: str) -> list[_Route]:
    """Return a service's REST operations, the narrowest first."""
    model = Loader().load_service_model(service, "service-2")
    routes = [
        _route(
            name, operation["http"], model["shapes"].get(operation.get("input", {}).get("shape"))
        )
        for name, operation in model["operations"].items()
    ]
    return sorted(routes, key=lambda route: route.narrowness, reverse=True)


def _route(operation: str, http: Mapping[str, str], given: Mapping[str, Any] | None) -> _Route:
    path, _, query = http["requestUri"].partition("?")
    parts = re.split(r"(\{\w+\+?\})", path)
    pattern = "".join(_pattern(part) for part in parts)
    fixed = set(urllib.parse.parse_qs(query, keep_blank_values=True))
    return _Route(
        operation,
        http["method"],
        re.compile(pattern + "/?"),
        frozenset(fixed | _required(given, "querystring")),
        frozenset(name.lower() for name in _required(given, "header")),
        literal=sum(len(part) for part in parts if not part.startswith("{")),
    )


def _required(given: Mapping[str, Any] | None, location: str) -> set[str]:
    """Return what must be given at a place of the request."""
    required = (given or {}).get("required", [])
    members = [given["members"][name] for name in required] if given else []
    return {each["locationName"] for each in members if each.get("location") == location}


def _pattern(part: str) -> str:
    if not part.startswith("{"):
        return re.escape(part)
    name = part.strip("{}+")
    return f"(?P<{name}>.+)" if part.endswith("+}") else f"(?P<{name}>[^/]+)"
