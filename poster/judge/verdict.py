"""Clean, mixed, broken or unknown, and one sentence that names the rows. Pure.

Proven harm outranks everything: a lost write or a failure beyond the baseline is *broken*, a stale
answer is *mixed*. *Clean* is claimed only where the rows could have shown a mixture; where they
could not, the verdict is *unknown* and the witness says what is missing.

Invariant: less data never turns another verdict into clean.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

import polars as pl

from poster.judge.checks import Checks
from poster.judge.statistics import chance_of_more_failures
from poster.judge.transition import Transition, Unseen, end_of_errors_ns, sent_within
from poster.rows.history import History

VerdictKind = Literal["clean", "mixed", "broken", "unknown"]

# Five new answers in a row refute, at 95 %, that half of the calls are still stale (0.5**5 = 0.03).
FEWEST_NEW_ANSWERS = 5
BASELINE_LEVEL = 0.05
GAP_S = 1.0  # a poster that is silent for longer and ten times its usual pause has stopped
GAP_FACTOR = 10


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement and its witness."""

    kind: VerdictKind
    witness: str


def judge(
    history: History, transitions: Sequence[Transition], unseen: Sequence[Unseen], checks: Checks
) -> Verdict:
    """Return the verdict over all transitions of a history."""
    broken = _lost(checks) or _failed(history.observations, transitions)
    if broken is not None:
        return broken
    mixed = [transition for transition in transitions if transition.stale]
    if mixed:
        return Verdict("mixed", mixed_witness(max(mixed, key=lambda mix: mix.window_s)))
    doubt = _doubt(history, transitions, unseen)
    if doubt is not None:
        return Verdict("unknown", doubt)
    last = transitions[-1]
    return Verdict(
        "clean",
        f"call {last.last_old_seq} was the last answered by {name_of(last.start)}, call "
        f"{last.first_new_seq} the first answered by {name_of(last.to)}, and no old answer "
        f"followed among {last.new_answers}",
    )


def name_of(release: str) -> str:
    """Return how a sentence names a release: versions are numbers, markers are words."""
    return f"version {release}" if release.isdigit() else release


def _lost(checks: Checks) -> Verdict | None:
    lost = checks.lost_writes
    if lost.count == 0:
        return None
    return Verdict(
        "broken", f"{lost.witnesses[0]} was acknowledged, but its row is not in the store"
    )


def _failed(observations: pl.DataFrame, transitions: Sequence[Transition]) -> Verdict | None:
    """Return broken, or unknown for want of a baseline, if calls failed during a deploy."""
    answered = observations.lazy().filter(pl.col("outcome") != "unknown")
    calls = answered.select(
        "seq", "sent_ns", "status", (pl.col("outcome") == "fail").alias("failed")
    ).collect()
    if not calls["failed"].any():
        return None
    spans = [deploy_span(transition) for transition in transitions]
    outside = pl.lit(True)
    for begin, end in spans:
        outside &= ~sent_within(begin, end)
    for transition, (begin, end) in zip(transitions, spans, strict=True):
        during = calls.filter(sent_within(begin, end))
        failed = during.filter("failed")
        before = calls.filter(outside & (pl.col("sent_ns") < begin))
        if failed.is_empty() or not _beyond(before, during):
            continue
        seq, status = failed.sort("seq").row(0)[0], failed.sort("seq").row(0)[2]
        what = f"call {seq} failed" + (f" with HTTP {status}" if status is not None else "")
        where = f"while {name_of(transition.to)} took over from {name_of(transition.start)}"
        if before.is_empty():
            return Verdict("unknown", f"{what} {where}, and no earlier call gives a baseline")
        return Verdict(
            "broken",
            f"{what} {where}: {failed.height} of {during.height} calls failed, before the deploy "
            f"{int(before['failed'].sum())} of {before.height}",
        )
    return None


def deploy_span(transition: Transition) -> tuple[int, int | None]:
    """Return the stretch in which a failure counts against the deploy: (begin, end or None)."""
    phase = transition.phase
    end_ns = end_of_errors_ns(phase, transition.settled_ns)
    return min(phase.deploy_ns, phase.zero_ns), end_ns


def _beyond(before: pl.DataFrame, during: pl.DataFrame) -> bool:
    """Whether calls failed more often than before.

    Any failure is beyond a baseline without failures; else Fisher's exact test, one-sided.
    """
    failed_before, failed = int(before["failed"].sum()), int(during["failed"].sum())
    if failed_before == 0:
        return failed > 0
    chance = chance_of_more_failures(failed_before, before.height, failed, during.height)
    return chance <= BASELINE_LEVEL


def mixed_witness(transition: Transition) -> str:
    """Return which two calls show that a transition was mixed; it has stale answers."""
    overlap = transition.overlap
    assert overlap is not None  # stale answers come with an overlap
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


def _doubt(
    history: History, transitions: Sequence[Transition], unseen: Sequence[Unseen]
) -> str | None:
    """Return why "clean" cannot be claimed, None if it can."""
    if unseen:
        missing = unseen[0]
        return (
            f"the alias moved from {missing.start} to {missing.to}, but no call was answered by "
            f"{name_of(missing.missing)}"
        )
    if not transitions:
        calls = history.observations.height
        return f"no call was answered by a new release ({calls} calls): there is nothing to judge"
    for transition in transitions:
        if transition.new_answers < FEWEST_NEW_ANSWERS:
            return (
                f"only {transition.new_answers} calls were answered by {name_of(transition.to)}, "
                f"the first is call {transition.first_new_seq}; clean takes {FEWEST_NEW_ANSWERS}"
            )
    for transition in transitions:
        gap = _gap(history.observations, transition.phase.zero_ns)
        if gap is not None:
            return f"{gap} around the switch to {name_of(transition.to)}"
    return None


def _gap(observations: pl.DataFrame, zero_ns: int) -> str | None:
    """Return which poster stopped around the zero of a transition, None if none did.

    A poster that waits for an answer has not stopped, however slow the answer is. A poster's last
    call ends its posting where the others go on.
    """
    history_ends_ns = observations["sent_ns"].max()
    next_ns = pl.col("sent_ns").shift(-1).over("poster")
    silences = (
        observations.lazy()
        .sort("poster", "sent_ns")
        .select(
            "poster",
            pl.coalesce("received_ns", next_ns, "sent_ns").alias("begins_ns"),
            next_ns.fill_null(history_ends_ns).alias("ends_ns"),
        )
        .with_columns((pl.col("ends_ns") - pl.col("begins_ns")).alias("silent_ns"))
        .with_columns(
            pl.max_horizontal(
                pl.lit(GAP_S * 1e9), GAP_FACTOR * pl.col("silent_ns").median().over("poster")
            ).alias("longest_ns")
        )
        .filter(
            pl.col("silent_ns") > pl.col("longest_ns"),
            pl.col("begins_ns") <= zero_ns + pl.col("longest_ns"),
            pl.col("ends_ns") >= zero_ns,
        )
        .sort("begins_ns", "poster")
        .select("poster", "silent_ns")
        .head(1)
        .collect()
    )
    if silences.is_empty():
        return None
    poster, silent_ns = silences.row(0)
    return f"poster {poster} sent nothing for {silent_ns / 1e9:.1f} s"
