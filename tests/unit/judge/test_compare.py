from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from poster.judge.analysis import analyse
from poster.judge.compare import Line, latency_ms, line_of
from poster.report import comparison
from poster.report.page import sample
from poster.report.plots import PlotError, save, strips
from poster.rows.history import History
from poster.rows.record import Step
from tests.support.histories import history, history_of, rows

ROOT = Path(__file__).parents[3]


def run_of(calls: str, way: str = "sam", lag: str | None = "published") -> History:
    """Return a history as the experiment makes it."""
    made = history(calls)
    settings = {"strategy": way}
    if lag is not None:
        settings["propagation"] = {"simulated": True, "lag": lag}
    return dataclasses.replace(made, run=structs.replace(made.run, settings=settings))


def line(calls: str, **settings: str | None) -> Line:
    return line_of(analyse(run_of(calls, **settings), rows=None))


def test_a_line_names_the_way_and_what_was_simulated() -> None:
    assert (line("aaa|bbb", way="canary:10,5").way, line("aaa|bbb", lag="instant").propagation) == (
        "canary:10,5",
        "instant",
    )
    assert line("aaa|bbb", lag=None).propagation == "real"


def test_a_line_names_the_parameters_that_were_set() -> None:
    run = run_of("aaa|bbb")
    settings = {**run.run.settings, "parameters": {"ProvisionedConcurrency": "2"}}
    run = dataclasses.replace(run, run=structs.replace(run.run, settings=settings))
    assert line_of(analyse(run, rows=None)).way == "sam ProvisionedConcurrency=2"


def test_a_clean_cut_has_no_window_and_nothing_stale() -> None:
    clean = line("aaaaaaaaaa|bbbbbbbbbb")
    assert (clean.window_s, clean.stale_share, clean.inversions, clean.failed) == (0, 0, 0, 0)


def test_a_mixture_shows_in_window_stale_share_and_inversions() -> None:
    mixed = line("aaaaaaaaaa|babbabbbbbbbbb")
    assert mixed.window_s == pytest.approx(0.4)
    assert mixed.stale_share == pytest.approx(2 / 5)
    assert mixed.stale_ci is not None
    assert mixed.stale_ci[0] < 2 / 5 < mixed.stale_ci[1]


def test_failures_and_silence_are_totals_of_their_own() -> None:
    broken = line("a" * 30 + "|b!!!!!b?bb")
    assert (broken.failed, broken.unknown, broken.verdict) == (5, 1, "broken")
    assert broken.outage_s == pytest.approx(0.6)


def test_times_of_several_deploys_are_medians_and_their_share_has_no_interval() -> None:
    several = line("aaaaaaa|babbbbbbb|cbcbccccccc|ddddddd")
    assert several.deploys == 3
    assert several.window_s == pytest.approx(0.1)
    assert several.stale_ci is None


MIXED = "a" * 10 + "|" + "ab" * 20 + "b" * 20


def test_old_and_new_stand_side_by_side_with_their_intervals() -> None:
    found = line(MIXED)
    (both,) = found.side_by_side
    assert both == analyse(run_of(MIXED), None).transitions[0].side_by_side
    assert latency_ms(found, "new", "p50") == (20.0, 20.0, 20.0)
    for render in (comparison.render_text, comparison.render_markdown):
        assert "old p50" in render([found])
        assert "20 (20 to 20)" in render([found])
        assert "old p50" not in render([line("aaa|bbb")])
    (kept,) = json.loads(comparison.render_json([found]))
    assert kept["side_by_side"][0]["old"]["latency_ms"]["p50"] == [20.0, 20.0, 20.0]
    twice = line(MIXED + "|" + MIXED[11:].replace("b", "c").replace("a", "b"))
    assert latency_ms(twice, "old", "p50") == (20.0, None, None)


def test_an_outage_has_its_bounds() -> None:
    found = line("a" * 30 + "|b!!!!!bbb")
    said = comparison.render_text([found])
    assert "0.60 s (0.38 to 0.62)" in said
    (kept,) = json.loads(comparison.render_json([found]))
    assert kept["outage"]["lower_s"] == pytest.approx(0.38)
    assert kept["outage"]["s"] == kept["outage_s"]


