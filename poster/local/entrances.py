"""The ways in: a REST API's stage, an HTTP API's stage, a Function URL, Lambda's Invoke. Pure.

An *entrance* finds the function that a call is for, makes the event that the function gets, and
says what the caller gets: the function's answer, or the entrance's own where there is none. What
it answers by itself differs from one to the next, and so do the codes of the same cause: a
function that raises is a 502 at a REST API, a 500 at an HTTP API, a 502 at a Function URL.

Invariant: an entrance keeps no state; the same call gets the same event but for its id and time.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Protocol
from urllib.parse import quote

from poster.local.http_api import DEFAULT, HttpApi
from poster.local.payload_v2 import Origin, event_v2, response_v2
from poster.local.proxy_event import (
    ProxyRequest,
    Response,
    gateway_response,
    proxy_event,
    response_of,
)
from poster.local.rest_api import Integration, RestApi, Route

Case = Literal[
    "unknown stage",
    "unknown route",
    "too large",
    "throttled by API Gateway",
    "throttled by Lambda",
    "not permitted",
    "bad answer",
    "timed out",
]

_API_GATEWAY = "apigateway.amazonaws.com"


@dataclasses.dataclass(frozen=True, slots=True)
class Invoked:
    """What Invoke answered: HTTP status, X-Amz-Function-Error, and the payload."""

    status: int
    function_error: str | None
    payload: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Entered:
    """A call that has found its function."""

    target: Integration
    route: Route | None  # of a REST API
    route_key: str
    path: str  # decoded, without the stage
    path_parameters: Mapping[str, str]


class Entrance(Protocol):
    """What stands between a caller and a function."""

    @property
    def invokes_as(self) -> str | None:
        """Return the service that needs a permission to invoke; None where the caller does."""

    @property
    def targets(self) -> list[Integration]:
        """Return what can be called here, each once."""

    def enter(self, method: str, path: str) -> Entered | Response:
        """Return where a call of this decoded path goes, or what refuses it."""

    def event(
        self, entered: Entered, request: ProxyRequest, request_id: str, at_unix_ms: int
    ) -> Any:
        """Return the event that the function gets."""

    def own_response(self, case: Case) -> Response:
        """Return the entrance's own answer."""

    def response(self, version: str, said: Invoked) -> Response:
        """Return what the caller gets for what Invoke said of that version."""


@dataclasses.dataclass(frozen=True, slots=True)
class RestEntrance:
    """A stage of a REST API."""

    api: RestApi
    invokes_as: ClassVar[str] = _API_GATEWAY

    @property
    def targets(self) -> list[Integration]:
        """See Entrance."""
        return self.api.targets

    def enter(self, method: str, path: str) -> Entered | Response:
        """See Entrance."""
        stage, _, rest = path.lstrip("/").partition("/")
        if stage != self.api.stage:
            return gateway_response("unknown stage")
        found = self.api.match(method, f"/{rest}")
        if found is None:
            return gateway_response("unknown route")
        route, parameters = found
        return Entered(route.target, route, f"{method} {route.path}", f"/{rest}", parameters)

    def event(
        self, entered: Entered, request: ProxyRequest, request_id: str, at_unix_ms: int
    ) -> dict[str, Any]:
        """See Entrance; payload format 1.0."""
        assert entered.route is not None
        parameters = entered.path_parameters
        return proxy_event(self.api, entered.route, parameters, request, request_id, at_unix_ms)

    def own_response(self, case: Case) -> Response:
        """See Entrance."""
        return gateway_response(case)

    def response(self, version: str, said: Invoked) -> Response:
        """See Entrance."""
        return response_of(said.status, said.function_error, said.payload)


# The codes of an HTTP API. AWS documents none for a function that is throttled or takes too long;
# 503 is what users report, and a model here.
_HTTP_API_CASES: Mapping[Case, tuple[int, str]] = {
    "unknown stage": (404, "Not Found"),
    "unknown route": (404, "Not Found"),
    "too large": (413, "Request Entity Too Large"),
    "throttled by API Gateway": (429, "Too Many Requests"),
    "throttled by Lambda": (503, "Service Unavailable"),
    "not permitted": (500, "Internal Server Error"),
    "bad answer": (500, "Internal Server Error"),
    "timed out": (503, "Service Unavailable"),
}
# 429 and 502 as Lambda's guide has them (urls-configuration.html, urls-monitoring.html); a Function
# URL has no time-out of its own, so that 504 is the fleet's.
_FUNCTION_URL_CASES: Mapping[Case, tuple[int, str]] = {
    "unknown stage": (403, "Forbidden"),
    "unknown route": (403, "Forbidden"),
    "too large": (
        413,
        "Request must be smaller than 6291556 bytes for the InvokeFunction operation",
    ),
    "throttled by API Gateway": (429, "Rate Exceeded."),
    "throttled by Lambda": (429, "Rate Exceeded."),
    "bad answer": (502, "Internal Server Error"),
    "timed out": (504, "Endpoint request timed out"),
}


# https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
_INVOKE_CASES: Mapping[Case, tuple[int, str]] = {
    "unknown stage": (404, "Function not found"),
    "unknown route": (404, "Function not found"),
    "too large": (413, "Request must be smaller than 6291456 bytes"),
    "throttled by API Gateway": (429, "Rate Exceeded."),
    "bad answer": (502, "Internal Server Error"),
    "timed out": (504, "Endpoint request timed out"),
}
# Reserved concurrency counts the calls under way of all versions and aliases together:
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
_THROTTLED = Response(
    429,
    (("Content-Type", "application/json"), ("x-amzn-ErrorType", "TooManyRequestsException")),
    b'{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User",'
    b'"message":"Rate Exceeded."}',
)
_FUNCTION_ERROR = "X-Amz-Function-Error"


