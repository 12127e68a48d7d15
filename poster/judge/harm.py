"""What went wrong beyond doubt: lost writes, and calls that failed because of a deploy. Pure.

The failures of every stretch are held against the baseline, the calls before it that are in no
other stretch, by one exact one-sided test, whether or not a call of the baseline failed. The level
holds over all tests of a report together (S. Holm, A simple sequentially rejective multiple test
procedure, Scandinavian Journal of Statistics 1979). One test more asks whether all calls fail from
some call on until the end of the history, though no stretch covers them.

Failures in no stretch prove nothing against a deploy, but they are no good sign either: those after
callers had settled are held against the same baseline, and so is the place where failures are
densest, where no deploy-started step clears the deploys. These make doubt, not harm.

Each test is also made for the worst case, in which all calls that nobody knows the end of speak
against the deploy. Invariant: less data never raises the chance of the worst case.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from poster.judge.checks import CHECKS, Checks
from poster.judge.statistics import chance_of_more_failures
from poster.judge.stretches import Stretch
from poster.judge.throttling import throttled

LEVEL = 0.05  # over all tests of one report
FEWEST_IN_A_ROW = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Tested:
    """Failures of some calls against a baseline."""

    chance: float  # of so many or more, if nothing had changed
    worst_chance: float  # the same if all calls of unknown end spoke against the deploy
    failed: int
    worst_failed: int
    calls: int
    failed_before: int
    calls_before: int
    witness: str  # one sentence that names the first failed call
    is_deploys: bool = True  # False: nobody can say whether a deploy did it

    @property
    def is_excused(self) -> bool:
        """Whether calls failed before as well, so that failing now is nothing new."""
        return self.worst_failed == 0 or self.failed_before > 0


def lost(checks: Checks) -> str | None:
    """Return the sentence of a check whose violation is harm, None if none is violated."""
    for name, each in CHECKS.items():
        if each.is_harm and checks[name].count:
            witness = checks[name].witnesses[0]
            return f"{witness} was acknowledged, but its row is not in the store"
    return None


def tests_of(
    every: pl.LazyFrame, hidden: pl.DataFrame, stretches: Sequence[Stretch]
) -> list[Tested]:
    """Return the tests of each stretch, and those of the failures that lie in none."""
    if not (
        every.select((pl.col("outcome") == "fail").any()).collect().item()
        or (hidden["kind"] != "nameless").any()
    ):
        return []
    calls = _ended(every, hidden)
    within = [calls.under_way(stretch.begin_ns, stretch.end_ns) for stretch in stretches]
    outside = np.ones(calls.seq.size, dtype=bool)
    for own in within:
        outside &= ~own
    found = []
    for each, own, later in itertools.zip_longest(stretches, within, stretches[1:]):
        before = calls.chosen(outside & (calls.received_ns < each.begin_ns))
        during = calls.chosen(own)
        found.append(_against(before, during, each.what))
        found += _gathered_within(before, during, each.what)
        if each.end_ns is not None:
            after = outside & (calls.sent_ns >= each.end_ns)
            if later is not None:
                after &= calls.sent_ns < later.begin_ns
            late = _against(before, calls.chosen(after), "after callers had settled")
            found.append(dataclasses.replace(late, is_deploys=False))
    found += _gathered(calls, stretches, outside)
    return found


def beyond(tests: Sequence[Tested], worst: bool = False) -> list[Tested]:
    """Return the tests that reject, the surest first; the level holds over all of them."""
    chances = [each.worst_chance if worst else each.chance for each in tests]
    ordered = sorted(zip(chances, tests, strict=True), key=lambda pair: pair[0])
    rejected = itertools.takewhile(
        lambda place: ordered[place][0] <= LEVEL / (len(ordered) - place), range(len(ordered))
    )
    return [ordered[place][1] for place in rejected]


@dataclasses.dataclass(frozen=True, slots=True)
class _Ended:
    """How calls ended, in the order of sending; one entry may stand for several missing calls."""

    seq: NDArray[np.int64]
    count: NDArray[np.int64]
    sent_ns: NDArray[np.int64]
    received_ns: NDArray[np.int64]  # when it ended, at the latest
    failed: NDArray[np.bool_]
    bad: NDArray[np.bool_]  # failed, or nobody knows
    throttled: NDArray[np.bool_]
    status: pl.Series

    def chosen(self, which: NDArray[np.bool_]) -> _Ended:
        """Return those that are chosen."""
        return _Ended(
            self.seq[which],
            self.count[which],
            self.sent_ns[which],
            self.received_ns[which],
            self.failed[which],
            self.bad[which],
            self.throttled[which],
            self.status.filter(pl.Series(which)),
        )

    def under_way(self, begin_ns: int, end_ns: int | None) -> NDArray[np.bool_]:
        """Return which were under way at some moment from begin to end."""
        ended = self.received_ns >= begin_ns
        return ended if end_ns is None else ended & (self.sent_ns < end_ns)

    @property
    def known(self) -> _Ended:
        """Return those of which the end is known."""
        return self.chosen(~self.bad | self.failed)

    @property
    def total(self) -> int:
        """Return how many calls these are."""
        return int(self.count.sum())

    @property
    def failures(self) -> int:
        """Return how many failed."""
        return int(self.failed.sum())

    @property
    def unknown(self) -> int:
        """Return of how many nobody knows the end."""
        return int(self.count[self.bad & ~self.failed].sum())


def _ended(every: pl.LazyFrame, hidden: pl.DataFrame) -> _Ended:
    known = every.filter(pl.col("outcome") != "unknown")
    failed = pl.col("outcome") == "fail"
    unknown = hidden.lazy().filter(pl.col("kind") != "nameless")
    calls = (
        pl.concat(
            [
                known.select(
                    "seq",
                    pl.lit(1, pl.Int64).alias("count"),
                    "sent_ns",
                    pl.coalesce("received_ns", "sent_ns"),
                    failed.alias("failed"),
                    failed.alias("bad"),
                    throttled().alias("throttled"),
                    "status",
                ),
                unknown.select(
                    *("seq", "count", "sent_ns", "received_ns"),
                    pl.lit(False).alias("failed"),
                    pl.lit(True).alias("bad"),
                    pl.lit(False).alias("throttled"),
                    pl.lit(None, pl.Int64).alias("status"),
                ),
            ]
        )
        .sort("sent_ns", "seq")
        .collect()
    )
    return _Ended(
        status=calls.drop_in_place("status"), **{each.name: each.to_numpy() for each in calls}
    )


def _against(before: _Ended, during: _Ended, what: str) -> Tested:
    failed, failed_before = during.failures, before.failures
    # Nobody knows of a call whether it failed: not counted, or counted as the worst case.
    unknown = during.unknown
    calls, calls_before = during.total - unknown, before.total - before.unknown
    worst = failed + unknown
    witness = ""
    if failed:
        witness = (
            f"{_first(during)} {what}: {failed} of {calls} calls failed"
            f"{_of_which(during)}, before the deploy {failed_before} of {calls_before}"
        )
    return Tested(
        _chance(failed_before, calls_before, failed, calls),
        _chance(failed_before, before.total, worst, during.total),
        *(failed, worst, calls, failed_before, calls_before),
        witness or f"nobody knows how {unknown} of the calls ended {what}",
    )


def _chance(failed_before: int, calls_before: int, failed: int, calls: int) -> float:
    return chance_of_more_failures(failed_before, calls_before, failed, calls) if failed else 1.0


def _first(calls: _Ended) -> str:
    """Return which failed first, by its number."""
    failed = np.flatnonzero(calls.failed)
    place = int(failed[calls.seq[failed].argmin()])
    status = calls.status[place]
    said = f"call {calls.seq[place]} failed"
    return said if status is None else f"{said} with HTTP {status}"


def _of_which(calls: _Ended) -> str:
    count = int(calls.throttled.sum())
    return f" ({count} throttled)" if count else ""


def _gathered(
    calls: _Ended, stretches: Sequence[Stretch], outside: NDArray[np.bool_]
) -> Iterator[Tested]:
    """Yield the test of the calls from which on none succeeded, and of the densest elsewhere.

    The chance is that of a row of failures so long at the end, or of so many in one place, if the
    failures fell on the calls at random.
    """
    known = calls.known
    flags, total = known.failed, known.failed.size
    at_end = int(flags[::-1].argmin()) if total and not flags.all() else 0
    is_covered = bool(stretches) and stretches[-1].end_ns is None
    if at_end >= FEWEST_IN_A_ROW and not is_covered:
        tail = known.chosen(np.arange(total) >= total - at_end)
        failed, before = known.failures, total - at_end
        chance = _chance_of_a_row(at_end, failed, total)
        witness = (
            f"{_first(tail)}, and so did every call after it: {at_end} of {at_end}"
            f"{_of_which(tail)}, before {failed - at_end} of {before}"
        )
        yield Tested(chance, chance, at_end, at_end, at_end, failed - at_end, before, witness)
    # A deploy-started step clears the deploys of what failed before the first of them.
    if stretches and stretches[0].is_started:
        outside = outside & (calls.sent_ns >= stretches[0].begin_ns)
    yield from _cluster(calls.chosen(outside))


def _gathered_within(before: _Ended, during: _Ended, what: str) -> Iterator[Tested]:
    """Yield the test of the densest place of a stretch, if failures did not gather before it.

    A long stretch dilutes an outage of some seconds, and a short baseline proves little of it.
    Calls of unknown end before it excuse nothing.
    """
    usual = _densest(before, before.failed)
    if usual is None or usual.chance > LEVEL:
        yield from _cluster(during, what, before)


def _cluster(calls: _Ended, what: str = "", before: _Ended | None = None) -> Iterator[Tested]:
    """Yield the test of the place where failures are densest, against ``before`` or elsewhere.

    Where there is a before, the calls are a deploy's.

    For the worst case every call of unknown end counts as failed there, and as ok elsewhere.
    """
    worst = _densest(calls, calls.bad, before)
    if worst is None:
        return
    ended = calls.known
    known = _densest(ended, ended.failed, before)
    chance, failed, shown = (1.0, 0, worst) if known is None else (known.chance, known.bad, known)
    witness = (
        f"{shown.bad} of the {shown.calls} calls around call {shown.first_seq} have no known end"
    )
    if known is not None:
        first = _first(calls.chosen(calls.seq == known.first_seq))
        many = f"{known.bad - 1} more of {known.calls} calls around it"
        witness = f"{first}{what and f' {what}'}, and so did {many}"
    yield Tested(
        chance,
        worst.chance,
        *(failed, worst.bad, shown.calls, shown.failed_elsewhere, shown.calls_elsewhere),
        witness,
        is_deploys=before is not None,
    )


@dataclasses.dataclass(frozen=True, slots=True)
class _Dense:
    """So many calls in a row of which more ended badly than anywhere else."""

    chance: float  # of so many anywhere, if the bad ends fell on the calls at random
    bad: int
    calls: int
    failed_elsewhere: int
    calls_elsewhere: int
    first_seq: int  # of the first that ended badly


def _densest(
    calls: _Ended, flagged: NDArray[np.bool_], before: _Ended | None = None
) -> _Dense | None:
    """Return the place that is least likely; None if none holds ``FEWEST_IN_A_ROW`` bad ends.

    Places of 5, 10, 20 ... calls are looked at, each against the calls before, or else against all
    that are not in it. The chance is bounded by the sum over all places
    and lengths (a scan statistic, and the simplest bound of it).
    """
    counts = calls.count
    if int(counts[flagged].sum()) < FEWEST_IN_A_ROW:
        return None
    ends = np.cumsum(counts)
    total = int(ends[-1])
    bad_by = np.concatenate([[0], np.cumsum(counts * flagged)])
    failed_by = np.concatenate([[0], np.cumsum(counts * calls.failed)])
    edges = np.concatenate([[0], ends])
    lengths = [FEWEST_IN_A_ROW * 2**power for power in range(total.bit_length())]
    lengths = [length for length in lengths if length <= total]
    found = []
    for length in lengths:
        starts = np.maximum(0, ends - length)
        bad = bad_by[1:] - np.interp(starts, edges, bad_by)
        place = int(np.argmax(bad))
        inside = round(bad[place])
        if inside < FEWEST_IN_A_ROW:
            continue
        failed = failed_by[place + 1] - np.interp(starts[place], edges, failed_by)
        elsewhere, calls_elsewhere = round(failed_by[-1] - failed), total - length
        if before is not None:
            elsewhere, calls_elsewhere = before.failures, before.total
        chance = chance_of_more_failures(elsewhere, calls_elsewhere, inside, length)
        first = int(np.flatnonzero(flagged & (ends > starts[place]))[0])
        chance = min(1.0, chance * total * len(lengths))
        seq = int(calls.seq[first])
        found.append(_Dense(chance, inside, length, elsewhere, calls_elsewhere, seq))
    return min(found, key=lambda each: each.chance, default=None)


def _chance_of_a_row(length: int, failed: int, total: int) -> float:
    """Return the chance that ``length`` given calls are all among the failed ones."""
    return math.exp(
        math.lgamma(failed + 1)
        - math.lgamma(failed - length + 1)
        - math.lgamma(total + 1)
        + math.lgamma(total - length + 1)
    )
