"""What went wrong beyond doubt: lost writes, and calls that failed because of a deploy. Pure.

The failures of every stretch are held against the baseline, the calls before it that are in no
other stretch, by one exact one-sided test, whether or not a call of the baseline failed. The level
holds over all tests of a report together (S. Holm, A simple sequentially rejective multiple test
procedure, Scandinavian Journal of Statistics 1979). One test more asks whether all calls fail from
some call on until the end of the history, though no stretch covers them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import polars as pl

from poster.judge.checks import CHECKS, Checks
from poster.judge.evidence import under_way
from poster.judge.statistics import chance_of_more_failures
from poster.judge.stretches import Stretch
from poster.judge.throttling import throttled

LEVEL = 0.05  # over all tests of one report
FEWEST_IN_TAIL = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Tested:
    """Failures of one stretch against its baseline."""

    chance: float  # of so many or more, if nothing had changed
    failed: int
    calls: int
    failed_before: int
    calls_before: int
    witness: str  # one sentence that names the first failed call

    @property
    def is_excused(self) -> bool:
        """Whether calls failed before as well, so that failing now is nothing new."""
        return self.failed == 0 or self.failed_before > 0


def lost(checks: Checks) -> str | None:
    """Return the sentence of a check whose violation is harm, None if none is violated."""
    for name, each in CHECKS.items():
        if each.is_harm and checks[name].count:
            witness = checks[name].witnesses[0]
            return f"{witness} was acknowledged, but its row is not in the store"
    return None


def tests_of(observations: pl.DataFrame, stretches: Sequence[Stretch]) -> list[Tested]:
    """Return the test of each stretch, and that of the end of the history where none covers it."""
    calls = (
        observations.lazy()
        .filter(pl.col("outcome") != "unknown")
        .select(
            "seq",
            "sent_ns",
            "received_ns",
            "status",
            (pl.col("outcome") == "fail").alias("failed"),
            throttled().alias("throttled"),
        )
        .collect()
    )
    if not calls["failed"].any():
        return []
    outside = pl.lit(True)
    for each in stretches:
        outside &= ~under_way(each.begin_ns, each.end_ns)
    found = [_tested(calls, each, outside) for each in stretches]
    tail = _tail(calls.sort("sent_ns", "seq"), stretches)
    return found if tail is None else [*found, tail]


def beyond(tests: Sequence[Tested]) -> list[Tested]:
    """Return the tests that reject, the surest first; the level holds over all of them."""
    ordered = sorted(tests, key=lambda each: each.chance)
    for place, each in enumerate(ordered):
        if each.chance > LEVEL / (len(ordered) - place):
            return ordered[:place]
    return ordered


def _tested(calls: pl.DataFrame, stretch: Stretch, outside: pl.Expr) -> Tested:
    during = calls.filter(under_way(stretch.begin_ns, stretch.end_ns))
    ended_ns = pl.coalesce("received_ns", "sent_ns")
    before = calls.filter(outside & (ended_ns < stretch.begin_ns))
    failed, failed_before = int(during["failed"].sum()), int(before["failed"].sum())
    chance = (
        chance_of_more_failures(failed_before, before.height, failed, during.height)
        if failed
        else 1.0
    )
    witness = ""
    if failed:
        witness = (
            f"{_first(during)} {stretch.what}: {failed} of {during.height} calls failed"
            f"{_of_which(during)}, before the deploy {failed_before} of {before.height}"
        )
    return Tested(chance, failed, during.height, failed_before, before.height, witness)


def _first(calls: pl.DataFrame) -> str:
    seq, status = calls.filter("failed").sort("seq").select("seq", "status").row(0)
    return f"call {seq} failed" + (f" with HTTP {status}" if status is not None else "")


def _of_which(calls: pl.DataFrame) -> str:
    count = int(calls["throttled"].sum())
    return f" ({count} throttled)" if count else ""


def _tail(ordered: pl.DataFrame, stretches: Sequence[Stretch]) -> Tested | None:
    """Test the calls from which on none succeeded, if no stretch reaches to the end.

    The chance is that of a run of failures so long at the end, if the failures fell on the calls of
    the history at random.
    """
    flags = ordered["failed"].to_numpy()
    length = int(flags[::-1].argmin()) if not flags.all() else 0
    if length < FEWEST_IN_TAIL or (stretches and stretches[-1].end_ns is None):
        return None
    total, failed = flags.size, int(flags.sum())
    chance = math.exp(sum(math.log((failed - place) / (total - place)) for place in range(length)))
    tail, before = ordered.tail(length), ordered.head(total - length)
    failed_before = failed - length
    witness = (
        f"{_first(tail)}, and so did every call after it: {length} of {length}{_of_which(tail)},"
        f" before {failed_before} of {before.height}"
    )
    return Tested(chance, length, length, failed_before, before.height, witness)
