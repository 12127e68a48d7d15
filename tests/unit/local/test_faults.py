"""Faults are off unless named, strike as often as told, and do not move each other."""

from __future__ import annotations

from random import Random

import pytest

from poster.local.faults import Fate, FaultError, Faults, parse_faults


def test_no_fault_strikes_unless_named() -> None:
    random = Random(1)
    assert {parse_faults([]).fate(random) for _ in range(200)} == {Fate(False, False, 0.0, False)}


def test_each_description_switches_its_fault_on() -> None:
    assert parse_faults(
        ["reset:0.1", "throttle:0.2", "concurrency:3", "slow:0.4,15", "lost:1,todos,todoId"]
    ) == Faults(0.1, 0.2, 3, 0.4, 15.0, 1.0, "todos", "todoId")


@pytest.mark.parametrize(
    ("description", "sentence"),
    [
        ("fire:1", "there is no fault 'fire:1'; there are reset:SHARE"),
        ("reset", "'reset' is not of the form reset:SHARE"),
        ("reset:2", "'reset:2' is not of the form reset:SHARE, SHARE from 0 to 1"),
        ("reset:nan", "is not of the form"),
        ("slow:0.5", "is not of the form slow:SHARE,SECONDS"),
        ("slow:0.5,-1", "is not of the form slow:SHARE,SECONDS"),
        ("concurrency:1.5", "is not of the form concurrency:N"),
        ("lost:0.5,todos", "is not of the form lost:SHARE,TABLE,KEY"),
        ("lost:0.5,,todoId", "is not of the form lost:SHARE,TABLE,KEY"),
    ],
)
def test_a_description_that_makes_no_sense_is_refused(description: str, sentence: str) -> None:
    with pytest.raises(FaultError, match=sentence):
        parse_faults([description])


def test_a_share_is_a_share_of_calls() -> None:
    faults, random = parse_faults(["reset:0.25", "slow:0.5,2"]), Random(3)
    fates = [faults.fate(random) for _ in range(4000)]
    assert sum(fate.is_reset for fate in fates) / 4000 == pytest.approx(0.25, abs=0.03)
    assert sum(fate.held_s == 2 for fate in fates) / 4000 == pytest.approx(0.5, abs=0.03)


def test_switching_one_fault_on_does_not_move_another() -> None:
    alone, both = Random(5), Random(5)
    assert [parse_faults(["lost:0.3,t,k"]).fate(alone).is_lost for _ in range(50)] == [
        parse_faults(["lost:0.3,t,k", "reset:0.5"]).fate(both).is_lost for _ in range(50)
    ]
