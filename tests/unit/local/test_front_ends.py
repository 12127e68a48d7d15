"""Front ends learn of a change at different moments, and never go back."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from poster.local.front_ends import FrontEnds, Routing
from poster.local.lag import FastAndSlow, Lag, Seconds, Uniform

ONE, TWO, THREE = Routing("1"), Routing("2"), Routing("3")
S = 1_000_000_000


class Listed:
    """Lags in the order given."""

    def __init__(self, *lags_s: float) -> None:
        self._lags_s = iter(lags_s)

    def draw_s(self, random: Random) -> float:
        return next(self._lags_s)

    def stale_share(self, t_s: float) -> float:
        raise NotImplementedError


def views(front_ends: FrontEnds, at_ns: int) -> str:
    return "".join(front_ends.routing(each, at_ns).version for each in range(len(front_ends)))


def test_each_front_end_adopts_a_change_after_its_own_lag() -> None:
    front_ends = FrontEnds(3, Listed(0.0, 2.0, 1.0), "seed", ONE)
    front_ends.change(TWO, 10 * S)
    assert views(front_ends, 10 * S - 1) == "111"
    assert views(front_ends, 10 * S) == "211"
    assert views(front_ends, 11 * S) == "212"
    assert views(front_ends, 12 * S) == "222"


def test_a_change_that_overtakes_an_earlier_one_replaces_it() -> None:
    front_ends = FrontEnds(2, Listed(5.0, 0.0, 1.0, 0.0), "seed", ONE)
    front_ends.change(TWO, 10 * S)
    front_ends.change(THREE, 12 * S)
    assert views(front_ends, 12 * S) == "13"
    assert views(front_ends, 13 * S) == "33"
    assert views(front_ends, 15 * S) == "33"  # the first change would have arrived now
    first, second = front_ends.changes
    assert first.adopted_ns == (None, 10 * S)
    assert second.adopted_ns == (13 * S, 12 * S)


def test_a_change_settles_with_its_last_front_end() -> None:
    front_ends = FrontEnds(3, Listed(0.0, 2.0, 1.0), "seed", ONE)
    front_ends.change(TWO, 10 * S)
    (change,) = front_ends.changes
    assert change.settled_ns == 12 * S
    assert (change.before, change.after, change.lags_s) == (ONE, TWO, (0.0, 2.0, 1.0))
    assert front_ends.newest == TWO


def test_a_change_that_no_front_end_came_to_adopt_is_settled_at_once() -> None:
    front_ends = FrontEnds(1, Listed(5.0, 0.0), "seed", ONE)
    front_ends.change(TWO, 10 * S)
    front_ends.change(THREE, 11 * S)
    assert front_ends.changes[0].settled_ns == 10 * S


@given(
    st.integers(),
    st.sampled_from([Seconds(1.0), Uniform(0.0, 4.0), FastAndSlow(0.5, 2.0)]),
    st.lists(st.integers(min_value=0, max_value=3 * S), min_size=1, max_size=6),
)
def test_a_front_end_never_goes_back(seed: int, lag: Lag, gaps_ns: list[int]) -> None:
    front_ends = FrontEnds(5, lag, str(seed), Routing("0"))
    at_ns = 0
    for version, gap_ns in enumerate(gaps_ns, start=1):
        at_ns += gap_ns
        front_ends.change(Routing(str(version)), at_ns)
    last_ns = max(change.settled_ns for change in front_ends.changes)
    times = sorted({0, last_ns, *(last_ns * k // 50 for k in range(50))})
    for front_end in range(5):
        seen = [int(front_ends.routing(front_end, at_ns).version) for at_ns in times]
        assert seen == sorted(seen)
        assert seen[-1] == len(gaps_ns)


def test_lags_do_not_depend_on_what_was_served_before() -> None:
    def lags_s(seed: str) -> tuple[float, ...]:
        front_ends = FrontEnds(40, Uniform(0.0, 9.0), seed, ONE)
        front_ends.change(TWO, S)
        return front_ends.changes[0].lags_s

    assert lags_s("7/0") == lags_s("7/0")
    assert lags_s("7/0") != lags_s("8/0")


def test_changes_draw_lags_of_their_own() -> None:
    front_ends = FrontEnds(40, Uniform(0.0, 9.0), "7/0", ONE)
    front_ends.change(TWO, 10 * S)
    front_ends.change(THREE, 20 * S)
    first, second = front_ends.changes
    assert set(first.lags_s).isdisjoint(second.lags_s)


def test_weights_share_calls_between_versions() -> None:
    routing = Routing("1", (("2", 0.25), ("3", 0.5)))
    versions = [routing.version_for(draw / 100) for draw in range(100)]
    assert {version: versions.count(version) for version in "123"} == {"1": 25, "2": 25, "3": 50}


def test_weights_are_a_change_like_any_other() -> None:
    front_ends = FrontEnds(1, Seconds(1.0), "seed", ONE)
    front_ends.change(Routing("1", (("2", 0.5),)), 10 * S)
    assert front_ends.routing(0, 10 * S).version_for(0.2) == "1"
    assert front_ends.routing(0, 11 * S).version_for(0.2) == "2"
