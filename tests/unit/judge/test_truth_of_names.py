"""Histories of known releases, whose answers name them badly, or two at once."""

from __future__ import annotations

import pytest
from msgspec import structs

from poster.report.sentences import headline
from poster.rows.record import Observation
from tests.support.truths import (
    SWITCH_S,
    Rows,
    blanked,
    clean_cut,
    edited,
    moved,
    result_of,
    sent_s,
    step,
    told,
    verdict,
)

# Identity.


@pytest.mark.parametrize("version", [None, "$LATEST", "02"])
def test_a_lost_version_header_makes_no_release(version: str | None) -> None:
    def lost(call: Observation) -> Observation:
        if call.seq % 2 or (call.function_version == "1" and version == "02"):
            return call
        return structs.replace(call, function_version=version)

    result = result_of(edited(told(clean_cut, [moved()]), lost))
    assert [release.release for release in result.releases] == ["1", "2"]
    assert result.verdict == "clean", result.witness


def test_a_lost_marker_makes_no_release() -> None:
    lost = lambda call: blanked(call, "marker") if call.seq % 3 else call  # noqa: E731
    assert verdict(edited(told(clean_cut, [moved()]), lost)) == "clean"


# Steps name versions, answers name markers.


def test_a_roll_back_by_steps_that_name_versions_is_clean() -> None:
    def back(at_s: float, seq: int) -> str:
        return "2" if 20 <= at_s < 40 else "1"

    rows = edited(
        told(back, [moved(), moved(40, "2", "1")]), lambda call: blanked(call, "function_version")
    )
    result = result_of(rows)
    assert result.verdict == "clean", result.witness
    assert len(result.transitions) == 2


@pytest.mark.parametrize("late_s", [0.1, 1, 10])
@pytest.mark.parametrize("every", [0, 5])
def test_a_roll_back_whose_step_is_stamped_late_is_judged_by_its_answers(
    late_s: float, every: int
) -> None:
    def back(at_s: float, seq: int) -> str:
        is_stale = every and 20 <= at_s < 22 and seq % every == 0
        return "2" if 20 <= at_s < 40 and not is_stale else "1"

    result = result_of(told(back, [moved(), moved(40 + late_s, "2", "1")]))
    assert result.verdict == ("mixed" if every else "clean"), result.witness
    first, second = result.transitions
    assert first.window_s == pytest.approx(2 if every else 0, abs=0.2)
    assert second.window_s == 0


def test_old_answers_before_a_roll_back_had_started_are_mixed() -> None:
    def back(at_s: float, seq: int) -> str:
        return "2" if 20 <= at_s < 35 else "1"

    rows = told(back, [moved(), moved(40, "2", "1")])
    assert verdict(rows) == "clean"
    assert verdict([*rows, step("deploy-started", 34)]) == "clean"
    assert verdict([*rows, step("deploy-started", 39)]) == "mixed"


def test_an_old_answer_shortly_before_a_roll_back_is_mixed() -> None:
    def back(at_s: float, seq: int) -> str:
        return "2" if 20 <= at_s < 40 and not 38 <= at_s < 38.1 else "1"

    assert verdict(told(back, [moved(), moved(40, "2", "1")])) == "mixed"


# Chimeras.


def test_old_code_with_new_settings_is_never_clean() -> None:
    def half(call: Observation) -> Observation:
        early = 19 < sent_s(call) < SWITCH_S
        return structs.replace(call, config_marker="xxx") if early else call

    releases = [{"marker": name, "config_marker": name} for name in ("aaa", "xxx")]
    rows = edited(told(clean_cut, [moved()]), half)
    result = result_of(rows, settings={"releases": releases})
    assert result.verdict == "mixed"
    assert "chimera" in headline(result)


def before_the_switch(begin_s: float, **names: str) -> Rows:
    """Return a clean cut of which the answers just before the switch carry other names."""

    def half(call: Observation) -> Observation:
        return structs.replace(call, **names) if begin_s < sent_s(call) < SWITCH_S else call

    return edited(told(clean_cut, [moved()]), half)


@pytest.mark.parametrize("version", [None, "$LATEST"])
def test_a_chimera_that_no_list_of_releases_tells_of_is_not_clean(version: str | None) -> None:
    for begin_s in (1, 19):  # few of them, or most of all that were old
        rows = before_the_switch(begin_s, config_marker="xxx")
        nameless = edited(rows, lambda call: structs.replace(call, function_version=version))
        result = result_of(nameless)
        assert result.verdict == "unknown"
        assert "code aaa with settings xxx" in result.witness


@pytest.mark.parametrize(
    "names", [{"function_version": "2"}, {"marker": "xxx"}, {"config_marker": "xxx"}]
)
def test_an_answer_whose_names_belong_to_two_releases_is_not_clean(names: dict[str, str]) -> None:
    assert verdict(before_the_switch(19.9, **names)) != "clean"


def test_settings_that_were_released_by_themselves_are_no_chimera() -> None:
    """Version 2 has new settings, version 3 new code: each is a release."""

    def in_turn(call: Observation) -> Observation:
        return structs.replace(call, config_marker="xxx" if call.function_version != "1" else "aaa")

    def same_code(call: Observation) -> Observation:
        return structs.replace(call, marker="aaa") if call.function_version == "2" else call

    thrice = lambda at_s, seq: "1" if at_s < 20 else "2" if at_s < 40 else "3"  # noqa: E731
    rows = edited(edited(told(thrice, [moved(), moved(40, "2", "3")]), in_turn), same_code)
    assert verdict(rows) == "clean"
