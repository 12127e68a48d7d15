"""The published runs give their known windows."""

from __future__ import annotations

from pathlib import Path

import pytest

from poster.judge.analysis import analyse
from studies.propagation.published import load_published

TABLE = Path(__file__).parents[2] / "data" / "published_runs.csv"
KNOWN = {
    "published-1": ("xxx", 1.431, 4, 9),
    "published-2": ("yyy", 7.513, 5, 49),
    "published-3": ("zzzzz", 6.847, 5, 46),
}


def test_the_table_holds_three_runs() -> None:
    assert [history.run.run_id for history in load_published(TABLE)] == list(KNOWN)


@pytest.mark.parametrize("place", range(3))
def test_a_published_run_gives_its_known_window(place: int) -> None:
    history = load_published(TABLE)[place]
    to, window_s, stale, answered = KNOWN[history.run.run_id]
    result = analyse(history, None)
    (transition,) = result.transitions
    assert (transition.start, transition.to) == ("aaa", to)
    assert transition.window_s == window_s
    assert (transition.stale, transition.answered) == (stale, answered)
    assert result.verdict == "mixed"
