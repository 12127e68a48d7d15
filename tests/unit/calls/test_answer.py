from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poster.calls.answer import MAX_ERROR_CHARS, read_answer, short_error

BODY = {
    "message": "ok",
    "todoId": "t01-0001",
    "marker": "aaa",
    "configMarker": "bbb",
    "functionVersion": "3",
    "instanceId": "2026/11/22/[3]0123",
    "coldStart": True,
    "createdAt": 1598499496969,
}


def test_an_answer_says_who_answered() -> None:
    answer = read_answer(200, json.dumps(BODY).encode(), "request-1")
    assert answer.outcome == "ok"
    assert (answer.marker, answer.config_marker, answer.function_version) == ("aaa", "bbb", "3")
    assert (answer.instance_id, answer.cold_start) == ("2026/11/22/[3]0123", True)
    assert (answer.server_ms, answer.request_id, answer.error) == (1598499496969, "request-1", None)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_2xx_is_ok_whatever_its_body(status: int) -> None:
    answer = read_answer(status, b"\xff not json", None)
    assert (answer.outcome, answer.marker) == ("ok", None)


@pytest.mark.parametrize("status", [199, 300, 400, 429, 500, 502, 504])
def test_any_other_status_is_a_failure_with_its_message(status: int) -> None:
    answer = read_answer(status, b'{"message":"ng"}', None)
    assert (answer.outcome, answer.error) == ("fail", f"HTTP {status}: ng")


@given(
    st.integers(100, 599),
    st.binary()
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists
    ).map(lambda value: json.dumps(dict.fromkeys(BODY, value)).encode()),
)
def test_no_body_breaks_the_reading(status: int, body: bytes) -> None:
    answer = read_answer(status, body, None)
    assert isinstance(answer.marker, str | None)
    assert answer.server_ms is None or 0 <= answer.server_ms < 2**63


@given(st.text(), st.text() | st.none())
def test_an_error_is_one_short_line(kind: str, text: str | None) -> None:
    line = short_error(kind or "E", text)
    assert len(line) <= MAX_ERROR_CHARS
    assert len(line.splitlines()) <= 1


def test_half_a_surrogate_pair_can_be_written_to_a_file() -> None:
    answer = read_answer(500, b'{"marker":"\\ud800","message":"\\udfff"}', None)
    assert (answer.marker, answer.error) == ("?", "HTTP 500: ?")


def test_the_functions_own_request_id_comes_before_the_gateways() -> None:
    assert read_answer(200, b'{"requestId":"own"}', "gateway").request_id == "own"
    assert read_answer(502, b'{"message":"Internal server error"}', "gateway").request_id == (
        "gateway"
    )


@pytest.mark.parametrize(
    "message",
    [
        "The security token included in the request is expired",
        "Signature expired: 20261125T000000Z is now earlier than 20261125T001000Z",
    ],
)
def test_our_own_expired_credentials_are_no_failure_that_a_caller_saw(message: str) -> None:
    answer = read_answer(403, json.dumps({"message": message}).encode(), "id")
    assert (answer.outcome, answer.status) == ("unknown", 403)
    assert answer.error.startswith("CredentialsExpired: ")


def test_any_other_403_stays_a_failure() -> None:
    assert read_answer(403, b'{"message":"Forbidden"}', "id").outcome == "fail"
