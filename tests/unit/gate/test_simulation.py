"""The gate against deploys whose truth is known: a small run, and the documented tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from docs.sections import section
from poster.gate.sequential import Rule
from tests.support.gate_simulation import (
    BEYOND,
    LINGERING,
    SETTINGS,
    STICKY,
    Setting,
    by_hand,
    decided,
    gate,
    measured,
    one_run,
    replayed,
)

DOCUMENT = (Path(__file__).parents[3] / "docs" / "gate.md").read_text(encoding="utf-8")
RULE = Rule()
TRIALS = 50
MOST_FALSE = 3  # of 50; more has a chance of 0.0016 if one in a hundred is false
MOST_DELAY = 1.25  # of k / rate, median on the published lags


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_the_gate_is_seldom_wrong(setting: Setting) -> None:
    ours = measured(gate(setting, TRIALS), setting.rule.stale_share)
    assert ours.false * TRIALS <= MOST_FALSE


def test_the_replay_says_what_the_gates_test_says() -> None:
    draw = np.random.default_rng(1)
    for seed in range(10):
        sent_s = np.arange(9000) / 50
        ended_s = sent_s + 0.01 + draw.exponential(0.05, 9000)
        is_old = draw.random(9000) < np.where(sent_s < 60 + seed, 0.012, 0)
        none = np.zeros(9000, bool)
        assert replayed(RULE, sent_s, ended_s, is_old) == pytest.approx(
            decided(RULE, sent_s, ended_s, is_old, none), abs=1e-6
        )


def test_the_gate_is_hardly_later_than_it_must_be() -> None:
    published = SETTINGS[0]
    assert measured(gate(published, TRIALS), 0.01).delay_s <= 1.1 * MOST_DELAY * published.least_s


def test_a_share_that_lingers_is_released_falsely_by_the_bound_of_one_run_alone() -> None:
    (lingering,) = [each for each in LINGERING if each.name == "S = 1.1 % for 60 s"]
    assert measured(gate(lingering, TRIALS), 0.01).false * TRIALS <= MOST_FALSE
    assert measured(gate(one_run(lingering), TRIALS), 0.01).false * TRIALS > MOST_FALSE


def test_the_control_plane_says_yes_while_callers_get_the_old_version() -> None:
    deploys = gate(SETTINGS[0], TRIALS)
    for way in ("poll LastUpdateStatus", "poll get-alias"):
        assert measured(by_hand(way, deploys), 0.01).false == 1.0
    assert 0.2 < measured(by_hand("`sleep 10`", deploys), 0.01).false < 0.8
    assert measured(by_hand("`sleep 60`", deploys), 0.01).delay_s > 30


def test_on_sticky_connections_that_stay_the_gate_is_blind() -> None:
    fresh, *_, kept = STICKY
    assert measured(gate(fresh, TRIALS), 0.01).false * TRIALS <= MOST_FALSE
    assert measured(gate(kept, TRIALS), 0.01).false > 0.5


def rows(mark: str) -> list[list[str]]:
    lines = section(DOCUMENT, mark).splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def percent(cell: str) -> float:
    return float(cell.removesuffix("%")) / 100


def test_the_documented_table_holds_what_is_promised() -> None:
    table = rows("gate")
    assert [row[0] for row in table] == [setting.name for setting in SETTINGS]
    for setting, row in zip(SETTINGS, table, strict=True):
        assert percent(row[2]) <= 1 - setting.rule.confidence, row
    assert float(table[0][4]) <= MOST_DELAY


def test_no_share_that_lingers_is_released_falsely_more_often_than_promised() -> None:
    table = rows("gate-lingering")
    assert [row[0] for row in table] == [each.name for each in (SETTINGS[0], *LINGERING)]
    for row in table:
        assert percent(row[1]) <= 0.01, row


def test_the_documented_limits_are_those_that_are_measured() -> None:
    for mark, settings in (("gate-sticky", STICKY), ("gate-beyond", BEYOND)):
        assert [row[0] for row in rows(mark)] == [setting.name for setting in settings]
    shares = [percent(row[1]) for row in rows("gate-sticky")]
    assert shares == sorted(shares)