def test_the_deploy_counts_from_its_start() -> None:
    made = run_of("aaaaaaaaaa|bbbbbbbbbb")
    steps = [
        *made.steps,
        Step("deploy-started", 400_000_000),
        Step("deploy-finished", 1_400_000_000),
    ]
    timed = dataclasses.replace(made, steps=sorted(steps, key=lambda step: step.at_ns))
    found = line_of(analyse(timed, rows=None))
    assert found.deploy_s == pytest.approx(1.0)
    assert found.first_new_s == pytest.approx(0.72)


def test_what_a_run_cannot_tell_is_a_dash_and_null() -> None:
    nothing = line("aaaaaaaa")
    assert (nothing.window_s, nothing.verdict) == (None, "unknown")
    assert "  -  " in comparison.render_text([nothing])
    assert json.loads(comparison.render_json([nothing]))[0]["window_s"] is None


def test_markdown_and_text_hold_the_same_cells() -> None:
    lines = [line("aaaaaaaaaa|babbabbbbbbbbb"), line("aaa|bbb", way="latest|x")]
    heading, _, *rows = comparison.render_markdown(lines).splitlines()[:4]
    assert heading.startswith("| way | lag | deploy |")
    assert rows[0].startswith("| sam | published |")
    assert r"latest\|x" in rows[1]
    assert "40% (" in comparison.render_text(lines)


def test_a_terminal_of_120_characters_shows_the_tables_of_the_readme() -> None:
    lines = msgspec.json.decode((ROOT / "docs" / "strategies.json").read_bytes(), type=list[Line])
    said = comparison.render_text([*lines, line(MIXED)]).splitlines()
    assert [each.split()[:3] for each in said if each.startswith("way")] == [
        ["way", "lag", "deploy"],
        ["way", "lag", "first"],
        ["way", "lag", "old"],
    ]
    assert max(map(len, said)) <= 120


def test_the_simulation_is_named_under_the_table() -> None:
    assert "simulated propagation" in comparison.render_text([line("aaa|bbb")]).splitlines()[-1]
    assert "a model" not in comparison.render_text([line("aaa|bbb", lag=None)])


@pytest.mark.parametrize("suffix", [".svg", ".html"])
def test_a_plot_has_a_strip_per_run(suffix: str, tmp_path: Path) -> None:
    runs = [run_of("aaaaaaa|bababbbb"), run_of("a" * 30 + "|b!!!!!b", way="delete-old")]
    save(strips([(run, analyse(run, None)) for run in runs]), tmp_path / f"plot{suffix}")
    drawn = (tmp_path / f"plot{suffix}").read_text()
    assert "sam, lag published: mixed" in drawn
    assert "delete-old, lag published: broken" in drawn


def test_an_answer_that_names_no_release_is_drawn_as_neither_old_nor_new() -> None:
    named = rows("aaaaaa|bbbbbb")
    at = next(place for place, row in enumerate(named) if getattr(row, "seq", 0) == 9)
    named[at] = structs.replace(named[at], marker=None, function_version=None)
    made = history_of(named)
    drawn = strips([(made, analyse(made, None))]).to_dict()
    (calls,) = [data for data in drawn["datasets"].values() if "answer" in data[0]]
    assert {each["seq"]: each["answer"] for each in calls}[9] == "names no release"
    assert {each["seq"]: each["answer"] for each in calls}[10] == "new"


def test_a_marker_counts_as_the_version_that_it_goes_with() -> None:
    named = rows("aaaaaa|bbbbbb")
    at = next(place for place, row in enumerate(named) if getattr(row, "seq", 0) == 9)
    named[at] = structs.replace(named[at], function_version=None)
    made = history_of(named)
    result = analyse(made, None)
    drawn = strips([(made, result)]).to_dict()
    (calls,) = [data for data in drawn["datasets"].values() if "answer" in data[0]]
    assert {each["seq"]: each["answer"] for each in calls}[9] == "new"
    page = sample.answered(made, result.releases).calls
    assert page["place"].to_list()[8:10] == [1, 1]


def test_a_plot_in_an_unknown_format_is_refused(tmp_path: Path) -> None:
    run = run_of("aaa|bbb")
    with pytest.raises(PlotError, match="ends with none of"):
        save(strips([(run, analyse(run, None))]), tmp_path / "plot.doc")
