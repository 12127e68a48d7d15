"""The renderings: exact JSON, text of 80 columns, nothing that a terminal would obey."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from msgspec import structs
from rich.cells import cell_len

from poster.judge.analysis import Result, analyse
from poster.judge.budgets import judge_budgets
from poster.judge.checks import CHECKS
from poster.report import json as report_json
from poster.report import sentences, text
from poster.report.excerpt import excerpt
from poster.report.plain import clipped, plain
from poster.rows.history import History
from poster.rows.record import Observation, Step
from studies.propagation.published import load_published
from tests.support.histories import RUN, history, history_of, rows, stored
from tests.support.schemas import faults

TABLE = Path(__file__).parents[2] / "data" / "published_runs.csv"
EVERYTHING = "aaa?a!a|bab?bbb" + "b" * 300 + "|cbccc!ccc"


def printed(result: Result) -> dict[str, Any]:
    whole: dict[str, Any] = json.loads(report_json.render(result))
    return whole


def dump(items: list[dict[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(
        [{"todo_id": item["todoId"], "marker": item["lambda"]} for item in items],
        schema={"todo_id": pl.String, "marker": pl.String},
    )


def text_of(result: Result, found: History) -> str:
    """Return the text without the number of the checks: a new one changes no golden file."""
    return re.sub(r"\d+ of \d+ found nothing", "... found nothing", text.render(result, found))


def everything() -> tuple[Result, History]:
    """Return a result in which most things happened."""
    found = history(EVERYTHING, structs.replace(RUN, target="local"))
    found = dataclasses.replace(found, malformed_lines=2, torn_bytes=17)
    items = stored(rows(EVERYTHING))
    return analyse(
        found, dump([*items[:3], *items[4:], {"todoId": "t00-0000", "lambda": "x"}])
    ), found


@pytest.mark.parametrize("calls", ["", "aaa", "aaa|bbbbb", "aaa|babbb", "?!", EVERYTHING])
def test_json_has_exactly_the_documented_keys_and_types(calls: str) -> None:
    assert faults("result", printed(analyse(history(calls), None))) == []
    assert faults("result", printed(analyse(history(calls), dump(stored(rows(calls)))))) == []


def test_the_schema_sees_a_missing_key_an_extra_key_and_a_wrong_type() -> None:
    report = printed(analyse(history("aaa|babbb"), None))
    for harm in (
        lambda r: r.pop("clock"),
        lambda r: r.update(extra=1),
        lambda r: r.update(run_id=None),
        lambda r: r["transitions"][0].update(window_s=None),
        lambda r: r["calls"].update(ok=True),
    ):
        broken = json.loads(json.dumps(report))
        harm(broken)
        assert faults("result", broken)


def test_the_documented_object_is_the_one_that_is_printed() -> None:
    method = (Path(__file__).parents[3] / "docs" / "method.md").read_text(encoding="utf-8")
    shown = method.partition("```json\n")[2].partition("```")[0]
    report = json.loads(shown)
    assert set(report["checks"]) < {"rows_read", *CHECKS}
    # Some of them: a new check is no business of the page.
    report["checks"] = {"rows_read": report["checks"]["rows_read"], **dict.fromkeys(CHECKS, 0)}
    assert faults("result", report) == []


def test_json_is_the_result_and_what_became_of_the_budgets() -> None:
    result, found = everything()
    budgets = judge_budgets({"fail": 0.0, "lost": 2.0}, result, found)
    whole = json.loads(report_json.render(result, budgets))
    assert faults("result", whole) == []
    assert [(each["budget"], each["allowed"], each["concluded"]) for each in whole["budgets"]] == [
        ("fail", 0.0, "exceeded"),
        ("lost", 2.0, "kept"),
    ]
    assert {**whole, "budgets": []} == printed(result)


def test_json_of_a_published_run(golden: Callable[[str, str], None]) -> None:
    rendered = report_json.render(analyse(load_published(TABLE)[0], None))
    without_checks = re.sub(r'(?s)("checks": \{).*?\}', r"\1}", rendered)
    golden("published-1.json", without_checks)


@pytest.mark.parametrize("place", range(3))
def test_text_of_a_published_run(golden: Callable[[str, str], None], place: int) -> None:
    found = load_published(TABLE)[place]
    golden(f"{found.run.run_id}.txt", text_of(analyse(found, None), found))


def test_text_of_a_run_in_which_most_things_happened(golden: Callable[[str, str], None]) -> None:
    golden("everything.txt", text_of(*everything()))


def test_the_text_counts_the_checks_that_found_nothing() -> None:
    result, found = everything()
    count = sum(finding.count == 0 for _, finding in result.checks.made())
    assert 0 < count < len(CHECKS)
    assert f"  {count} of {len(CHECKS)} found nothing\n" in text.render(result, found)


@pytest.mark.parametrize(
    ("calls", "begins"),
    [
        (
            "aaa|" + "b" * 300,
            "Mixed, with 1 chimera (call 2: code aaa, configuration bbb): callers",
        ),
        ("aaa|babbb", "Mixed, with 1 chimera (call 2: code aaa, configuration bbb): callers got"),
        (
            "a" * 30 + "|b!!!!!b",
            "Broken, with 1 chimera (call 2: code aaa, configuration bbb): call 32 failed",
        ),
    ],
)
def test_chimeras_are_in_the_first_sentence_whatever_the_verdict(calls: str, begins: str) -> None:
    releases = [{"marker": each, "config_marker": each} for each in ("aaa", "bbb")]
    found = history_of(
        (
            structs.replace(row, config_marker="bbb")
            if isinstance(row, Observation) and row.seq == 2
            else row
            for row in rows(calls)
        ),
        structs.replace(RUN, settings={"releases": releases}),
    )
    assert sentences.headline(analyse(found, None)).startswith(begins)


@pytest.mark.parametrize(
    ("calls", "begins"),
    [
        ("aaa|" + "b" * 300, "Clean: no caller got old code after new code, and no call failed"),
        ("a!aa|" + "b" * 300, "Clean: no caller got old code after new code, but 1 of 304 calls"),
        ("aaa|babbb", "Mixed: callers got old and new code for up to 0.100 s; call 5, sent after"),
        ("a" * 30 + "|b!!!!!b", "Broken: call 32 failed with HTTP 502 while version 2 took over"),
        ("aaa|b!bbb", "Unknown, but 1 of 8 calls failed, the rows cannot tell: call 5 failed"),
        ("aaa|", "Unknown, the rows cannot tell: the alias moved from 1 to 2, but no call"),
        ("", "Unknown, the rows cannot tell: no call was answered by a new release (0 calls)"),
    ],
)
def test_text_begins_with_from_when_it_is_safe_and_the_verdict(calls: str, begins: str) -> None:
    found = history(calls)
    result = analyse(found, None)
    sentence = " ".join(text.render(result, found).split("\n\n")[0].split())
    assert sentence.startswith(f"{sentences.safe_line(result)} {begins}")
    assert sentence.endswith(".")


def test_text_fits_80_columns() -> None:
    wide = [
        structs.replace(row, todo_id="長い名前" * 30, marker="マーカー" * 30)
        if isinstance(row, Observation)
        else row
        for row in rows("aaa|babbb", versions=False)
    ]
    for found in (history_of(wide), everything()[1]):
        report = text.render(analyse(found, None), found)
        assert max(cell_len(line) for line in report.split("\n")) <= 80


def test_nothing_in_a_history_reaches_the_terminal_as_a_command() -> None:
    evil = "\x1b[2J\x1b]0;x\x07\r\n\u202e\u2028\x9b31m"
    found = [
        structs.replace(
            row,
            todo_id=evil,
            marker=evil,
            config_marker=evil,
            instance_id=evil,
            error=evil,
            function_version=None,
        )
        if isinstance(row, Observation) and row.seq != 4
        else row
        for row in rows("aaa|b!bb")
    ]
    run = structs.replace(
        RUN,
        run_id=evil,
        endpoint=evil,
        settings={"propagation": {"simulated": True, "lag": evil}},
    )
    hostile = history_of(found, run)
    report = text.render(analyse(hostile, dump([{"todoId": evil, "lambda": "q"}])), hostile)
    assert all(char.isprintable() or char == "\n" for char in report)


def test_simulated_propagation_is_named() -> None:
    settings = {"propagation": {"simulated": True, "lag": "published"}}
    found = history("aaa|bbbbb", structs.replace(RUN, target="local", settings=settings))
    assert "simulated propagation: published" in text.render(analyse(found, None), found)


def test_a_local_run_without_a_model_says_why_it_is_clean() -> None:
    found = history("aaa|bbbbb", structs.replace(RUN, target="local"))
    report = " ".join(text.render(analyse(found, None), found).split())
    assert "a local run shows a clean cut" in report


@pytest.mark.parametrize("target", ["aws", "url"])
def test_other_targets_do_not_speak_of_propagation(target: str) -> None:
    found = history("aaa|bbbbb", structs.replace(RUN, target=target))
    assert "propagation" not in text.render(analyse(found, None), found)


def test_the_stages_of_a_canary_are_named() -> None:
    canary, whole = [row for row in rows("|aaa|", moves=["ab", "ab"]) if isinstance(row, Step)]
    canary = structs.replace(canary, detail={**canary.detail, "weight": 0.1})
    calls = [row for row in rows("aaabaaabbbbb") if isinstance(row, Observation)]
    found = history_of([*calls, canary, whole])
    report = text.render(analyse(found, None), found)
    assert "  stage 10%      from 0.0 to 0.3 s, 3 of 3 stale (44% to 100%)" in report


def test_dropped_calls_are_added_up() -> None:
    steps = [Step("calls-dropped", n, {"count": count}) for n, count in enumerate([3, 4, "x", -1])]
    found = history_of([*rows("aaa|bbbbb"), *steps, Step("purge", 1, {"count": 5})])
    result = analyse(found, None)
    assert printed(result)["schedule"]["dropped"] == 7
    assert "7 planned calls never sent" in text.render(result, found)


def test_an_excerpt_has_the_published_form() -> None:
    found = load_published(TABLE)[0]
    (transition,) = analyse(found, None).transitions
    lines = excerpt(found, transition).lines()
    assert lines[0] == "only aaa above"
    assert lines[6] == "1598499498051: t01-0057, xxx"
    assert lines[-1] == "only xxx below"


def test_an_excerpt_without_server_times_goes_by_arrival() -> None:
    found = history("aaa|babbb", server_clock=False)
    (transition,) = analyse(found, None).transitions
    assert excerpt(found, transition).lines()[4] == "1598499490420: t01-0004, bbb"


def test_a_long_excerpt_leaves_out_its_middle_and_says_so() -> None:
    found = history("aaa|" + "b" * 100 + "a" + "b" * 10)
    (transition,) = analyse(found, None).transitions
    lines = excerpt(found, transition).lines(most=20)
    assert len(lines) == 23
    assert "... 89 rows left out ..." in lines


def test_a_skewed_excerpt_shows_both_ends_of_the_window() -> None:
    found = history("aaa|babbb")
    (transition,) = analyse(found, None).transitions
    shown = [todo for _, todo, _ in excerpt(found, transition).rows]
    assert shown == [f"t{(n - 1) % 3 + 1:02d}-{n:04d}" for n in range(1, 9)]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [("a\x1bb", "a\\x1bb"), ("\n", "\\n"), ("\ud800", "\\ud800"), ("買う", "買う"), (None, "None")],
)
def test_plain_writes_out_what_a_terminal_might_obey(raw: object, shown: str) -> None:
    assert plain(raw) == shown


def test_clipping_counts_columns_not_characters() -> None:
    assert clipped("買" * 41) == "買" * 38 + "..."
    assert clipped("x" * 80) == "x" * 80


def test_the_gate_is_told_with_the_deploy_that_it_waited_for() -> None:
    plain_run = history("a" * 20 + "|" + "b" * 30 + "|" + "c" * 30)
    gate = Step("gate-passed", 4_050_000_000, {"settled_ns": 3_050_000_000})
    found = dataclasses.replace(plain_run, steps=[*plain_run.steps, gate])
    said = text.render(analyse(found, None), found)
    first, second = said.partition("deploy 2")[::2]
    assert "gate passed    +2.000 s from the switch; +1.000 s from when the last front" in first
    assert "gate passed" not in second


def test_where_the_true_settling_is_not_known_the_gate_says_nothing_of_it() -> None:
    plain_run = history("a" * 20 + "|" + "b" * 30)
    found = dataclasses.replace(
        plain_run, steps=[*plain_run.steps, Step("gate-passed", 4_050_000_000)]
    )
    said = text.render(analyse(found, None), found)
    assert "gate passed    +2.000 s from the switch\n" in said
