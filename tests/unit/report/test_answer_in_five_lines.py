"""The last five lines of a terminal, and the report of a pull request."""

from __future__ import annotations

import polars as pl
import pytest
from msgspec import structs

from poster.judge.analysis import analyse
from poster.judge.budgets import judge_budgets
from poster.report import markdown
from poster.report.answer import answer
from tests.support.histories import history, history_of, rows

MIXED = "aaa" + "abab" + "b" * 400


def lines_of(text: str) -> list[str]:
    return answer(
        analyse(history(text), None), "open r/report.html", "poster report r"
    ).splitlines()


def test_the_answer_is_five_lines_in_this_order() -> None:
    lines = lines_of(MIXED)
    assert [line.split()[0] for line in lines] == ["Verdict", "Safe", "Window", "Calls", "Next"]
    assert lines[0].startswith("Verdict Mixed")
    assert lines[1].startswith("Safe    from ")
    assert lines[1].endswith(" (if each call landed anew)")
    assert "worst of 1" in lines[2]
    assert lines[3].endswith("0 failed, 0 of unknown outcome; nobody looked for lost writes")
    assert lines[4] == "Next    open r/report.html; poster report r"


@pytest.mark.parametrize("text", [MIXED, "aaa", "aaabbb", "aaa!!!bbb", "aaa!" + "b" * 400])
def test_the_answer_cuts_neither_the_reason_nor_what_is_to_be_pasted(text: str) -> None:
    lines = lines_of(text)
    assert len(lines) == 5
    assert all(len(line) <= 320 and not line.endswith("...") for line in lines)
    page = "open " + "long/" * 30
    result = analyse(history(text), None)
    assert page in answer(result, page, "poster report r")


def test_a_store_that_was_read_says_how_many_writes_were_lost() -> None:
    nothing = pl.DataFrame(schema={"todo_id": pl.String, "marker": pl.String})
    said = answer(analyse(history("aaabbb"), nothing), "", "").splitlines()[3]
    assert "6 acknowledged writes lost" in said


def test_markdown_has_the_answer_each_deploy_and_what_became_of_each_budget() -> None:
    found = history(MIXED)
    result = analyse(found, None)
    budgets = judge_budgets({"window": 0.0, "fail": 3.0, "lost": 0.0}, result, found)
    said = markdown.render(result, budgets)
    assert said.startswith("**Safe from")
    assert "| deploy | safe from | mixing window |" in said
    assert "| `--max-window` | 0 s |" in said
    assert "| `--max-fail` | 3 | 0 | kept |" in said
    assert "| `--max-lost` | 0 | - | open |" in said


def test_a_markdown_report_obeys_nothing_that_a_release_is_named() -> None:
    names = {"aaa": "<b>|x", "bbb": "`*@all#1"}
    found = history_of(
        structs.replace(row, function_version=None, marker=names.get(str(row.marker), row.marker))
        for row in rows("aabab")
    )
    said = markdown.render(analyse(found, None), [])
    assert "<b>" not in said
    assert "@all" not in said
    assert "`*" not in said
