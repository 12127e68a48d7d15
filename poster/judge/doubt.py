"""Why "clean" cannot be claimed. Pure.

A mixture can be hidden: by calls whose outcome is unknown, by answers that name no release, by
calls that are missing from the history, and by posters that did not ask. Each of them is doubt
where it may have hidden an old answer after a new one: from the deploy's first step on or, where no
step says when it began, from the deploy before on; until callers were settled.

Invariant: a history with less in it is never less in doubt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from poster.judge.checks import Checks
from poster.judge.contradictions import contradictions
from poster.judge.evidence import under_way
from poster.judge.harm import Tested, beyond
from poster.judge.hidden import LONGEST_CALL_NS
from poster.judge.overlap import Overlap
from poster.judge.releases import name_of
from poster.judge.silence import why_nothing_new
from poster.judge.statistics import CLEAN_RUN
from poster.judge.stretches import Stretch
from poster.judge.transition import Transition, Unseen
from poster.rows.history import History

GAP_S = 1.0  # a poster that is silent for longer and ten times its usual pause has stopped
GAP_FACTOR = 10


def reasons(
    history: History,
    transitions: Sequence[Transition],
    unseen: Sequence[Unseen],
    stretches: Sequence[Stretch],
    hidden: pl.DataFrame,
    tests: Sequence[Tested],
    checks: Checks,
) -> Iterator[str]:
    """Yield why "clean" cannot be claimed, each as a clause that names the rows."""
    yield from _suspicions(tests)
    for move in unseen:
        yield (
            f"the alias moved from {move.start} to {move.to}, but no call was answered by "
            f"{name_of(move.missing)}"
        )
    if not transitions:
        calls = history.total
        source = history.run.settings.get("version_from")
        why = why_nothing_new(history.calls, source) or "there is nothing to judge"
        yield f"no call was answered by a new release ({calls} calls): {why}"
    yield from contradictions(history)
    yield from _placement(history, transitions)
    for took_over in transitions:
        if took_over.over_ns is None:
            yield (
                f"too few calls followed the switch to {name_of(took_over.to)}, of which the first "
                f"new answer is call {took_over.first_new_seq}: clean takes"
                f" {CLEAN_RUN} new answers in a row"
            )
        elif took_over.settled_ns is None:
            yield (
                f"from when callers were settled on {name_of(took_over.to)} is not bounded:"
                f" {took_over.landing.reason}"
            )
    yield from _hidden(history, hidden, transitions, stretches)
    missing = checks["sequence_gaps"].count
    if checks["malformed_lines"].count > missing:
        yield (
            f"{checks['malformed_lines'].count} lines are no rows, and the numbers of the calls do "
            "not say where they belong"
        )
    yield from _hidden_harm(tests)


def _suspicions(tests: Sequence[Tested]) -> Iterator[str]:
    """Yield which failures a deploy may have caused, though nothing proves it."""
    for each in tests:
        if each.is_deploys and each.failed and not each.calls_before:
            yield f"{each.witness}, and no earlier call gives a baseline"
        elif each.is_deploys and each.failed and not each.is_excused:
            yield f"{each.witness}, which is too few to tell whether that is the deploy's doing"
    for each in beyond(tests):
        yield f"{each.witness}, in no deploy's stretch: nothing says whether a deploy did that"


def _hidden_harm(tests: Sequence[Tested]) -> Iterator[str]:
    """Yield which calls may have failed because of a deploy, though nobody knows their end."""
    worst = beyond(tests, worst=True)
    for each in tests:
        if each in worst or (each.is_deploys and not each.is_excused):
            yield f"{each.witness}: they may have failed because of a deploy"


def _placement(history: History, transitions: Sequence[Transition]) -> Iterator[str]:
    """Yield which order of answers rests on clocks that prove nothing."""
    for each in transitions:
        if each.stale and not is_proven(each):
            assert each.overlap is not None  # stale answers come with an overlap
            yield _unproven(each, each.overlap)
    unplaced = [source.run_id for source in history.sources if source.error_ms is None]
    if unplaced and len(history.sources) > 1:
        yield (
            f"{unplaced[0]} is placed by its wall clock alone, so its answers and those of the "
            "other histories have no order"
        )


def is_proven(transition: Transition) -> bool:
    """Whether an old answer surely came after a new one."""
    overlap = transition.overlap
    return overlap is not None and (overlap.certain or transition.is_ordered)


def _unproven(transition: Transition, overlap: Overlap) -> str:
    return (
        f"call {overlap.old_seq} was answered by {name_of(transition.start)} after call "
        f"{overlap.new_seq} was answered by {name_of(transition.to)}, but both were under way at "
        "once, and no server's clock that agrees with the calls says which was served first"
    )


def _hidden(
    history: History,
    calls: pl.DataFrame,
    transitions: Sequence[Transition],
    stretches: Sequence[Stretch],
) -> Iterator[str]:
    """Yield what may have hidden an old answer after a new one."""
    after_ns = history.first_sent_ns - LONGEST_CALL_NS
    of = {id(each.transition): each for each in stretches}
    for each in transitions:
        stretch = of.get(id(each))
        begin_ns = each.phase.zero_ns if stretch is None else stretch.begin_ns
        surely_ns = begin_ns if each.last_before_ns is None else each.last_before_ns
        # Where nothing says when the deploy began, a new answer may hide anywhere before.
        is_told = stretch is not None and stretch.is_told
        told_ns = begin_ns if is_told else after_ns
        within = under_way(told_ns, each.over_ns)
        where = f"while {name_of(each.to)} took over from {name_of(each.start)}"
        yield from _hiding(calls.filter(within), where)
        # A deploy may take long before anything moves: only around the move does silence hide.
        moved_ns = each.phase.zero_ns if is_told else begin_ns
        silence = _silence(history.calls, min(moved_ns, surely_ns), each.over_ns)
        if silence is not None:
            yield f"{silence} around the switch to {name_of(each.to)}"
        after_ns = max(after_ns, each.over_ns or after_ns)


def _hiding(calls: pl.DataFrame, where: str) -> Iterator[str]:
    if calls.is_empty():
        return
    totals = calls.group_by("kind").agg(pl.col("seq").min(), pl.col("count").sum())
    found = {kind: (seq, count) for kind, seq, count in totals.iter_rows()}
    for kind, said in (
        ("unknown", "has an unknown outcome"),
        ("nameless", "was answered without naming a release"),
        ("missing", "is missing from the history"),
    ):
        if kind in found:
            seq, count = found[kind]
            others = f", as {count - 1} more," if count > 1 else ""
            yield f"call {seq} {said}{others} {where}: it may have got old code"


def _silence(calls: pl.LazyFrame, begin_ns: int, end_ns: int | None) -> str | None:
    """Return which poster stopped between begin and end, None if none did.

    A poster that waits for an answer has not stopped, however slow the answer is. A poster's last
    call ends its posting where the others go on.
    """
    next_ns = pl.col("sent_ns").shift(-1).over("poster")
    silences = (
        calls.sort("poster", "sent_ns")
        .select(
            "poster",
            pl.coalesce("received_ns", next_ns, "sent_ns").alias("begins_ns"),
            next_ns.fill_null(pl.col("sent_ns").max()).alias("ends_ns"),
        )
        .with_columns((pl.col("ends_ns") - pl.col("begins_ns")).alias("silent_ns"))
        .with_columns(
            pl.max_horizontal(
                pl.lit(GAP_S * 1e9), GAP_FACTOR * pl.col("silent_ns").median().over("poster")
            ).alias("longest_ns")
        )
        .filter(
            pl.col("silent_ns") > pl.col("longest_ns"),
            pl.col("ends_ns") >= begin_ns,
            pl.lit(True) if end_ns is None else pl.col("begins_ns") < end_ns,
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
