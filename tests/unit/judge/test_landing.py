"""The reports test their own assumption: each call lands anew."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import polars as pl
import pytest
from msgspec import structs

from poster.judge.analysis import analyse
from poster.judge.landing import Landing, landing_of
from poster.judge.transition import Transition, transitions_in
from poster.report import json as report_json
from poster.report.sentences import safe_line
from poster.report.text import render
from poster.rows.record import Observation
from tests.support.coverage import DEPENDENT, SETTINGS, coverage_of
from tests.support.histories import RUN, history_of, rows
from tests.support.simulation import Setting, draw_history, published

ANEW = next(setting for setting in SETTINGS if setting.name == "published, 50/s")
STICKY = Setting("sticky", published, 50, calls_per_connection=math.inf)
SEEDS = range(30)


def only(setting: Setting, seed: int, **run: str) -> Transition:
    history, _ = draw_history(setting, seed)
    history = dataclasses.replace(history, run=structs.replace(history.run, **run))
    (transition,) = transitions_in(history)[0]
    return transition


def test_answers_that_are_independent_are_not_said_to_go_together() -> None:
    found = [only(ANEW, seed).landing for seed in SEEDS]
    assert {landing.basis for landing in found} == {"all"}
    assert sum(landing.is_tested for landing in found) > len(found) / 2


def test_answers_that_go_together_bound_nothing() -> None:
    found = [only(STICKY, seed) for seed in SEEDS]
    together = [each for each in found if each.landing.basis == "none"]
    assert len(together) > 0.5 * len(found)
    for each in together:
        assert each.settled.upper_s is None
        assert each.settled_ns is None
        assert each.stale_ci == (0, 1)
        assert {point[2:] for point in each.stale_share} == {(0, 1)}


def test_kept_connections_that_cannot_be_tested_leave_the_new_ones() -> None:
    flags, poster = np.repeat([True, False], [50, 400]), np.zeros(450, dtype=np.int64)
    is_kept = np.arange(450) % 10 != 0
    assert landing_of(flags, poster, is_kept, "aws").basis == "new connections"
    assert landing_of(flags, poster, is_kept & False, "aws").basis == "all"
    assert landing_of(flags, poster, None, "aws") == Landing(None, None, "all", is_tested=False)
    # Ours are known to take each call as it comes.
    assert landing_of(flags, poster, is_kept, "local").basis == "all"


def test_calls_over_new_connections_bound_what_kept_ones_cannot() -> None:
    every_tenth = Setting("a tenth anew", published, 50, is_recorded=True)
    history, _ = draw_history(every_tenth, 1)
    # A clean cut, so that nothing can be tested.
    calls = history.observations
    cut = calls["sent_ns"] < history.steps[0].at_ns
    answered = pl.Series(np.where(cut, "1", "2")).cast(pl.Categorical)
    kept = pl.Series(np.where(np.arange(calls.height) % 10, "kept", "new")).cast(pl.Categorical)
    columns = {"function_version": answered, "connection": kept}
    history = dataclasses.replace(history, calls=calls.with_columns(**columns).lazy())
    (transition,) = transitions_in(history)[0]
    assert transition.landing.basis == "new connections"
    assert transition.settled.upper_s is None  # a tenth of the calls is too few
    assert transition.over_ns is not None
    result = analyse(history, rows=None)
    assert result.verdict == "unknown"
    for said in (result.witness, result.safe[0].reason):
        assert "--fresh-connections 1 gives calls that tell" in said


@pytest.mark.parametrize("setting", [ANEW, STICKY], ids=lambda setting: setting.name)
def test_every_report_says_what_became_of_the_assumption(setting: Setting) -> None:
    history, _ = draw_history(setting, 2)
    result = analyse(history, rows=None)
    said = " ".join(render(result, history).split())
    assert result.transitions[0].landing.sentence in said


@pytest.mark.parametrize("setting", DEPENDENT, ids=lambda setting: setting.name)
def test_sticky_calls_are_bounded_as_claimed_or_not_at_all(setting: Setting) -> None:
    measured = coverage_of(setting, 40)
    assert measured.claimed >= 0.93
    assert measured.stale >= 0.9  # 93 %, and a standard deviation of 40 draws
    if setting.is_recorded:
        assert measured.upper >= 0.93
        assert measured.band >= 0.93


@pytest.mark.parametrize("recorded", ["new", "kept", None])
@pytest.mark.parametrize("target", ["url", "local"])
def test_a_level_is_claimed_only_where_something_shows_that_calls_land_anew(
    recorded: str | None, target: str
) -> None:
    calls = rows("a" * 30 + "|" + "b" * 320)
    said = [
        structs.replace(row, connection=recorded) if isinstance(row, Observation) else row
        for row in calls
    ]
    made = history_of(said, structs.replace(RUN, target=target))
    result = analyse(made, rows=None)
    found = json.loads(report_json.render(result))
    settled = found["transitions"][0]["settled"]
    is_shown = recorded is not None
    assert settled["confidence"] == found["safe"]["confidence"] == (0.95 if is_shown else None)
    assert (settled["upper_s"] is None) == (recorded == "kept" and target == "url")
    supposes = "95% confidence if each call landed anew, which nothing shows"
    assert (supposes in safe_line(result)) == (not is_shown)
