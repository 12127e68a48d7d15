"""Intervals hold what they say; the tables and the advice follow from the starts and the calls."""

from __future__ import annotations

from random import Random

import pytest

from labs.settings.intervals import median, ratio
from labs.settings.judge import Starts, cold, starts_table, warm
from labs.settings.starts import BASE, VARIANTS, Start


def test_a_median_of_few_values_has_no_interval() -> None:
    assert f"{median([3.0, 1.0, 2.0]):.1f}" == "2.0"
    assert f"{median([float(each) for each in range(5)]):.0f}" == "2"


def test_six_values_are_the_fewest_whose_range_holds_the_median_with_95_percent() -> None:
    assert f"{median([1, 2, 3, 4, 5, 6]):.1f}" == "3.5 (1.0 to 6.0)"
    assert f"{median(range(1, 11)):.1f}" == "5.5 (2.0 to 9.0)"


def test_the_interval_holds_the_median_as_often_as_said() -> None:
    draw, held = Random(1), 0
    for _ in range(1_000):
        seen = median([draw.lognormvariate(0, 1) for _ in range(12)])
        assert seen.low is not None
        assert seen.high is not None
        held += seen.low <= 1.0 <= seen.high
    assert held >= 950


def test_a_ratio_is_taken_within_each_round() -> None:
    # Every round is slower than the one before; within a round the ratio is 2.
    bases = [10.0**each for each in range(6)]
    assert f"{ratio([2 * base for base in bases], bases):.1f}" == "2.0 (2.0 to 2.0)"


def start(variant: str, number: int, slow: float = 1.0) -> Start:
    times = 1.0 + number  # rounds are unlike each other
    return Start(variant, number, 0.0, 100.0 * times * slow, 10.0 * times * slow, (5.0 * times,))


@pytest.fixture
def starts() -> Starts:
    found = [
        start(each.name, number, slow=1.0 if each == BASE else 1.5)
        for number in range(6)
        for each in VARIANTS
    ]
    Random(1).shuffle(found)
    return Starts(found)


def test_a_cold_answer_is_unpacking_init_and_first_call(starts: Starts) -> None:
    assert cold(Start("any", 0, 1.0, 20.0, 300.0, (5.0,))) == 321.0
    assert starts.median(BASE.name, cold).value == pytest.approx(110.0 * 3.5)
    assert f"{starts.ratio('boto3 resource', cold):.2f}" == "1.50 (1.50 to 1.50)"
    assert f"{starts.ratio('boto3 resource', warm):.2f}" == "1.00 (1.00 to 1.00)"


def test_every_variant_has_a_row(starts: Starts) -> None:
    rows = starts_table(starts).rows
    assert [row[0] for row in rows] == [each.name for each in VARIANTS]
    assert (rows[0][2], rows[0][7]) == ("1", "1")
    assert "6 environments" in starts_table(starts).title
