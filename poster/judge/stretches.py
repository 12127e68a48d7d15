"""From when until when may a deploy be to blame? Pure.

Every deploy has a *stretch*: one that callers saw, one that failed or was repeated, and one whose
release never answered. It begins where the deploy surely began: at its deploy-started step, else
at the first step that speaks of it, but no later than the sending of the last old answer before the
first new one, since a step may be stamped late. It ends when callers are settled or, where that is
not known, when the next one begins. A call belongs to it if it was under way within.

Invariant: stretches do not overlap, and every deploy-started step during the calls begins one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from poster.judge.releases import name_of
from poster.judge.transition import Transition, Unseen
from poster.rows.record import Step, StepName

# What a deploy does that callers may notice. The first of them begins a deploy that left no
# deploy-started step.
TELLING = (
    StepName.CONFIGURATION_UPDATED,
    StepName.CODE_UPDATED,
    StepName.VERSION_PUBLISHED,
    StepName.ALIAS_UPDATED,
    StepName.UPDATE_SUCCESSFUL,
    StepName.VERSION_DELETED,
    StepName.PERMISSION_REMOVED,
    StepName.PERMISSION_ADDED,
)


@dataclasses.dataclass(frozen=True, slots=True)
class Stretch:
    """One deploy's stretch, on the run's clock."""

    begin_ns: int
    end_ns: int | None  # None: the end of the run
    what: str  # goes on a sentence that begins "call 5 failed"
    transition: Transition | None  # None: callers did not see this deploy, or it failed
    is_started: bool  # a deploy-started step says when it began
    is_told: bool  # a step says so, and no new answer came in before it


def stretches_of(
    steps: Sequence[Step],
    first_call_ns: int,
    transitions: Sequence[Transition],
    unseen: Sequence[Unseen],
) -> list[Stretch]:
    """Return the stretch of every deploy, in order."""
    ends = _ends_of_deploys(steps)
    # The deploy that made the stack was over before anybody called.
    started = [at for at, end in ends.items() if end is None or end.at_ns >= first_call_ns]
    begun: dict[int, tuple[str, Transition | Unseen | None]] = {
        at: (_unseen_by_callers(ends[at]), None) for at in started
    }
    for move in unseen:
        if move.switch_ns is None:
            continue
        at = _own(started, None, move.switch_ns, move.switch_ns)
        if at in begun or at >= first_call_ns:
            took_over = f"{name_of(move.to)} was to take over from {name_of(move.start)}"
            begun[at] = (f"while {took_over}", move)
    before_ns: int | None = None
    told: dict[int, int] = {}
    for each in transitions:
        took_over = f"while {name_of(each.to)} took over from {name_of(each.start)}"
        told_ns = _told_ns(each, steps, started, before_ns)
        begun[_no_later(told_ns, each.last_before_ns)] = (took_over, each)
        told[id(each)] = told_ns
        before_ns = each.phase.zero_ns
    told_by_steps = {
        step.at_ns for step in steps if step.name in (StepName.DEPLOY_STARTED, *TELLING)
    }
    begins = sorted(begun)
    found = []
    for place, begin in enumerate(begins):
        what, seen = begun[begin]
        bounds = [*begins[place + 1 : place + 2], None if seen is None else seen.over_ns]
        end = min((at for at in bounds if at is not None), default=None)
        transition = seen if isinstance(seen, Transition) else None
        told_ns = begin if transition is None else told[id(transition)]
        is_told = transition is None or told_ns <= transition.first_new_ns
        is_told &= told_ns in told_by_steps
        found.append(Stretch(begin, end, what, transition, told_ns in started, is_told))
    return found


def _ends_of_deploys(steps: Sequence[Step]) -> dict[int, Step | None]:
    """Return each deploy-started step's time, with the step that ended that deploy."""
    ends: dict[int, Step | None] = {}
    for place, step in enumerate(steps):
        if step.name == StepName.DEPLOY_STARTED:
            later = (each for each in steps[place + 1 :] if each.name.startswith("deploy-"))
            end = next(later, None)
            ends[step.at_ns] = None if end is None or end.name == StepName.DEPLOY_STARTED else end
    return ends


def _unseen_by_callers(end: Step | None) -> str:
    if end is not None and end.name == StepName.DEPLOY_FAILED:
        return "during a deploy that failed"
    return "during a deploy that no new answer followed"


def _own(times: Sequence[int], after: int | None, until: int, otherwise: int) -> int:
    """Return the last of the times within, or another where there is none."""
    within = [at for at in times if at <= until and (after is None or at > after)]
    return within[-1] if within else otherwise


def _told_ns(
    transition: Transition, steps: Sequence[Step], started: Sequence[int], before_ns: int | None
) -> int:
    """Return when the deploy began by the steps that speak of it, else its zero."""
    zero_ns = transition.phase.zero_ns
    told = [
        step.at_ns
        for step in steps
        if step.name in TELLING
        and step.at_ns <= zero_ns
        and (before_ns is None or step.at_ns > before_ns)
    ]
    return _own(started, before_ns, zero_ns, min([*told, zero_ns]))


def _no_later(told_ns: int, surely_ns: int | None) -> int:
    return told_ns if surely_ns is None else min(told_ns, surely_ns)
