"""Less data never turns another verdict into clean.

Histories are drawn with everything that a verdict can rest on: mixtures, failures in and out of the
stretches, deploys that fail, a second deploy, early and late steps, clocks and none. Then rows are
deleted, versions blanked, outcomes turned into unknown: a few, or all of one kind.

What a history cannot show is not drawn: rows cut off at its very end, a new answer before the step
that says when its deploy began, an old answer after callers were settled (fewer than 1 % are).
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from poster.judge.analysis import analyse
from poster.judge.statistics import CLEAN_RUN
from poster.rows.record import Observation, Step
from tests.support.histories import BEAT_NS, history_of, rows

Rows = list[Observation | Step]
Edit = Callable[[Observation], Observation | None]

BLANKED = ("marker", "config_marker", "function_version", "server_ms")


def without(call: Observation, *fields: str) -> Observation:
    return structs.replace(call, **dict.fromkeys(fields))


def made_unknown(call: Observation) -> Observation:
    blanked = without(call, *BLANKED, "received_ns", "status", "error")
    return structs.replace(blanked, outcome="unknown")


EDITS: list[Edit] = [
    lambda call: None,
    made_unknown,
    lambda call: without(call, "function_version"),
    lambda call: without(call, "function_version", "marker", "config_marker"),
    lambda call: without(call, "server_ms"),
]
BEFORE, SETTLED = 60, CLEAN_RUN + 12
SWITCH_NS = BEFORE * BEAT_NS + BEAT_NS // 2
MOVED = Step("alias-updated", SWITCH_NS, {"from": "1", "to": "2"})
LATE = structs.replace(MOVED, at_ns=SWITCH_NS + 5 * BEAT_NS)
STARTED = Step("deploy-started", (BEFORE - 9) * BEAT_NS)
FAILED = [Step("deploy-started", 20 * BEAT_NS), Step("deploy-failed", 29 * BEAT_NS)]
STEPS: list[list[Step]] = [
    *([], [MOVED], [LATE], [STARTED, MOVED], [STARTED], [Step("code-updated", SWITCH_NS)]),
    *([*FAILED, MOVED], [*FAILED, STARTED, MOVED]),
]
AGAIN = Step("alias-updated", SWITCH_NS + (SETTLED + 40) * BEAT_NS, {"from": "2", "to": "3"})
# Where something goes wrong, and with which calls.
WRONG = {
    "a few failed before": (0, 20, "aaa!"),
    "the deploy that failed": (20, 30, "aa!!!!"),
    "before the switch": (BEFORE - 9, BEFORE, "aaa!!"),
    "at the switch": (BEFORE, BEFORE + 20, "abbb!"),
    "for long at the switch": (BEFORE, BEFORE + 30, "!!!!!!!!b"),
    "after callers had settled": (BEFORE + SETTLED, BEFORE + SETTLED + 40, "bb!!!!!"),
    "at the second switch": (BEFORE + SETTLED + 40, BEFORE + SETTLED + 60, "bccc!"),
}


@st.composite
def wholes(draw: st.DrawFn) -> tuple[Rows, set[int]]:
    """Return a history and the numbers of the calls that went wrong in it."""
    has_second = draw(st.booleans())
    clean = "a" * BEFORE + "b" * (SETTLED + 40) + "c" * (SETTLED * has_second)
    calls, wrong = list(clean), set[int]()
    for name in draw(st.lists(st.sampled_from(sorted(WRONG)), max_size=2, unique=True)):
        begin, end, alphabet = WRONG[name]
        if begin < len(calls):
            share = draw(st.sampled_from([1, 4]))
            for place in range(begin, min(end, len(calls)), share):
                calls[place] = draw(st.sampled_from(alphabet))
    wrong = {place + 1 for place, char in enumerate(calls) if char != clean[place]}
    notation = {"server_clock": draw(st.booleans())}
    steps = [
        *draw(st.sampled_from(STEPS)),
        *([AGAIN] if has_second and draw(st.booleans()) else []),
    ]
    latency_ns = draw(st.sampled_from([BEAT_NS // 5, 2 * BEAT_NS]))
    found = [_slow(call, latency_ns) for call in rows("".join(calls), **notation)]
    return [*found, *steps], wrong


def _slow(row: Observation | Step, latency_ns: int) -> Observation | Step:
    if isinstance(row, Step) or row.received_ns is None:
        return row
    return structs.replace(row, received_ns=row.sent_ns + latency_ns)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Rows, Rows]:
    """Return a history, and the same with less in it."""
    whole, wrong = draw(wholes())
    last = max(row.seq for row in whole if isinstance(row, Observation))
    hidden = dict.fromkeys(wrong, draw(st.sampled_from(EDITS)))
    if draw(st.booleans()):  # the good calls that failures are held against
        hidden |= dict.fromkeys(range(1, draw(st.integers(2, 20))), draw(st.sampled_from(EDITS)))
    hidden |= draw(st.dictionaries(st.integers(1, last), st.sampled_from(EDITS), max_size=2))
    kept = draw(st.sets(st.sampled_from(sorted(hidden)), max_size=2)) if hidden else set()
    for seq in kept:
        del hidden[seq]
    changed = [_less(row, hidden, last) if isinstance(row, Observation) else row for row in whole]
    return whole, [row for row in changed if row is not None]


def _less(call: Observation, hidden: dict[int, Edit], last: int) -> Observation | None:
    changed = hidden.get(call.seq, lambda call: call)(call)
    return call if changed is None and call.seq == last else changed


def verdict(found: Rows) -> str:
    return analyse(history_of(found), rows=None).verdict


@settings(max_examples=500)
@given(pairs())
def test_less_data_never_turns_another_verdict_into_clean(pair: tuple[Rows, Rows]) -> None:
    whole, less = pair
    if verdict(less) == "clean":
        assert verdict(whole) == "clean"
