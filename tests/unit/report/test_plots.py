"""Pictures of a history: roles have looks, moments have labels, a screen reader has words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from poster.judge.analysis import analyse
from poster.report.plots import LOOKS, NEW, OLD, save, strip, strips
from poster.rows.history import History
from poster.rows.record import Step
from tests.support.histories import history, history_of, rows

STEPS = [Step("deploy-started", 2_500_000_000), Step("deploy-finished", 4_000_000_000)]
DEPLOYED = history_of([*rows("a" * 30 + "|" + "ab" * 10 + "b" * 300), *STEPS])


def spec_of(found: History) -> dict[str, Any]:
    drawn: dict[str, Any] = strip(found, analyse(found, None).transitions[-1]).to_dict()
    return drawn


def labels_in(spec: dict[str, Any]) -> set[str]:
    return {row["label"] for rows in spec["datasets"].values() for row in rows if "label" in row}


def test_the_picture_marks_what_the_deployer_was_told_and_from_when_it_is_safe() -> None:
    assert labels_in(spec_of(DEPLOYED)) == {
        "the alias moved",
        "the deploy command said done",
        "safe from here",
    }


def test_what_the_rows_do_not_tell_is_not_marked() -> None:
    assert labels_in(spec_of(history("aaa|babbb"))) == {"the alias moved"}


def test_whichever_releases_they_are_old_and_new_look_the_same() -> None:
    for calls in ("aaa|babbb", "aaa|bbb|cbccc"):
        (dots,) = [
            each for each in spec_of(history(calls))["layer"] if "color" in each.get("encoding", {})
        ]
        for channel, place in (("color", 0), ("shape", 1)):
            scale = dots["encoding"][channel]["scale"]
            assert scale["domain"] == [OLD, NEW]
            assert scale["range"] == [LOOKS[OLD][place], LOOKS[NEW][place]]


@pytest.mark.parametrize("calls", ["aaa|babbb", "aaa|ba!?bbb"])
def test_an_svg_has_a_title_and_a_description_for_who_cannot_see_it(
    calls: str, tmp_path: Path
) -> None:
    found = history(calls)
    save(strip(found, analyse(found, None).transitions[-1]), tmp_path / "strip.svg")
    svg = (tmp_path / "strip.svg").read_text(encoding="utf-8")
    assert re.match(
        r'<svg [^>]*role="img">'
        r"<title>version 1 -&gt; version 2: both answered for 0\.\d00 s</title>"
        r"<desc>Every call around one deploy: .* the alias moved: ",
        svg,
    )
    assert 'fill="white"' in svg, "legible on a dark page too"


def test_strips_of_several_runs_have_a_description_too(tmp_path: Path) -> None:
    found = history("aaa|babbb")
    save(strips([(found, analyse(found, None))] * 2), tmp_path / "strips.svg")
    svg = (tmp_path / "strips.svg").read_text(encoding="utf-8")
    assert 'role="img"><desc>A strip a run, from the start of its first deploy' in svg
