"""Intervals hold what they say; the tables and the advice follow from the starts and the calls."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from types import ModuleType, SimpleNamespace

import pytest
from msgspec import structs

from labs.settings.heard import INIT_NS, Gated, Heard
from labs.settings.intervals import median, ratio
from labs.settings.judge import (
    Starts,
    advice_table,
    cold,
    faults_in,
    permission_table,
    provisioned_table,
    reserved_tables,
    starts_table,
    warm,
)
from labs.settings.starts import BASE, VARIANTS, Start
from poster.rows.record import Observation
from tests.support.histories import history, history_of, rows
from tests.support.lambda_code import imported_app

LAB = Path(__file__).parents[3] / "labs" / "settings"


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


def heard(calls: str, setting: str = "1", what: str = "burst", door: str = "rest-api") -> Heard:
    return Heard(setting, door, what, history(calls))


def test_calls_that_were_told_no_are_counted_with_what_they_were_told() -> None:
    found = heard("aa!a!?a")
    assert (found.calls, found.failed, found.answer) == (7, 2, "HTTP 502")
    assert found.outage_s == pytest.approx(0.2)
    assert (heard("aaa").answer, heard("aaa").outage_s) == ("-", 0.0)


def test_a_call_met_an_init_if_it_was_its_environments_first_and_took_as_long() -> None:
    first, second, third = (each for each in rows("aaa") if isinstance(each, Observation))
    late = {"received_ns": first.sent_ns + INIT_NS}
    calls = [
        structs.replace(first, cold_start=True, **late),
        structs.replace(second, cold_start=True),  # warmed before: its first call, and quick
        structs.replace(third, cold_start=False, received_ns=third.sent_ns + INIT_NS),
    ]
    found = Heard("x", "rest-api", "release", history_of(calls))
    assert found.cold == 1


def test_a_limit_has_a_row_a_door_and_the_gate_a_row_a_limit() -> None:
    calls = [
        heard("a!!!"),
        heard("aaa!aa|b!!", what="deploy"),
        heard("aaaa", setting="unset"),
        heard("aa|bb", setting="unset", what="deploy"),
    ]
    gated = [Gated("1", "broken", 2.0, 1, 40, 20, "why")]
    doors, gate = reserved_tables(calls, gated)
    assert [list(row) for row in doors.rows] == [
        ["1", "rest-api", "3 of 4", "1 of 6", "2 of 3", "HTTP 502"],
        ["unset", "rest-api", "0 of 4", "0 of 2", "0 of 2", "-"],
    ]
    assert list(gate.rows[0]) == ["1", "broken", "2.0 s", "1", "40", "20"]


def test_calls_long_after_the_switch_are_not_the_switchs() -> None:
    found = heard(f"aa!|b!{'_' * 30}!!", what="deploy")
    assert (found.before_switch, found.at_switch, found.failed) == ((1, 3), (1, 2), 4)


def test_each_advice_has_its_effect_and_what_aws_alone_can_show(starts: Starts) -> None:
    without = heard("aa", setting="nothing is warmed", what="release")
    kept = heard("aaa", setting="provisioned concurrency", what="release")
    table = advice_table(starts, [without, kept])
    effects = {row[0]: row[2] for row in table.rows}
    assert effects["make packages small"] == "1.50 (1.50 to 1.50)"
    assert effects["keep connections"] == "1.00 (1.00 to 1.00)"
    assert effects["use provisioned concurrency"] == "22 (22 to 22)"  # 110 to 5
    assert "0 of 2 without it, 0 of 3 with it" in table.rows[-1][1]
    assert all(row[3] for row in table.rows)


def test_tables_of_deploys_have_a_row_each() -> None:
    broken = heard("a!a", setting="provisioned concurrency", what="broken")
    assert list(provisioned_table([broken]).rows[0])[:5] == [
        *("provisioned concurrency", "its init fails", "3", "0", "1")
    ]
    gap = heard("a!!a", setting="gap", what="release")
    assert list(permission_table([gap]).rows[0]) == ["gap", "4", "2", "0.1 s", "HTTP 502"]


def test_what_contradicts_the_rules_is_a_fault() -> None:
    good = heard("a!!"), heard("a!", setting="nothing is warmed", what="broken")
    gap = heard("a!a", setting="first (permission-gap)", what="release")
    assert faults_in([good[0]], [good[1]], [gap]) == []
    found = faults_in(
        [heard("aaa")],
        [
            heard("a!", setting="provisioned concurrency", what="broken"),
            heard("aa", setting="nothing is warmed", what="broken"),
        ],
        [heard("aaa", setting="first (permission-gap)", what="release"), heard("!", "it stays")],
    )
    assert len(found) == 5


@pytest.fixture(scope="module")
def app() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.sleep", lambda _: None)
        with imported_app(LAB / "function") as app:
            yield app


@pytest.mark.parametrize("path", sorted((LAB / "events").iterdir()), ids=lambda path: path.stem)
def test_the_event_of_every_door_is_answered(app: ModuleType, path: Path) -> None:
    context = SimpleNamespace(function_version="7", log_stream_name="stream")
    said = app.lambda_handler(json.loads(path.read_text()), context)
    if path.stem != "invoke":
        assert said["statusCode"] == 200
        said = json.loads(said["body"])
    assert (said["marker"], said["functionVersion"]) == ("aaa", "7")


def test_the_judge_knows_how_long_the_init_takes(app: ModuleType) -> None:
    assert round(app.INIT_S * 1e9) == INIT_NS
