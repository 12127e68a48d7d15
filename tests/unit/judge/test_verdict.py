"""The verdict and its witness."""

from __future__ import annotations

import polars as pl
import pytest
from msgspec import structs

from poster.judge.analysis import analyse
from poster.judge.statistics import CLEAN_RUN
from poster.rows.history import History
from poster.rows.record import Observation, Step
from tests.support.histories import BEAT_NS, history, history_of, rows, stored

NEW = "b" * (CLEAN_RUN + 1)  # what it takes to say that callers are settled
SHORT = "b" * 5


def judged(found: History | str, items: list[dict[str, object]] | None = None) -> tuple[str, str]:
    dump = None
    if items is not None:
        dump = pl.DataFrame(
            [{"todo_id": item["todoId"], "marker": item["lambda"]} for item in items],
            schema={"todo_id": pl.String, "marker": pl.String},
        )
    result = analyse(history(found) if isinstance(found, str) else found, dump)
    return result.verdict, result.witness


def test_new_after_old_and_nothing_failed_is_clean() -> None:
    verdict, witness = judged("aaa|" + NEW)
    assert verdict == "clean"
    assert witness == (
        "call 3 was the last answered by version 1, call 4 the first answered by version 2, "
        f"and no old answer followed among {len(NEW)}"
    )


def test_old_after_new_is_mixed_and_names_the_two_calls() -> None:
    assert judged("aaa|bab") == (
        "mixed",
        "call 5, sent after call 4 was answered by version 2, was answered by version 1",
    )


def test_markers_are_named_as_they_are() -> None:
    assert judged(history("aaabab", versions=False))[1] == (
        "call 5, sent after call 4 was answered by bbb, was answered by aaa"
    )


def test_failures_in_the_transition_are_broken() -> None:
    assert judged("a" * 20 + "|b!!!" + SHORT) == (
        "broken",
        "call 22 failed with HTTP 502 while version 2 took over from version 1: "
        "3 of 10 calls failed, before the deploy 0 of 19",
    )


def test_one_failure_after_a_few_calls_is_too_little_to_blame_the_deploy() -> None:
    verdict, witness = judged("aaa|b!" + NEW)
    assert verdict == "unknown"
    assert witness.endswith("too few to tell whether that is the deploy's doing")


def test_failures_between_the_deploys_start_and_the_switch_are_broken() -> None:
    found = history_of([*rows("a" * 30 + "!!!!|" + NEW), Step("deploy-started", 30 * BEAT_NS + 1)])
    assert judged(found)[0] == "unknown"
    found = history_of(
        [*rows("a" * 300 + "!" * 8 + "|" + NEW), Step("deploy-started", 300 * BEAT_NS)]
    )
    assert judged(found)[0] == "broken"


def test_a_failure_before_the_deploy_is_the_baseline() -> None:
    assert judged("aa!a|" + NEW)[0] == "clean"


def test_failures_no_more_frequent_than_before_are_not_broken() -> None:
    assert judged("aa!a" * 5 + "|" + "bb!b" * 400)[0] == "clean"


def test_failures_more_frequent_than_before_are_broken() -> None:
    assert judged("aaa!" + "a" * 30 + "|" + "b!" * 10)[0] == "broken"


def test_failures_of_an_earlier_deploy_are_no_baseline_for_the_next() -> None:
    # As many failed in the first deploy's stretch as before it. They would excuse the second's.
    verdict, witness = judged("a!!|" + "b!!" * 100 + "b" * 300 + "|" + "c!!!!!!" * 4 + SHORT)
    assert verdict == "broken"
    assert "while version 3 took over" in witness


def test_a_failure_after_the_traffic_has_settled_is_not_the_deploys() -> None:
    assert judged("aaa|" + "b" * 300 + "!b")[0] == "clean"


def test_a_failure_without_a_baseline_is_unknown() -> None:
    found = history_of([*rows("!a|b!" + NEW), Step("deploy-started", 0)])
    verdict, witness = judged(found)
    assert verdict == "unknown"
    assert "no earlier call gives a baseline" in witness


