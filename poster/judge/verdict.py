"""Clean, mixed, broken or unknown, and one sentence that names the rows. Pure.

Proven harm outranks everything, wherever in the history it lies: a lost write or failures beyond
the baseline are *broken*; an old answer that surely came after a new one, or an answer of old code
with new settings, is *mixed*. *Clean* is claimed only where the rows could have shown a mixture;
where they could not, the verdict is *unknown* and the witness says what is missing.

Invariant: less data never turns another verdict into clean.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

from poster.judge import doubt, harm
from poster.judge.checks import Checks
from poster.judge.doubt import is_proven
from poster.judge.evidence import parts_on_one_clock
from poster.judge.hidden import hidden_in
from poster.judge.releases import name_of
from poster.judge.stretches import Stretch, stretches_of
from poster.judge.transition import Transition, Unseen, transitions_in
from poster.rows.history import History

VerdictKind = Literal["clean", "mixed", "broken", "unknown"]


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement and its witness."""

    kind: VerdictKind
    witness: str


def judge(
    history: History, transitions: Sequence[Transition], unseen: Sequence[Unseen], checks: Checks
) -> Verdict:
    """Return the verdict over all transitions of a history."""
    lost = harm.lost(checks)
    if lost is not None:
        return Verdict("broken", lost)
    hidden = hidden_in(history)
    stretches = _stretches(history, transitions, unseen)
    tests = harm.tests_of(history.calls, hidden, stretches)
    parts = parts_on_one_clock(history)
    if len(parts) > 1:  # no time of one can be held against times of another
        tests = [test for part in parts for test in _tests_of_part(part)]
    failed = [each for each in harm.beyond(tests) if each.is_deploys]
    if failed:
        return Verdict("broken", failed[0].witness)
    mixed = [transition for transition in transitions if is_proven(transition)]
    if mixed:
        return Verdict("mixed", mixed_witness(max(mixed, key=lambda mix: mix.window_s)))
    chimeras = checks["chimeras"]
    if chimeras.count:
        return Verdict("mixed", f"{chimeras.witnesses[0]}, which nobody released together")
    reasons = doubt.reasons(history, transitions, unseen, stretches, hidden, tests, checks)
    reason = next(reasons, None)
    if reason is not None:
        return Verdict("unknown", reason)
    last = transitions[-1]
    return Verdict(
        "clean",
        f"call {last.last_old_seq} was the last answered by {name_of(last.start)}, call "
        f"{last.first_new_seq} the first answered by {name_of(last.to)}, and no old answer "
        f"followed among {last.new_answers}",
    )


def _tests_of_part(part: History) -> list[harm.Tested]:
    stretches = _stretches(part, *transitions_in(part))
    return harm.tests_of(part.calls, hidden_in(part), stretches)


def _stretches(
    history: History, transitions: Sequence[Transition], unseen: Sequence[Unseen]
) -> list[Stretch]:
    return stretches_of(history.steps, history.first_sent_ns, transitions, unseen)


def mixed_witness(transition: Transition) -> str:
    """Return which two calls show that a transition was mixed; it has an overlap."""
    overlap = transition.overlap
    assert overlap is not None
    old, new = name_of(transition.start), name_of(transition.to)
    if overlap.certain:
        return (
            f"call {overlap.old_seq}, sent after call {overlap.new_seq} was answered by {new}, "
            f"was answered by {old}"
        )
    return (
        f"call {overlap.old_seq} was answered by {old} {transition.window_s:.3f} s after call "
        f"{overlap.new_seq} was answered by {new}, by the clock that orders the answers"
    )
