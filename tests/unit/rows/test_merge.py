"""Several histories of one experiment as one: offsets within their error, each row once."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from poster.judge.analysis import Result, analyse
from poster.judge.overlap import Overlap
from poster.report import json as report_json
from poster.report import text
from poster.rows.history import History
from poster.rows.merge import MergeError, merge, merge_rows, offsets
from poster.rows.record import Observation, Step
from tests.support.histories import RUN, history, history_of, rows
from tests.support.machines import MS, Machine, seen_by
from tests.support.schemas import faults

CALLS = "a" * 60 + "|" + "babbab" * 3 + "b" * 60
TOKYO = Machine("tokyo", {1, 2}, ahead_ms=-50, deploys=True)
OREGON = Machine("oregon", {3}, ahead_ms=300, began_ms=1_000)


def merged_from(calls: str, *machines: Machine, **notation: Any) -> History:
    found = rows(calls, **notation)
    return merge([seen_by(machine, found) for machine in machines])


def text_of(found: History) -> str:
    return " ".join(text.render(analyse(found, None), found).split())


def test_a_single_history_is_left_as_it_is() -> None:
    found = history(CALLS)
    assert merge([found]) is found


def test_the_offset_lies_within_its_error() -> None:
    found = merged_from(CALLS, TOKYO, OREGON)
    reference, offset = offsets(found.sources)
    assert reference is not None
    assert (reference.offset_ms, reference.error_ms) == (0, 0)
    assert offset is not None
    assert abs(offset.offset_ms - 350) <= offset.error_ms <= 21


@given(
    ahead_ms=st.lists(st.floats(-5_000, 5_000), min_size=2, max_size=3),
    began_ms=st.lists(st.integers(-2_000, 2_000), min_size=2, max_size=3),
    calls=st.text("ab!?", min_size=12, max_size=40),
)
def test_every_time_is_right_within_the_error(
    ahead_ms: list[float], began_ms: list[int], calls: str
) -> None:
    machines = [
        Machine(f"m{place}", {place + 1}, ahead, began, deploys=place == 0)
        for place, (ahead, began) in enumerate(zip(ahead_ms, began_ms, strict=False))
    ]
    found = rows(f"abab{calls}|bbbb", posters=len(machines))
    merged = merge([seen_by(machine, found) for machine in machines])
    true_ns = {row.todo_id: row.sent_ns for row in found if isinstance(row, Observation)}
    assert set(merged.observations["todo_id"]) == set(true_ns)
    assert merged.observations.height == len(true_ns)
    errors = [offset.error_ms for offset in offsets(merged.sources) if offset is not None]
    # What all rows have in common is the reference's clock, which nothing can tell from the truth.
    common = RUN.origin_unix_ns - merged.run.origin_unix_ns + round(ahead_ms[0] * MS)
    for todo_id, sent_ns, run in merged.observations.select("todo_id", "sent_ns", "run").rows():
        assert abs(sent_ns - common - true_ns[todo_id]) <= errors[run - 1] * MS + 1_000


def test_calls_are_numbered_in_the_order_of_sending_and_keep_their_own_numbers() -> None:
    calls = merged_from(CALLS, TOKYO, OREGON).observations
    assert calls["seq"].to_list() == list(range(1, calls.height + 1))
    assert calls["sent_ns"].is_sorted()
    for run in (1, 2):
        assert calls.filter(pl.col("run") == run)["run_seq"].is_sorted()


def test_what_callers_saw_is_what_one_machine_would_have_seen() -> None:
    whole, merged = analyse(history(CALLS), None), analyse(merged_from(CALLS, TOKYO, OREGON), None)
    (one,), (several,) = whole.transitions, merged.transitions
    same = ("start", "to", "window_s", "answered", "stale", "inversions", "old_answers")
    for name in same:
        assert getattr(one, name) == getattr(several, name), name
    assert merged.verdict == whole.verdict
    assert faults("result", json.loads(report_json.render(merged))) == []


def test_posters_keep_their_numbers_where_nobody_else_has_them() -> None:
    calls = merged_from(CALLS, TOKYO, OREGON).observations
    assert set(calls.select("run", "poster").rows()) == {(1, 1), (1, 2), (2, 3)}


def test_posters_of_the_same_number_are_told_apart() -> None:
    found = rows(CALLS)
    first, second = seen_by(TOKYO, found), seen_by(OREGON, found)
    second = dataclasses.replace(
        second,
        calls=second.calls.with_columns(pl.lit(1).cast(pl.Int64).alias("poster")),
    )
    merged = merge([first, second])
    assert set(merged.observations.select("run", "poster").rows()) == {(1, 1), (1, 2), (2, 3)}
    assert merged.run.posters == 3


def test_steps_of_all_histories_are_kept_and_moved() -> None:
    found = rows(CALLS)
    gate = Step("gate-passed", 5_000 * MS)
    second = seen_by(dataclasses.replace(OREGON, ahead_ms=-50), [*found, gate])
    second = dataclasses.replace(second, steps=[Step("gate-passed", 4_000 * MS)])
    merged = merge([seen_by(TOKYO, found), second])
    assert [step.name for step in merged.steps] == ["gate-passed", "alias-updated"]
    assert merged.steps[0].at_ns == pytest.approx(5_000 * MS, abs=21 * MS)


def test_without_server_times_the_wall_clock_places_a_history_and_that_is_said() -> None:
    merged = merged_from(CALLS, TOKYO, OREGON, server_clock=False)
    assert offsets(merged.sources) == [None, None]
    assert "oregon, 46 calls; no server time in its answers: placed by its wall clock" in text_of(
        merged
    )


def test_the_offset_is_stated() -> None:
    report = text_of(merged_from(CALLS, TOKYO, OREGON))
    assert "run 1 tokyo, 92 calls; times are on its clock" in report
    assert "run 2 oregon, 46 calls; its clock +350." in report


def test_todos_that_two_runs_wrote_are_named() -> None:
    found = rows("aaa|babbb")
    both = [seen_by(Machine(name, {1, 2, 3}, ahead), found) for name, ahead in (("x", 0), ("y", 1))]
    assert "8 were called by several runs" in text_of(merge(both))
    assert "were called by several runs" not in text_of(merged_from(CALLS, TOKYO, OREGON))


def test_gaps_and_repeats_are_those_of_the_runs() -> None:
    found = rows(CALLS)
    first, second = seen_by(TOKYO, found), seen_by(OREGON, found)
    holed = second.calls.filter(~pl.col("seq").is_in([2, 3]))
    repeated = pl.concat([first.calls, first.calls.tail(1)])
    merged = merge(
        [
            dataclasses.replace(first, calls=repeated),
            dataclasses.replace(second, calls=holed, malformed_lines=3, torn_bytes=5),
        ]
    )
    checks = analyse(merged, None).checks
    assert (checks["sequence_gaps"].count, checks["sequence_gaps"].witnesses) == (
        2,
        ("run 2, calls 2 to 3",),
    )
    assert (checks["repeated_seqs"].count, checks["repeated_seqs"].witnesses) == (
        1,
        ("run 1, call 92",),
    )
    assert (checks["malformed_lines"].count, checks["torn_bytes"].count) == (3, 5)


def judged(first: Sequence[Observation], second: Sequence[Observation]) -> Result:
    """Judge two runs on machines whose clocks agree; the first one got the new answer."""
    run = structs.replace(RUN, run_id="other")
    return analyse(merge([history_of(first), history_of(second, run)]), None)


def call(version: str, sent_ms: int, took_ms: int, seq: int, poster: int) -> Observation:
    return Observation(
        seq=seq,
        poster=poster,
        todo_id=f"t{poster:02d}-{seq:04d}",
        planned_ns=sent_ms * MS,
        sent_ns=sent_ms * MS,
        received_ns=(sent_ms + took_ms) * MS,
        outcome="ok",
        function_version=version,
        server_ms=RUN.origin_unix_ns // MS + sent_ms + took_ms // 2,
    )


def test_an_old_answer_on_another_machine_is_certain_only_beyond_the_error() -> None:
    new = [call("1", 0, 20, 1, 1), call("2", 100, 20, 2, 1)]  # the new answer is in at 120 ms
    for sent_ms, certain in ((125, False), (139, False), (145, True)):
        old = [call("1", 0, 20, 1, 2), call("1", sent_ms, 20, 2, 2)]
        (transition,) = judged(new, old).transitions
        assert transition.stale == 1
        assert transition.overlap is not None
        assert transition.overlap.certain is certain
        assert (transition.certain_window_s > 0) is certain


def test_on_one_machine_no_error_is_taken_off() -> None:
    first = [call("1", 0, 20, 1, 1), call("2", 100, 20, 2, 1), call("1", 121, 20, 3, 1)]
    (transition,) = judged(first, [call("1", 0, 20, 1, 2)]).transitions
    assert transition.certain_window_s == pytest.approx(0.001)
    assert transition.overlap == Overlap(new_seq=3, old_seq=4, certain=True)


def test_runs_whose_offset_is_unknown_prove_nothing_about_each_other() -> None:
    found = rows("aaa|bbbbb" + "_" * 50 + "aab", posters=2, server_clock=False)
    merged = merge(
        [
            seen_by(Machine("x", {1}), [row for row in found if getattr(row, "seq", 0) < 9]),
            seen_by(
                Machine("y", {2}), [row for row in found if getattr(row, "marker", "") == "aaa"]
            ),
        ]
    )
    (transition,) = analyse(merged, None).transitions
    assert (transition.certain_window_s, transition.stale > 0) == (0, True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"run_id": "short"}, "history short is named twice"),
        ({"target": "aws"}, r"differ in their target \(aws, url\)"),
        ({"loop": "open"}, r"differ in their loop \(closed, open\)"),
        (
            {"origin_unix_ns": RUN.origin_unix_ns + 10**10},
            "other began 9.2 s after short had ended",
        ),
        (
            {"origin_unix_ns": RUN.origin_unix_ns - 10**10},
            "short began 9.2 s after other had ended",
        ),
    ],
)
def test_histories_that_do_not_belong_together_are_refused(
    change: dict[str, Any], said: str
) -> None:
    other = structs.replace(RUN, **{"run_id": "other", **change})
    calls = "aaa|bbbbb"
    with pytest.raises(MergeError, match=said):
        merge([history(calls, server_clock=False), history(calls, other, server_clock=False)])


def test_times_that_would_leave_their_range_are_refused() -> None:
    far = Step("purge", 2**62)
    runs = [
        structs.replace(RUN, run_id=name, origin_unix_ns=n)
        for name, n in (("x", -(2**62)), ("y", 2**61))
    ]
    with pytest.raises(MergeError, match="centuries apart"):
        merge([history_of([far, Step("purge", -(2**62))], run) for run in runs])


def dump(*todos: str) -> pl.DataFrame:
    return pl.DataFrame({"todo_id": list(todos), "marker": ["aaa"] * len(todos)})


def test_dumps_of_one_table_are_one_dump() -> None:
    assert merge_rows([]) is None
    one = dump("t1", "t2", "t2")
    assert merge_rows([one]) is one
    joined = merge_rows([dump("t1", "t2"), one, dump("t1", "t3")])
    assert joined is not None
    assert sorted(joined["todo_id"]) == ["t1", "t2", "t2", "t3"]
    assert joined.columns == one.columns


def test_settings_of_the_first_history_count_and_the_others_add_to_them() -> None:
    runs = [
        structs.replace(RUN, run_id=name, settings=settings, rate_per_s=2.0, endpoint=name)
        for name, settings in (("x", {"a": 1}), ("y", {"a": 2, "b": 3}))
    ]
    run = merge([history("aaa|bbbbb", run) for run in runs]).run
    assert (run.settings, run.rate_per_s, run.posters) == ({"a": 1, "b": 3}, 4.0, 6)
    assert (run.run_id, run.endpoint) == ("x + y", "x, y")
