from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poster.aws.alias import Shares, shares_of, shift_between


def at(version: str, **weights: float) -> Shares:
    return shares_of(version, {name.removeprefix("v"): share for name, share in weights.items()})


@pytest.mark.parametrize(
    ("before", "now", "detail"),
    [
        (at("1"), at("1"), None),
        (at("1"), at("1", v2=0.1), {"from": "1", "to": "2", "weight": 0.1}),
        (at("1", v2=0.1), at("1", v2=0.2), {"from": "1", "to": "2", "weight": 0.2}),
        (at("1", v2=0.1), at("2"), {"from": "1", "to": "2", "weight": 1.0}),
        (at("1", v2=0.1), at("1"), {"from": "2", "to": "1", "weight": 1.0}),
        (at("1"), at("2"), {"from": "1", "to": "2", "weight": 1.0}),
        (at("1", v2=0.75), at("2", v1=0.25), None),  # the same shares, told the other way round
        (at("1"), at("2", v1=0.9), {"from": "1", "to": "2", "weight": pytest.approx(0.1)}),
        ({}, {}, None),  # no alias
    ],
)
def test_a_change_of_shares_names_who_lost_and_who_gained(
    before: Shares, now: Shares, detail: dict[str, object] | None
) -> None:
    assert shift_between(before, now) == detail


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_share_that_a_step_tells_is_that_of_the_version_that_gained(
    was: float, is_now: float
) -> None:
    detail = shift_between(at("1", v2=was), at("1", v2=is_now))
    if detail is None:
        assert is_now == pytest.approx(was, abs=2e-9)
    elif is_now > was:
        assert detail == {"from": "1", "to": "2", "weight": is_now}
    else:
        assert detail == {"from": "2", "to": "1", "weight": 1 - is_now}
