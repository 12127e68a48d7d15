"""The HTML report: one closed file, the answer first; few calls are drawn, all are counted."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from poster.judge.analysis import Result, analyse
from poster.report import html
from poster.report.page import sample
from poster.rows.history import History
from poster.rows.merge import merge
from poster.rows.record import Observation, Step
from tests.support.histories import RUN, history, history_of, rows
from tests.support.machines import Machine, seen_by
from tests.support.page import MARKUP, Page
from tests.support.simulation import Setting, draw_history, published

SIMULATED = {"propagation": {"simulated": True, "lag": "published", "seed": 3, "faults": []}}
MANY = draw_history(Setting("many", published, rate=2000, lost=0.02), seed=1)[0]


def judged(found: History) -> tuple[Result, History]:
    return analyse(found, None), found


def page_of(found: History) -> Page:
    return Page(html.render(*judged(found)))


def test_the_page_opens_with_the_answer_and_its_proof() -> None:
    page = page_of(history("aaa|babbb"))
    assert "Mixed : callers got old and new code for up to 0.100 s. Call 5, sent after" in page.said


def test_the_page_says_what_the_text_says() -> None:
    run = structs.replace(RUN, target="local", settings=SIMULATED)
    found = dataclasses.replace(history("aaa|ba!?bbb" + "b" * 300, run), malformed_lines=2)
    said = page_of(found).said
    for part in (
        "Simulated propagation: published. A model decided",
        "version 1 → version 2",
        "Mixing window 0.100 s",
        "1 failed, 1 unknown until settled",
        "only aaa above -0.241 s 1598499490110: t01-0001, aaa",
        "Malformed lines 2",
        "closed loop, 3 posters, pause 0.3 s",
        "All 310 calls are drawn.",
        "with seed 3",
    ):
        assert part in said


def test_a_merged_page_says_how_far_the_clocks_were_apart() -> None:
    found = rows("a" * 60 + "|" + "babbab" * 3 + "b" * 60)
    machines = (Machine("tokyo", {1, 2}, deploys=True), Machine("oregon", {3}, ahead_ms=300))
    said = page_of(merge([seen_by(machine, found) for machine in machines])).said
    assert "Merged tokyo, 92 calls; times are on its clock" in said
    assert re.search(r"Merged oregon, 46 calls; its clock \+\d{3}\.\d ms, give or take", said)


def test_a_check_names_its_witnesses() -> None:
    found = history("aaa|bbbbb")
    said = Page(
        html.render(analyse(found, pl.DataFrame({"todo_id": ["x"], "marker": ["y"]})), found)
    )
    assert "Lost writes 8 call 1 (t01-0001); call 2 (t02-0002)" in said.said
    assert "Phantom rows 1 x" in said.said


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("local", "the emulator moves the alias in an instant"),
        ("aws", "Nothing by poster: the calls went to AWS."),
        ("url", "Nothing by poster: the calls went to the end point named here."),
    ],
)
def test_what_was_simulated_is_said_of_every_target(target: str, says: str) -> None:
    run = structs.replace(RUN, target=target)  # type: ignore[arg-type]
    assert says in page_of(history("aaa|bbbbb", run)).said


def test_several_deploys_are_summed_up_in_a_table() -> None:
    page = page_of(history("aaa|babb|cbccc"))
    assert [name for name in page.data["figures"]] == ["whole", "deploy-1", "deploy-2"]
    assert "Deploys Deploy Safe Mixing window Stale answers" in page.said


def test_only_the_first_deploys_have_figures_of_their_own() -> None:
    calls = "|".join(chr(97 + n) * 3 for n in range(sample.MOST_DEPLOYS + 3))
    page = page_of(history(calls))
    assert len(page.data["figures"]) == 1 + sample.MOST_DEPLOYS


@pytest.mark.parametrize("calls", ["", "a", "aaa", "?!", "|", "aaa|", "aaa|bbb", "a_____|_____b"])
@pytest.mark.parametrize("known", [True, False])
def test_every_history_makes_a_page(calls: str, known: bool) -> None:
    page = page_of(history(calls, versions=known, server_clock=known))
    assert page.data["figures"]["whole"]["all"][0] < page.data["figures"]["whole"]["all"][1]


def test_a_shift_shows_what_it_planned() -> None:
    canary, whole = [row for row in rows("|aaa|", moves=["ab", "ab"]) if isinstance(row, Step)]
    canary = structs.replace(canary, detail={**canary.detail, "weight": 0.1})
    calls = [row for row in rows("aaabaaabbbbb") if isinstance(row, Observation)]
    page = page_of(history_of([*calls, canary, whole]))
    planned = page.data["figures"]["deploy-1"]["planned"]
    assert [round(stage["share"], 3) for stage in planned] == [0.9, 0.0]
    assert "alias → 2, 10%" in [step["label"] for step in page.data["figures"]["deploy-1"]["steps"]]


def test_steps_at_one_moment_are_one_flag_named_by_the_most_telling() -> None:
    steps = [Step("stack-complete", 349_999_999), Step("purge", 350_000_001)]
    page = page_of(history_of([*rows("aaa|bbbbb"), *steps]))
    (flag,) = page.data["figures"]["whole"]["steps"]
    assert flag["label"] == "alias → 2"
    assert [name for _, name in flag["names"]] == ["stack complete", "alias → 2", "purge"]


# One file that is closed against everything ------------------------------------------------------


def hostile(text: str = MARKUP) -> History:
    """Return a history in which a stranger wrote every text."""
    in_row = text.encode("utf-8", "ignore").decode()  # what reads rows knows no lone surrogates
    found = [
        structs.replace(
            row,
            todo_id=f"{in_row}{row.seq}",
            marker=f"{in_row}{row.marker}",
            config_marker=in_row,
            instance_id=in_row,
            request_id=in_row,
            error=in_row,
            function_version=None,
        )
        if isinstance(row, Observation)
        else Step(text, row.at_ns, {"from": text, text: text})
        for row in rows("aaa|ba!?bb")
    ]
    settings = {
        "strategy": text,
        "propagation": {"simulated": True, "lag": text, "seed": text, "faults": [text]},
    }
    run = structs.replace(
        RUN, run_id=text, endpoint=text, target="local", settings=settings, tools={text: text}
    )
    return history_of(found, run)


def assert_closed(page: Page) -> None:
    """Assert that a page holds our elements, our scripts, and nothing that leads elsewhere."""
    tags = [tag for tag, _ in page.elements]
    assert tags.count("script") == 3
    assert not {"img", "iframe", "object", "embed", "base", "form", "svg"} & set(tags)
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("src", "href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:,")), tag
    policy = next(
        attributes["content"] or ""
        for _, attributes in page.elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert "default-src 'none'" in policy
    assert re.findall(r"'sha256-[^']+'", policy) == [
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in page.scripts[1:]
    ]


def test_a_page_is_closed() -> None:
    assert_closed(page_of(history("aaa|babbb")))


def test_markup_in_a_history_stays_text() -> None:
    page = page_of(hostile())
    assert_closed(page)
    assert MARKUP in page.text
    texts = page.data["figures"]["whole"]["calls"]["todo_id"]["texts"]
    assert texts[0].startswith(MARKUP[: sample.MOST_CHARACTERS])


def test_nothing_invisible_reaches_the_page() -> None:
    page = page_of(hostile("\x1b[2J\u202e\u2028\x9b\ud800"))
    assert_closed(page)
    data = page.data["figures"]["whole"]
    written = [*data["calls"]["todo_id"]["texts"], *(step["label"] for step in data["steps"])]
    assert all(text.isprintable() for text in written)
    assert all(char.isprintable() or char == "\n" for char in page.text)


@settings(max_examples=15)
@given(text=st.text(alphabet=st.sampled_from("<>&\"'/{}%!-\\\ud800\u2028 script]"), max_size=30))
def test_random_markup_stays_text(text: str) -> None:
    assert_closed(page_of(hostile(text)))


@settings(max_examples=15)
@given(
    times=st.lists(
        st.tuples(*[st.integers(-(2**62), 2**62)] * 2, st.none() | st.integers(-(2**62), 2**62)),
        max_size=8,
    ),
    posters=st.lists(st.integers(-(2**63), 2**63 - 1), min_size=8, max_size=8),
)
def test_times_and_posters_of_any_size_make_a_page(
    times: list[tuple[int, int, int | None]], posters: list[int]
) -> None:
    found = [
        structs.replace(row, planned_ns=planned, sent_ns=sent, received_ns=received, poster=poster)
        for row, (planned, sent, received), poster in zip(
            rows("aababb!?", versions=False), times, posters, strict=False
        )
        if isinstance(row, Observation)
    ]
    assert_closed(page_of(history_of(found)))


# What is drawn -----------------------------------------------------------------------------------


def whole_of(found: History) -> sample.Sample:
    result = analyse(found, None)
    return sample.whole_run(sample.answered(found, result.releases), result.transitions)


def test_what_is_old_and_what_is_new_is_said_by_the_deploy_under_way() -> None:
    found = history_of(rows("aa|ba|cb|ac", moves=["ab", "bc", "ca"]))  # the last one goes back to a
    calls = whole_of(found).calls.sort("seq")
    old, new = sample.OLD, sample.NEW
    assert calls["answer"].to_list() == [old, old, new, old, new, old, new, old]


def test_every_picture_has_the_same_two_looks_and_says_which_releases_they_are() -> None:
    figures = page_of(history("aaa|babb|cbccc")).data["figures"]
    assert [[each["name"] for each in figures[name]["legend"]] for name in figures] == [
        ["old: the release before a deploy", "new: the deployed one"],
        ["old: version 1 (aaa)", "new: version 2 (bbb)"],
        ["old: version 2 (bbb)", "new: version 3 (ccc)"],
    ]
    old, new = figures["deploy-2"]["legend"]
    assert (old["colour"], new["colour"]) == ("var(--old)", "var(--new)")
    assert [(each["shape"], each["dot"]) for each in (old, new)] == [
        ("above", "circle"),
        ("below", "square"),
    ]


def test_the_answer_is_a_number_and_a_rule_in_the_picture_of_the_deploy() -> None:
    found = history("a" * 30 + "|" + "ab" * 10 + "b" * 300)
    page = page_of(found)
    assert "Safe from 31.8 s after the alias moved" in page.said
    assert ("strong", {}) in page.elements
    for figure in page.data["figures"].values():
        (safe,) = [each for each in figure["steps"] if each["safe"]]
        assert (safe["label"], figure["all"][0] < safe["at"] < figure["all"][1]) == (
            "safe from here",
            True,
        )


def test_checks_that_found_nothing_are_one_folded_line() -> None:
    page = page_of(history("aaa|babbb"))
    assert re.search(r"\d+ checks found nothing", page.said)
    assert "Check Found Witnesses" not in page.said
    found = dataclasses.replace(history("aaa|babbb"), malformed_lines=2)
    assert "Check Found Witnesses Malformed lines 2" in page_of(found).said


def test_of_few_calls_each_is_drawn() -> None:
    found = history("aaa|ba!?bbb")
    drawn = whole_of(found)
    assert drawn.cells is None
    assert drawn.calls["seq"].sort().to_list() == list(range(1, 11))
    errors = drawn.calls.filter(pl.col("answer") < 0).select("seq", "answer").rows()
    assert errors == [(6, sample.FAILED), (7, sample.UNKNOWN)]


def test_of_many_calls_all_are_counted_and_few_are_drawn() -> None:
    drawn = whole_of(MANY)
    assert drawn.total == MANY.observations.height > sample.MOST_CALLS
    assert drawn.calls.height == sample.MOST_CALLS
    assert drawn.cells is not None
    assert drawn.cells["calls"].sum() == drawn.total
    bins = drawn.bins
    assert bins.select(pl.sum_horizontal("ok", "failed", "unknown")).sum().item() == drawn.total
    by_answer = dict(drawn.cells.group_by("answer").agg(pl.col("calls").sum()).iter_rows())
    outcomes = dict(MANY.observations.group_by("outcome").len().iter_rows())
    assert by_answer[sample.FAILED] == outcomes["fail"] == bins["failed"].sum()
    assert by_answer[sample.UNKNOWN] == outcomes["unknown"] == bins["unknown"].sum()


def test_the_edges_of_the_window_are_always_drawn() -> None:
    result = analyse(MANY, None)
    transition = result.transitions[0]
    (around,) = sample.around_each(sample.answered(MANY, result.releases), [transition])
    assert {transition.first_new_seq, transition.last_old_seq} <= set(around.calls["seq"])
    assert around.from_s < 0 < transition.window_s < around.to_s


def test_errors_after_the_window_are_within_the_figure_of_their_deploy() -> None:
    found = history("aaa|babbbbbbbbbbbbbbbbbbbbbbbbb!bbbbb")
    result = analyse(found, None)
    (around,) = sample.around_each(sample.answered(found, result.releases), result.transitions)
    assert sample.FAILED in around.calls["answer"]


def test_a_sample_takes_its_part_of_every_poster() -> None:
    calls = pl.DataFrame({"at": range(8000), "poster": [n % 8 for n in range(8000)]})
    drawn = sample.thinned(calls, pl.lit(False), pl.lit(False), 1000)
    assert drawn.height == 1000
    assert drawn["poster"].value_counts()["count"].min() > 60
    assert (drawn["at"] // 2000).value_counts()["count"].min() > 190


def test_telling_calls_leave_room_for_a_sample_of_the_rest() -> None:
    calls = pl.DataFrame({"at": range(9000), "telling": [n % 2 == 0 for n in range(9000)]})
    drawn = sample.thinned(calls, pl.col("telling"), pl.col("at") < 9, 1000)
    assert drawn.height == 1000
    assert drawn["at"].head(9).to_list() == list(range(9))
    assert drawn["telling"].sum() == 500 - 4  # of the nine edges, four tell nothing
    assert drawn["at"].is_sorted()


def test_neighbouring_posters_share_a_lane_where_there_are_many() -> None:
    found = history("ab" * 100, posters=200)
    drawn = whole_of(found)
    assert len(drawn.lanes) == 50
    assert drawn.lanes[0] == "1\u20134"
    assert drawn.calls["lane"].max() == 49


def test_moments_without_a_call_are_no_bar() -> None:
    calls = [
        structs.replace(row, sent_ns=sent, received_ns=sent)
        for row, sent in zip(
            rows("a" * (sample.MOST_CALLS + 2), posters=1),
            [*range(sample.MOST_CALLS + 1), 10**9],
            strict=True,
        )
        if isinstance(row, Observation)
    ]
    cells = whole_of(history_of(calls)).cells
    assert cells is not None
    assert cells["calls"].to_list() == [sample.MOST_CALLS + 1, 1]


def test_calls_without_a_gap_between_them_are_one_bar() -> None:
    count = sample.MOST_CALLS + 1
    cells = whole_of(history("a" * count, posters=1)).cells
    assert cells is not None
    assert cells.select("calls", "answer").rows() == [(count, 0)]


def test_a_page_of_many_calls_stays_small() -> None:
    assert len(html.render(*judged(MANY)).encode()) < 3_000_000
