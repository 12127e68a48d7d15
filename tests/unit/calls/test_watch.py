from __future__ import annotations

import threading

from poster.calls.watch import Seen, Watch, taken_over
from poster.rows.record import Observation, Outcome

S = 1_000_000_000


def answer(marker: str | None, at_s: float, outcome: Outcome = "ok") -> Observation:
    at_ns = round(at_s * S)
    return Observation(1, 1, "t01-0001", at_ns, at_ns, at_ns, outcome, marker=marker)


def test_a_release_takes_over_when_only_it_has_answered_for_the_quiet_time() -> None:
    seen = {"aaa": Seen(3 * S, 30), "xxx": Seen(8 * S, 10)}
    assert taken_over(seen, "xxx", answers=1, quiet_ns=5 * S)
    assert not taken_over(seen, "xxx", answers=1, quiet_ns=6 * S)


def test_a_release_that_has_not_answered_has_not_taken_over() -> None:
    assert not taken_over({"aaa": Seen(3 * S, 30)}, "xxx", answers=1, quiet_ns=0)
    assert not taken_over({"aaa": Seen(3 * S, 2)}, "aaa", answers=3, quiet_ns=0)


def test_waiting_ends_with_the_answer_that_completes_the_quiet_time() -> None:
    watch = Watch()
    watch.saw(answer("aaa", 1))

    def post() -> None:
        watch.saw(answer("xxx", 2))
        watch.saw(answer("xxx", 3))

    threading.Timer(0.05, post).start()
    assert watch.wait_for("xxx", answers=1, quiet_s=2, timeout_s=10)


def test_failures_and_silence_say_nothing_about_releases() -> None:
    watch = Watch()
    watch.saw(answer("xxx", 1, "fail"))
    watch.saw(answer("xxx", 2, "unknown"))
    watch.saw(answer(None, 3))
    assert not watch.wait_for("xxx", answers=1, quiet_s=0, timeout_s=0)


def test_waiting_ends_when_posting_ends() -> None:
    watch = Watch()
    threading.Timer(0.05, watch.end).start()
    assert not watch.wait_for("xxx", answers=1, quiet_s=0, timeout_s=60)


def test_a_wait_for_answers_in_a_row_starts_anew_with_every_other_answer() -> None:
    watch = Watch()
    watch.saw(answer("xxx", 1))
    watch.saw(answer("xxx", 2))
    assert watch.wait_for("xxx", answers=2, quiet_s=0, timeout_s=10)
    # What came before the wait does not count.
    assert not watch.wait_for("xxx", answers=2, quiet_s=0, timeout_s=0.01, in_a_row=1)

    def post() -> None:
        for at_s, marker in enumerate(["xxx", "aaa", "xxx", "xxx"], start=3):
            watch.saw(answer(marker, at_s))

    threading.Timer(0.05, post).start()
    assert watch.wait_for("xxx", answers=2, quiet_s=0, timeout_s=10, in_a_row=2)
    assert not watch.wait_for("xxx", answers=2, quiet_s=0, timeout_s=0.01, in_a_row=3)
