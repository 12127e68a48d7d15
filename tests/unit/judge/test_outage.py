"""Outages of calls told one by one: poster, sent, received (None: never), outcome; seconds."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poster.judge.outage import Outage, longest_outages

Call = tuple[int, float, float | None, str]


def outages(
    calls: list[Call], begin_s: float = 1.0, end_s: float | None = None
) -> list[Outage | None]:
    frame = pl.DataFrame(
        {
            "seq": list(range(1, len(calls) + 1)),
            "poster": [call[0] for call in calls],
            "sent_ns": [round(call[1] * 1e9) for call in calls],
            "received_ns": [None if call[2] is None else round(call[2] * 1e9) for call in calls],
            "outcome": [call[3] for call in calls],
        },
        schema_overrides={"received_ns": pl.Int64},
    )
    end_ns = None if end_s is None else round(end_s * 1e9)
    return list(longest_outages(frame.lazy(), round(begin_s * 1e9), end_ns))


def steady(
    poster: int, *, but: dict[float, tuple[float | None, str]], until_s: float = 10
) -> list[Call]:
    """A poster calls every half second and is answered after 0.1 s, but for these calls."""
    times = np.arange(0, until_s, 0.5) + poster / 100
    plain = (0.1, "ok")
    told = {round(at, 2): but.get(round(float(at) - poster / 100, 2), plain) for at in times}
    return [
        (poster, at, None if took is None else at + took, how) for at, (took, how) in told.items()
    ]


def test_where_every_call_is_answered_in_time_there_is_none() -> None:
    assert outages(steady(0, but={})) == [None, None]


def test_it_is_from_the_last_good_answer_to_the_next() -> None:
    over_all, of_one = outages(steady(0, but={2.0: (0.1, "fail"), 2.5: (0.1, "fail")}))
    assert over_all == of_one
    assert over_all is not None
    assert (over_all.s, over_all.calls) == (1.5, 2)
    assert (over_all.first_seq, over_all.last_seq) == (5, 6)
    assert (over_all.lower_s, over_all.upper_s) == (pytest.approx(0.4), pytest.approx(1.6))


def test_calls_that_all_hang_and_are_answered_ok_at_last_are_an_outage() -> None:
    hanging = {
        2.0: (5.0, "ok"),
        **{at: (0.1, "skipped") for at in (2.5, 3, 3.5, 4, 4.5, 5, 5.5, 6, 6.5, 7)},
    }
    calls = [
        call for poster in (0, 1, 2) for call in steady(poster, but=hanging) if call[3] != "skipped"
    ]
    over_all, of_one = outages(sorted(calls, key=lambda call: call[1]))
    assert over_all is not None
    assert of_one is not None
    assert over_all.s == pytest.approx(5.38)  # 1.62 to 7.00
    assert over_all.lower_s == pytest.approx(5.0)
    assert of_one.s == pytest.approx(5.4)


def test_one_slow_call_among_others_that_are_answered_is_no_outage_of_all() -> None:
    slow = steady(0, but={2.0: (5.0, "ok")})
    over_all, of_one = outages(
        sorted([*slow, *steady(1, but={}), *steady(2, but={})], key=lambda c: c[1])
    )
    assert over_all is not None
    assert over_all.s < 0.5
    assert of_one is not None


def test_what_was_usual_before_is_no_outage() -> None:
    slow = [(0, at, at + 3.0, "ok") for at in np.arange(0, 60, 3.5)]
    assert outages(slow, begin_s=30) == [None, None]


def test_a_failure_beside_an_answer_under_way_does_not_hide_the_stretch() -> None:
    # By order of sending the one failure lies between calls that were answered much later.
    calls: list[Call] = [
        *((0, 0.0, 0.1, "ok"), (0, 2.0, 9.0, "ok"), (1, 2.1, 2.2, "fail"), (2, 2.3, 9.1, "ok")),
        (1, 9.2, 9.3, "ok"),
    ]
    over_all, _ = outages(calls)
    assert over_all is not None
    assert over_all.s == pytest.approx(8.9)


def test_without_a_good_answer_on_one_side_it_is_open() -> None:
    never: list[Call] = [(0, 0.0, 0.1, "ok"), (0, 2.0, None, "unknown"), (0, 5.0, 5.5, "fail")]
    over_all, _ = outages(never)
    assert over_all is not None
    assert (over_all.s, over_all.upper_s) == (pytest.approx(5.4), None)


def test_what_ended_before_a_deploy_does_not_count() -> None:
    assert outages(steady(0, but={2.0: (0.1, "fail")}), begin_s=5) == [None, None]
    assert outages(steady(0, but={8.0: (0.1, "fail")}), begin_s=5, end_s=7) == [None, None]


moments = st.integers(0, 60).map(lambda tenth: tenth / 10)
calls = st.lists(
    st.tuples(
        st.integers(0, 2),
        moments,
        st.none() | moments,
        st.sampled_from(["ok", "fail", "unknown"]),
    ),
    min_size=1,
    max_size=20,
)


@given(calls)
def test_the_bounds_hold_the_measure(drawn: list[Call]) -> None:
    told: list[Call] = [
        (who, sent, None if took is None and how != "ok" else sent + (took or 0), how)
        for who, sent, took, how in sorted(drawn, key=lambda call: call[1])
    ]
    over_all, of_one = outages(told, begin_s=0)
    for each in (over_all, of_one):
        if each is not None:
            assert 0 <= each.lower_s <= each.s
            assert each.upper_s is None or each.s <= each.upper_s
            assert each.calls > 0
    assert (over_all is None) == (of_one is None)