def test_an_unknown_outcome_is_no_failure_but_may_hide_an_old_answer() -> None:
    verdict, witness = judged("aaa|b?b" + NEW)
    assert verdict == "unknown"
    assert witness.startswith("call 5 has an unknown outcome while version 2 took over")


def test_an_unknown_outcome_long_before_the_deploy_hides_nothing() -> None:
    assert judged("a?aaaaaaaaa|" + NEW)[0] == "clean"


def test_an_unknown_outcome_after_callers_were_settled_hides_nothing() -> None:
    assert judged("aaa|" + NEW + "bb?bb")[0] == "clean"


def test_a_lost_write_is_broken_whatever_else_happened() -> None:
    calls = "aaa|bab" + NEW
    items = stored(rows(calls))
    assert judged(calls, items[:1] + items[2:]) == (
        "broken",
        "call 2 (t02-0002) was acknowledged, but its row is not in the store",
    )


def test_no_new_answer_is_unknown() -> None:
    assert judged("aaaa|aaaa") == (
        "unknown",
        "the alias moved from 1 to 2, but no call was answered by version 2",
    )


def test_no_old_answer_is_unknown() -> None:
    assert judged("|" + NEW)[0] == "unknown"


def test_one_release_alone_is_unknown() -> None:
    verdict, witness = judged("aaaa")
    assert verdict == "unknown"
    assert "the deploy published nothing" in witness


def test_no_calls_at_all_are_unknown() -> None:
    assert judged("")[0] == "unknown"


def test_too_few_new_answers_are_unknown() -> None:
    verdict, witness = judged("aaa|" + NEW[:-2])
    assert verdict == "unknown"
    assert witness.startswith("too few calls followed the switch to version 2")
    assert judged("aaa|" + NEW)[0] == "clean"


def test_a_silence_around_the_switch_is_unknown() -> None:
    assert judged("aaa" * 5 + "_" * 40 + "|" + "_" * 40 + NEW) == (
        "unknown",
        "poster 1 sent nothing for 8.3 s around the switch to version 2",
    )


@pytest.mark.parametrize("received", [True, False])
def test_waiting_for_a_slow_answer_is_no_silence(received: bool) -> None:
    found = rows("aaa" * 5 + "|" + "_" * 80 + NEW)
    slow = [
        structs.replace(row, received_ns=row.sent_ns + 8 * 10**9)
        if received
        else structs.replace(row, received_ns=None, outcome="unknown")
        for row in found[12:15]
        if isinstance(row, Observation)
    ]
    judgement = judged(history_of([*found[:12], *slow, *found[15:]]))
    assert judgement[0] == "clean" if received else "sent nothing" not in judgement[1]


def without_poster_2(after: int, *, renumbered: bool) -> History:
    calls = rows("aaa" * 5 + "|" + NEW * 2)
    left = [row for row in calls if not (getattr(row, "poster", 0) == 2 and row.seq > after)]  # type: ignore[union-attr]
    if renumbered:
        number = iter(range(1, len(left) + 1))
        left = [
            structs.replace(row, seq=next(number)) if isinstance(row, Observation) else row
            for row in left
        ]
    return history_of(left)


def test_a_poster_that_stopped_at_the_switch_is_unknown() -> None:
    verdict, witness = judged(without_poster_2(15, renumbered=False))
    assert verdict == "unknown"
    assert "is missing from the history" in witness
    assert judged(without_poster_2(15, renumbered=True))[1].startswith("poster 2 sent nothing for")


def test_a_poster_that_stopped_long_after_the_switch_does_not_matter() -> None:
    assert judged(without_poster_2(450, renumbered=True))[0] == "clean"
    # Where its calls are missing, they were made, and all of them may have failed.
    assert "no known end" in judged(without_poster_2(450, renumbered=False))[1]


@pytest.mark.parametrize("calls", ["aaa|bab" + NEW, "aaa|" + NEW])
def test_the_verdict_does_not_depend_on_the_order_of_lines(calls: str) -> None:
    found = rows(calls)
    assert judged(history_of(found)) == judged(history_of(found[::-1]))
