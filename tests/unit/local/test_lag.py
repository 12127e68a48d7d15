"""Lag distributions: their names, their draws, and the one fitted to the published rows."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poster.local.lag import (
    PUBLISHED,
    FastAndSlow,
    FittedLag,
    LagError,
    Seconds,
    Uniform,
    parse_lag,
)

SECONDS = st.floats(min_value=0, max_value=1e6, allow_nan=False)


def no_file(path: str) -> str:
    raise AssertionError(f"{path} was read")


def test_each_name_is_its_distribution() -> None:
    assert parse_lag("published", no_file) is PUBLISHED
    assert parse_lag("instant", no_file) == Seconds(0.0)
    assert parse_lag("seconds:2.5", no_file) == Seconds(2.5)
    assert parse_lag("uniform:1,4", no_file) == Uniform(1.0, 4.0)
    assert parse_lag("file:a:b.txt", {"a:b.txt": "0.5\n2\n"}.__getitem__) == FittedLag((0.5, 2.0))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("slow", "there is no lag 'slow'"),
        ("", "there is no lag ''"),
        ("instant:3", "there is no lag 'instant:3'"),
        ("file:", "there is no lag 'file:'"),
        ("seconds:", "'' is not a number of seconds"),
        ("seconds:-1", "'-1' is not a number of seconds"),
        ("seconds:nan", "'nan' is not a number of seconds"),
        ("seconds:inf", "'inf' is not a number of seconds"),
        ("uniform:3", "needs two bounds"),
        ("uniform:4,1", "bounds the wrong way round"),
        ("file:empty", "holds no lags"),
        ("file:words", "'fast' is not a number of seconds"),
    ],
)
def test_a_name_that_makes_no_sense_is_refused(name: str, sentence: str) -> None:
    files = {"empty": "\n", "words": "1\nfast\n"}
    with pytest.raises(LagError, match=sentence):
        parse_lag(name, files.__getitem__)


@given(SECONDS, SECONDS)
def test_uniform_draws_stay_within_their_bounds(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert low <= parse_lag(f"uniform:{low},{high}", no_file).draw_s(Random(1)) <= high


@given(st.integers())
def test_the_same_seed_draws_the_same_lags(seed: int) -> None:
    random, again = Random(seed), Random(seed)
    assert [PUBLISHED.draw_s(random) for _ in range(9)] == [
        PUBLISHED.draw_s(again) for _ in range(9)
    ]


@pytest.mark.parametrize(
    "lag",
    [
        Seconds(2.0),
        Uniform(1.0, 3.0),
        Uniform(2.0, 2.0),
        FastAndSlow(0.3, 2.0),
        FittedLag((0.5, 2.0, 2.0, 6.0)),
    ],
)
@pytest.mark.parametrize("t_s", [0.0, 1.0, 1.9, 2.5, 7.0])
def test_draws_are_longer_than_t_as_often_as_the_stale_share_says(
    lag: Seconds | Uniform | FastAndSlow | FittedLag, t_s: float
) -> None:
    random = Random(7)
    longer = sum(lag.draw_s(random) > t_s for _ in range(20_000)) / 20_000
    assert longer == pytest.approx(lag.stale_share(t_s), abs=0.012)


def test_a_lag_ends_at_its_own_time() -> None:
    assert Seconds(2.0).stale_share(2.0) == 0
    assert Seconds(0.0).stale_share(0.0) == 0
    assert FittedLag((2.0,)).stale_share(2.0) == 0


def test_a_file_is_read_where_the_name_says(tmp_path: Path) -> None:
    path = tmp_path / "lags"
    path.write_text("1.5\n", encoding="utf-8")
    lag = parse_lag(f"file:{path}", lambda name: Path(name).read_text(encoding="utf-8"))
    assert lag.draw_s(Random(1)) == 1.5
