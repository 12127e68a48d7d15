"""One stage of an HTTP API as API Gateway describes it: which function serves which call. Pure.

A *route key* is ``METHOD /path``, with ANY for every method, or ``$default`` for what no other
route serves. A stage of the name ``$default`` is served at the root; any other one at ``/NAME``.

Only routes that hand whole requests to a Lambda function in payload format 2.0 are modelled;
authorizers, parameter mappings and other integrations are not.
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from poster.local.rest_api import Integration, Route, integration_of, most_specific

DEFAULT = "$default"  # of a stage, and of a route


@dataclasses.dataclass(frozen=True, slots=True)
class HttpApi:
    """A stage: its routes and what it says of itself in an event."""

    api_id: str
    stage: str
    account_id: str
    stage_variables: Mapping[str, str]
    routes: tuple[Route, ...]
    default: Integration | None  # what serves a call that no route does

    def match(self, method: str, path: str) -> tuple[str, Integration, dict[str, str]] | None:
        """Return the route key that serves the call, what it calls, and the path parameters."""
        found = most_specific(self.routes, method, path)
        if found is not None:
            route, parameters = found
            return f"{route.method} {route.path}", route.target, parameters
        return None if self.default is None else (DEFAULT, self.default, {})

    @property
    def targets(self) -> list[Integration]:
        """Return what the routes call, each once, in the routes' order."""
        defaults = [] if self.default is None else [self.default]
        return list(dict.fromkeys([*(route.target for route in self.routes), *defaults]))


def http_routes_in(
    routes: Iterable[Mapping[str, Any]], integrations: Iterable[Mapping[str, Any]]
) -> tuple[tuple[Route, ...], Integration | None]:
    """Return the modelled routes of ``GetRoutes`` and ``GetIntegrations`` items, and the default.

    An integration's URI is a function's ARN or API Gateway's long form of it.
    """
    called = {
        f"integrations/{each['IntegrationId']}": integration_of(each.get("IntegrationUri", ""))
        for each in integrations
        if each.get("IntegrationType") == "AWS_PROXY"
        and each.get("PayloadFormatVersion", "2.0") == "2.0"
    }
    found, default = [], None
    for each in routes:
        target = called.get(each.get("Target", ""))
        method, _, path = each["RouteKey"].partition(" ")
        if target is not None and method == DEFAULT:
            default = target
        elif target is not None:
            found.append(Route(method, path, each["RouteId"], target))
    return tuple(sorted(found, key=lambda route: (route.path, route.method))), default
