"""The stages of a shift: what was stale while a share of the calls was meant to be new."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from msgspec import structs

from poster.judge.analysis import analyse
from poster.judge.compare import line_of
from poster.judge.stages import Stage
from poster.judge.statistics import wilson
from poster.report import comparison, text
from poster.rows.history import History
from poster.rows.record import Observation, Step
from tests.support.histories import BEAT_NS, history, history_of, rows


def shifted(calls: str, *weights: Any, moves: list[str] | None = None) -> History:
    """Return a history whose alias moves carry these weights."""
    marks = calls.count("|")
    found = rows(calls, moves=moves or ["ab"] * marks)
    left = list(weights)
    return history_of(
        structs.replace(row, detail={**row.detail, "weight": left.pop(0)})
        if isinstance(row, Step)
        else row
        for row in found
    )


def stages_in(found: History, place: int = 0) -> list[Stage]:
    return analyse(found, None).transitions[place].stages


def test_a_canary_has_its_stage_and_the_rest() -> None:
    first, rest = stages_in(shifted("aaa|aabaa|abbbb", 0.1, 1.0))
    assert first == Stage(0.1, 0.0, 0.5, answered=5, stale=4, stale_ci=wilson(4, 5))
    assert rest == Stage(1.0, 0.5, None, answered=5, stale=1, stale_ci=wilson(1, 5))


def test_linear_stages_follow_one_another() -> None:
    found = stages_in(shifted("aa|aaab|abab|abbb|bbb", 0.25, 0.5, 0.75, 1))
    assert [(each.weight, each.stale, each.answered) for each in found] == [
        (0.25, 3, 4),
        (0.5, 2, 4),
        (0.75, 1, 4),
        (1.0, 0, 3),
    ]


def test_an_alias_that_moves_at_once_has_no_stages() -> None:
    assert stages_in(history("aaa|babbb")) == []
    assert stages_in(shifted("aaa|babbb", 1.0)) == []


def test_a_roll_back_ends_the_last_stage_and_begins_none() -> None:
    found = shifted("aaa|aabaa|aaaaa", 0.1, 1.0, moves=["ab", "ba"])
    (canary,) = stages_in(found)
    assert (canary.to_s, canary.answered, canary.stale) == (0.5, 5, 4)
    assert stages_in(found, 1) == []


def test_the_same_shift_made_again_has_stages_of_its_own() -> None:
    found = shifted("aa|aab|aaa|aba|bbb", 0.1, 1, 0.2, 1, moves=["ab", "ba", "ab", "ab"])
    weights = [[stage.weight for stage in each.stages] for each in analyse(found, None).transitions]
    assert weights == [[0.1], [], [0.2, 1.0]]


def test_a_step_that_two_machines_saw_opens_one_stage() -> None:
    found = shifted("aaa|a|aaba|a|bbb", 0.1, 0.1, 1, 1)
    assert [(each.weight, each.answered) for each in stages_in(found)] == [(0.1, 5), (1.0, 4)]


def test_a_call_belongs_to_the_stage_in_which_it_was_sent() -> None:
    found = rows("aa|a|bb", moves=["ab", "ab"])
    steps = [row for row in found if isinstance(row, Step)]
    late = [
        structs.replace(row, received_ns=row.sent_ns + 3 * BEAT_NS)
        if isinstance(row, Observation) and row.seq == 3
        else row
        for row in found
        if isinstance(row, Observation)
    ]
    steps[0] = structs.replace(steps[0], detail={**steps[0].detail, "weight": 0.1})
    assert [stage.stale for stage in stages_in(history_of([*late, *steps]))] == [1, 0]


def test_releases_without_versions_have_stages_too() -> None:
    found = rows("aaa|aba|bbb", versions=False)
    renamed = [
        structs.replace(row, detail={"from": "1", "to": "2", "weight": weight})
        for row, weight in zip((r for r in found if isinstance(r, Step)), (0.5, 1), strict=True)
    ]
    calls = [row for row in found if isinstance(row, Observation)]
    assert [stage.stale for stage in stages_in(history_of([*calls, *renamed]))] == [2, 0]


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan"), "x", None, True, [0.1], 10**400])
def test_a_weight_that_is_no_share_is_no_stage(weight: Any) -> None:
    assert [stage.weight for stage in stages_in(shifted("aa|aab|bb", weight, 0.5))] == [0.5]


def test_a_stage_without_answers_says_nothing() -> None:
    found = shifted("aaa|??|bbbbb", 0.1, 1.0)
    assert stages_in(found)[0].stale_ci == (0.0, 1.0)
    assert "0 of 0 stale" in text.render(analyse(found, None), found)


def test_the_interval_of_a_canary_of_a_tenth_covers_nine_tenths() -> None:
    covered = 0
    for seed in range(100):
        draw = np.random.default_rng(seed)
        held = "".join("b" if new else "a" for new in draw.random(150) < 0.1)
        low, high = stages_in(shifted(f"aaa|{held}b|bbbbb", 0.1, 1.0))[0].stale_ci
        covered += low <= 0.9 <= high
    assert covered >= 90


def test_the_comparison_shows_the_first_stage() -> None:
    canary = line_of(analyse(shifted("aaa|aaaaaaaaab|bbbbb", 0.1, 1.0), None))
    assert canary.stage_share == pytest.approx(0.9)
    table = comparison.render_text([canary, line_of(analyse(history("aaa|bbbbb"), None))])
    assert "90% (60% to 98%)" in table
    assert "in stage" in table


def test_several_canaries_make_a_median_without_an_interval() -> None:
    found = shifted("aa|aaab|bbb|bbcc|ccc", 0.1, 1, 0.1, 1, moves=["ab", "ab", "bc", "bc"])
    line = line_of(analyse(found, None))
    assert line.stage_share == pytest.approx((3 / 4 + 2 / 4) / 2)
    assert line.stage_ci is None
