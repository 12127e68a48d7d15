"""Budgets: exceeded by what the rows show, open where they cannot tell, never kept by silence."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from poster.judge.analysis import Result, analyse
from poster.judge.budgets import MEASURES, Judged, judge_budgets
from poster.judge.checks import CHECKS
from poster.report import junit
from poster.rows.history import History
from poster.rows.record import Observation
from tests.support.histories import RUN, history, history_of, rows, stored

SETTLED = "b" * 300
RELEASES = [{"marker": each, "config_marker": each} for each in ("aaa", "bbb")]


def dump(items: list[dict[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(
        [{"todo_id": item["todoId"], "marker": item["lambda"]} for item in items],
        schema={"todo_id": pl.String, "marker": pl.String},
    )


def judged(name: str, most: float, found: History | str, lost: int | None = 0) -> Judged:
    """Judge one budget; ``lost`` rows are missing in the store, None: nobody looked."""
    read = history(found) if isinstance(found, str) else found
    items = stored(rows(found)) if isinstance(found, str) else []
    result = analyse(read, None if lost is None else dump(items[lost:]))
    (only,) = judge_budgets({name: most}, result, read)
    return only


def chimera() -> History:
    calls = [
        structs.replace(row, config_marker="bbb")
        if isinstance(row, Observation) and row.seq == 2
        else row
        for row in rows("aaa|bbbbb")
    ]
    return history_of(calls, structs.replace(RUN, settings={"releases": RELEASES}))


# Of each measure: a history, its value, and what the witness names.
CASES: dict[str, tuple[History | str, int, float, str]] = {
    "window": ("aaa|babbb", 0, 0.1, "call 5, sent after call 4 was answered by version 2"),
    "settled": ("aaa|babb" + SETTLED, 0, 30.05, "call 5, sent after call 4"),
    "outage": ("aaaaa|bbbb!!bb", 0, 0.3, "from call 10 to call 11 no ok answer came"),
    "stale": ("aaa|babab" + SETTLED, 0, 2, "call 5, sent after call 4"),
    "inversions": ("aaa|" + "b" * 3 + "a" * 3 + "b" * 3, 0, 3, "call 7, sent after call 4"),
    "fail": ("aaaaa|bbbb!!bb", 0, 2, "call 10: HTTP 502; call 11: HTTP 502"),
    "unknown": ("aaaaa|bbbb?bbb", 0, 1, "call 10: ReadTimeout"),
    "lost": ("aaa|bbbbb", 2, 2, "call 1 (t01-0001); call 2 (t02-0002)"),
    "chimeras": (chimera(), 0, 1, "call 2: code aaa, configuration bbb"),
}


# The same values in histories whose verdict is not unknown for it.
EXCUSED = {
    "outage": "aaa!!aaa|" + SETTLED,
    "fail": "aaa!!aaa|" + SETTLED,
    "unknown": "aa?aaaaaa|" + SETTLED,
}


def test_every_measure_has_its_case() -> None:
    assert set(CASES) == set(MEASURES)


@pytest.mark.parametrize("name", CASES)
def test_what_is_more_than_the_budget_exceeds_it_and_names_rows(name: str) -> None:
    found, lost, value, witness = CASES[name]
    budget = judged(name, value * 0.9, found, lost)
    assert budget.outcome == "exceeded"
    assert budget.measured.value == pytest.approx(value)
    assert witness in budget.sentence


@pytest.mark.parametrize("name", CASES)
def test_what_is_within_the_budget_keeps_it(name: str) -> None:
    found, lost, value, _ = CASES[name]
    if isinstance(found, str):
        found = EXCUSED.get(name, found + SETTLED)
    budget = judged(name, value + 1e-9, found, lost)
    assert (budget.outcome, budget.reason) == ("kept", "")


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("calls", ["", "aaaa", "aaa|", "aaa|aaaa", "aaa|bb"])
def test_an_unknown_verdict_keeps_no_budget(name: str, calls: str) -> None:
    budget = judged(name, math.inf, calls)
    assert budget.outcome == "open"
    assert "the rows cannot tell" in budget.sentence
    assert budget.reason


@given(calls=st.text("ab!?|", max_size=15), most=st.floats(0, 3))
def test_a_budget_is_kept_only_by_a_value_within_it_and_a_verdict(calls: str, most: float) -> None:
    moves = ["ab"] * calls.count("|")
    found = history(calls, moves=moves)
    result = analyse(found, None)
    for budget in judge_budgets(dict.fromkeys(MEASURES, most), result, found):
        value = budget.measured.value
        if budget.outcome == "kept":
            assert value is not None
            assert value <= most
            assert result.verdict != "unknown"
        assert (budget.outcome == "exceeded") is (value is not None and value > most)


def test_nothing_is_within_a_budget_that_is_no_number() -> None:
    assert judged("window", math.nan, "aaa|bbbbb").outcome == "exceeded"


def test_harm_outranks_doubt() -> None:
    assert judged("fail", 0, "aaa!").outcome == "exceeded"


def test_a_store_that_nobody_read_leaves_lost_writes_open() -> None:
    budget = judged("lost", 5, "aaa|" + SETTLED, lost=None)
    assert budget.outcome == "open"
    assert "rows.jsonl" in budget.sentence


def test_too_few_calls_after_a_deploy_leave_settled_open() -> None:
    budget = judged("settled", 100, "aaa|babbb")
    assert budget.outcome == "open"
    assert "too few calls" in budget.sentence


def test_a_broken_run_may_keep_a_budget_that_allows_it() -> None:
    assert judged("fail", 7, "a" * 30 + "|b!!!!!!b").outcome == "kept"


def cases_of(result: Result, budgets: list[Judged]) -> dict[str, ElementTree.Element]:
    suites = ElementTree.fromstring(junit.render(result, budgets).encode())
    cases = {case.attrib["name"]: case for case in suites.iter("testcase")}
    suite = suites.find("testsuite")
    assert suite is not None
    for element in (suites, suite):
        assert int(element.attrib["tests"]) == len(cases)
        for counted in ("failure", "skipped"):
            key = counted + "s" * (counted == "failure")
            assert int(element.attrib[key]) == len(list(suites.iter(counted)))
    return cases


def test_junit_has_a_case_per_budget_with_the_witness_in_its_message() -> None:
    found = history("aaa|babbb")
    result = analyse(found, None)
    cases = cases_of(result, judge_budgets({"window": 0.05, "fail": 0, "lost": 0}, result, found))
    failures = {name: case.find("failure") for name, case in cases.items()}
    window, lost = failures["--max-window 0.05"], failures["--max-lost 0"]
    assert window is not None
    assert "call 5, sent after call 4" in window.attrib["message"]
    assert lost is not None
    assert lost.attrib["type"] == "open"
    assert failures["--max-fail 0"] is None
    assert "verdict" not in cases


def test_junit_has_a_case_per_check_and_says_which_were_not_made() -> None:
    calls = rows("aaa|bbbbb")
    found = history_of([row for row in calls if getattr(row, "seq", 0) != 5])
    cases = cases_of(analyse(found, None), [])
    failure = cases["no call is missing in the history"].find("failure")
    assert failure is not None
    assert failure.attrib["message"] == "1: call 5"
    assert cases["every row was asked for"].find("skipped") is not None


def test_junit_knows_every_check_but_those_that_accuse_nobody() -> None:
    cases = cases_of(analyse(history("aaa|bbb"), None), [])
    accusing = {check.promise for check in CHECKS.values() if check.is_fault}
    assert set(cases) - {"verdict"} == accusing


def test_what_a_budget_allows_no_check_of_junit_fails() -> None:
    found = history("aaa|bbbbb")
    result = analyse(found, dump(stored(rows("aaa|bbbbb"))[1:]))
    cases = cases_of(result, judge_budgets({"lost": 1}, result, found))
    assert not [name for name, case in cases.items() if case.find("failure") is not None]


@pytest.mark.parametrize(
    ("calls", "fails"), [("aaa|" + SETTLED, False), ("aaa", True), ("a|!b", True)]
)
def test_junit_without_budgets_fails_what_is_broken_or_unknown(calls: str, fails: bool) -> None:
    cases = cases_of(analyse(history(calls), None), [])
    assert (cases["verdict"].find("failure") is not None) is fails


@given(evil=st.text(max_size=20))
def test_junit_is_xml_whatever_the_history_holds(evil: str) -> None:
    calls = [
        structs.replace(row, error=evil, marker=evil, function_version=None)
        for row in rows("a!a?b")
        if isinstance(row, Observation)
    ]
    found = history_of(calls, structs.replace(RUN, run_id=evil))
    result = analyse(found, None)
    cases_of(result, judge_budgets(dict.fromkeys(MEASURES, 0), result, found))
