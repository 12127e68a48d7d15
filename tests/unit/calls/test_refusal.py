from __future__ import annotations

import pytest

from poster.calls.refusal import why
from poster.rows.record import Observation


def failed(status: int | None, error: str) -> Observation:
    return Observation(1, 1, "t01-0001", 0, 0, None, "fail", status, error=error)


@pytest.mark.parametrize(
    ("status", "error", "way_out"),
    [
        (405, "HTTP 405", "--method"),
        (403, "HTTP 403: Missing Authentication Token", "a path or a method"),
        (500, "HTTP 500: Internal server error", "may not invoke it"),
        (503, "HTTP 503: Service Unavailable", "longer than an HTTP API waits"),
        (504, "HTTP 504: Endpoint request timed out", "longer than API Gateway waits"),
        (None, "COULDNT_RESOLVE_HOST: Could not resolve host: x", "no such host"),
        (None, "COULDNT_CONNECT: refused", "nothing listens"),
    ],
)
def test_a_failure_says_what_would_mend_it(status: int | None, error: str, way_out: str) -> None:
    said = why(failed(status, error), "GET")
    assert said.startswith(f"GET: {error} - ")
    assert way_out in said


def test_a_failure_that_nobody_knows_is_told_as_it_is() -> None:
    assert why(failed(418, "HTTP 418"), "GET") == "GET: HTTP 418"
    assert "--timeout" in why(None, "GET")
