from __future__ import annotations

import pytest

from poster.aws.cost import estimate, left_per_month_usd, open_per_hour_usd
from poster.deploy.ways import parse_way


def test_a_way_that_holds_for_hours_costs_for_hours() -> None:
    way = parse_way("codedeploy:Linear10PercentEvery10Minutes")
    held = estimate(3, 0.3, 3, way.hold_s)
    assert held.hours == pytest.approx(5.1, abs=0.1)
    assert held.usd > 2.0 > 0.2 > estimate(3, 0.3, 3).usd


@pytest.mark.parametrize(
    ("way", "hold_s"),
    [
        ("sam", 0),
        ("lambda-api", 0),
        ("canary:10,5", 5),
        ("linear:25,2", 6),
        ("codedeploy:AllAtOnce", 0),
        ("codedeploy:Canary10Percent30Minutes", 1800),
        ("codedeploy:Linear10PercentEvery1Minute", 600),
        ("codedeploy:CodeDeployDefault.LambdaLinear10PercentEvery3Minutes", 1800),
        ("codedeploy:my-own", 0),
    ],
)
def test_how_long_each_way_holds(way: str, hold_s: float) -> None:
    assert parse_way(way).hold_s == hold_s


def test_probes_cost_too() -> None:
    assert estimate(3, 0.3, 1, is_gated=True).usd > estimate(3, 0.3, 1).usd


@pytest.mark.parametrize(("posters", "pause_s"), [(3, 0.3), (99, 0.0), (1, 60.0)])
def test_the_throttle_lets_the_experiment_through(posters: int, pause_s: float) -> None:
    allowed = estimate(posters, pause_s, 1).calls_per_s
    assert min(10_000, posters / (pause_s + 0.02) + 50) <= allowed <= 10_000


def test_what_is_left_costs_by_the_month() -> None:
    assert left_per_month_usd() < 0.05
    assert left_per_month_usd(provisioned=10) == pytest.approx(27, abs=1)
    assert open_per_hour_usd(1000) == pytest.approx(57, abs=3)