def _said(case: tuple[int, str], key: str) -> Response:
    status, message = case
    return Response(
        status,
        (("Content-Type", "application/json"),),
        json.dumps({key: message}, separators=(",", ":")).encode(),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class HttpEntrance:
    """A stage of an HTTP API, in payload format 2.0."""

    api: HttpApi
    region: str
    invokes_as: ClassVar[str] = _API_GATEWAY

    @property
    def targets(self) -> list[Integration]:
        """See Entrance."""
        return self.api.targets

    def enter(self, method: str, path: str) -> Entered | Response:
        """See Entrance. The stage ``$default`` has no name in the path."""
        if self.api.stage != DEFAULT:
            stage, _, rest = path.lstrip("/").partition("/")
            if stage != self.api.stage:
                return self.own_response("unknown stage")
            path = f"/{rest}"
        found = self.api.match(method, path)
        if found is None:
            return self.own_response("unknown route")
        route_key, target, parameters = found
        return Entered(target, None, route_key, path, parameters)

    def event(
        self, entered: Entered, request: ProxyRequest, request_id: str, at_unix_ms: int
    ) -> dict[str, Any]:
        """See Entrance."""
        api = self.api
        prefix = "" if api.stage == DEFAULT else f"/{api.stage}"
        origin = Origin(
            account_id=api.account_id,
            api_id=api.api_id,
            domain_name=f"{api.api_id}.execute-api.{self.region}.amazonaws.com",
            stage=api.stage,
            route_key=entered.route_key,
            raw_path=f"{prefix}{quote(entered.path)}",
            path_parameters=entered.path_parameters,
            stage_variables=api.stage_variables,
        )
        return event_v2(origin, request, request_id, at_unix_ms)

    def own_response(self, case: Case) -> Response:
        """See Entrance."""
        return _said(_HTTP_API_CASES[case], "message")

    def response(self, version: str, said: Invoked) -> Response:
        """See Entrance."""
        return _answered(self, said)


@dataclasses.dataclass(frozen=True, slots=True)
class FunctionUrl:
    """A Function URL on a function or one of its aliases, in payload format 2.0."""

    url_id: str
    region: str
    target: Integration
    invokes_as: ClassVar[None] = None

    @property
    def targets(self) -> list[Integration]:
        """See Entrance."""
        return [self.target]

    def enter(self, method: str, path: str) -> Entered | Response:
        """See Entrance: every path leads to the function."""
        return Entered(self.target, None, DEFAULT, path, {})

    def event(
        self, entered: Entered, request: ProxyRequest, request_id: str, at_unix_ms: int
    ) -> dict[str, Any]:
        """See Entrance."""
        origin = Origin(
            account_id="anonymous",  # of a call that is not signed
            api_id=self.url_id,
            domain_name=f"{self.url_id}.lambda-url.{self.region}.on.aws",
            stage=DEFAULT,
            route_key=DEFAULT,
            raw_path=quote(entered.path),
            path_parameters={},
            stage_variables={},
        )
        return event_v2(origin, request, request_id, at_unix_ms)

    def own_response(self, case: Case) -> Response:
        """See Entrance."""
        return _said(_FUNCTION_URL_CASES[case], "Message")

    def response(self, version: str, said: Invoked) -> Response:
        """See Entrance."""
        return _answered(self, said)


@dataclasses.dataclass(frozen=True, slots=True)
class InvokeApi:
    """Lambda's own Invoke: the request's body is the event, the answer is the function's."""

    target: Integration
    invokes_as: ClassVar[None] = None

    @property
    def targets(self) -> list[Integration]:
        """See Entrance."""
        return [self.target]

    def enter(self, method: str, path: str) -> Entered | Response:
        """See Entrance."""
        if (method, path) != ("POST", f"/2015-03-31/functions/{self.target.function}/invocations"):
            return self.own_response("unknown route")
        return Entered(self.target, None, "", path, {})

    def event(
        self, entered: Entered, request: ProxyRequest, request_id: str, at_unix_ms: int
    ) -> Any:
        """See Entrance. A body that is no JSON reaches no function at AWS; here it is null."""
        try:
            return json.loads(request.body or b"{}")
        except ValueError:
            return None

    def own_response(self, case: Case) -> Response:
        """See Entrance."""
        return (
            _THROTTLED if case == "throttled by Lambda" else _said(_INVOKE_CASES[case], "message")
        )

    def response(self, version: str, said: Invoked) -> Response:
        """See Entrance: a function that raised is a 200 with its error in a header."""
        if said.status == 429:
            return self.own_response("throttled by Lambda")
        failed = () if said.function_error is None else (_FUNCTION_ERROR, said.function_error)
        headers = (("X-Amz-Executed-Version", version), *([failed] if failed else []))
        return Response(said.status, headers, said.payload)


def _answered(entrance: Entrance, said: Invoked) -> Response:
    """Return the answer in payload format 2.0."""
    if said.status == 429:
        return entrance.own_response("throttled by Lambda")
    if said.status != 200 or said.function_error is not None:
        return entrance.own_response("bad answer")
    return response_v2(said.payload) or entrance.own_response("bad answer")
