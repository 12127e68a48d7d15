"""One stage of a REST API as API Gateway describes it: which function serves which call. Pure.

A *route* is a method of a resource that hands whole requests to a Lambda function (AWS_PROXY). Its
function comes from the integration's URI; the *qualifier* behind it is an alias or absent.

What API Gateway can do beyond that (authorizers, keys, usage plans, validators, binary media types,
other integrations) is not modelled; a route that is not AWS_PROXY is left out.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any

# [.../functions/]arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER][/invocations]
_INTEGRATION = re.compile(r"function:(?P<name>[^:/]+)(:(?P<qualifier>[^/]+))?(/invocations)?$")


@dataclasses.dataclass(frozen=True, slots=True)
class Integration:
    """What a route calls: a function, through an alias where the qualifier names one."""

    function: str
    qualifier: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class Route:
    """A method (or ANY) of a resource path such as ``/todo``, ``/todo/{id}`` or ``/{proxy+}``."""

    method: str
    path: str
    resource_id: str
    target: Integration

    def parameters_in(self, method: str, path: str) -> dict[str, str] | None:
        """Return the path parameters of a call that this route serves, None if it does not."""
        if self.method not in (method, "ANY"):
            return None
        # API Gateway ignores empty segments: a trailing slash changes nothing.
        found = _pattern(self.path).fullmatch("/".join(filter(None, path.split("/"))))
        return found.groupdict() if found else None


@dataclasses.dataclass(frozen=True, slots=True)
class RestApi:
    """A stage: its routes and what it says of itself in an event."""

    api_id: str
    stage: str
    account_id: str
    stage_variables: Mapping[str, str]
    routes: tuple[Route, ...]

    def match(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """Return the most specific route that serves the call, and its path parameters."""
        return most_specific(self.routes, method, path)

    @property
    def targets(self) -> list[Integration]:
        """Return what the routes call, each once, in the routes' order."""
        return list(dict.fromkeys(route.target for route in self.routes))


def most_specific(
    routes: Iterable[Route], method: str, path: str
) -> tuple[Route, dict[str, str]] | None:
    """Return the most specific of the routes that serve the call, and its path parameters."""
    found = [
        (route, parameters)
        for route in routes
        if (parameters := route.parameters_in(method, path)) is not None
    ]
    return min(found, key=lambda each: _precedence(each[0]), default=None)


def integration_of(uri: str) -> Integration | None:
    """Return what an integration's URI calls; None if that is no Lambda function."""
    target = _INTEGRATION.search(uri)
    return Integration(target["name"], target["qualifier"]) if target else None


def routes_in(resources: Iterable[Mapping[str, Any]]) -> tuple[Route, ...]:
    """Return the AWS_PROXY routes of ``GetResources`` items with embedded methods, by path."""
    routes = []
    for resource in resources:
        for method, details in resource.get("resourceMethods", {}).items():
            integration = details.get("methodIntegration", {})
            target = integration_of(integration.get("uri", ""))
            if integration.get("type") == "AWS_PROXY" and target:
                routes.append(Route(method, resource["path"], resource["id"], target))
    return tuple(sorted(routes, key=lambda route: (route.path, route.method)))


def _pattern(path: str) -> re.Pattern[str]:
    segments = []
    for segment in filter(None, path.split("/")):
        name = segment.strip("{}+")
        if segment.endswith("+}"):
            segments.append(f"(?P<{name}>.+)")
        elif segment.startswith("{"):
            segments.append(f"(?P<{name}>[^/]+)")
        else:
            segments.append(re.escape(segment))
    return re.compile("/".join(segments))


def _precedence(route: Route) -> tuple[list[int], bool]:
    """Literal before parameter before greedy, segment by segment; a named method before ANY."""
    ranks = [
        2 if segment.endswith("+}") else 1 if segment.startswith("{") else 0
        for segment in filter(None, route.path.split("/"))
    ]
    return ranks, route.method == "ANY"
