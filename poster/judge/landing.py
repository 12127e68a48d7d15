"""Does each call land anew, as the intervals assume, or do neighbouring answers go together? Pure.

A front end may stay with a connection, an address or a moment; then a thousand calls say no more
than a few. Old and new answers that fall independently of each other, given S(t), *switch* between
neighbours as often as S(t) lets expect: neighbours in time, and neighbours of one poster. Fewer
switches show answers that go together. Where hardly any call fell into a mixture, nothing shows,
and what counts is how the calls were made, if the rows say so.

Invariant: what is not known to be independent never narrows an interval.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from poster.judge.statistics import CONFIDENCE, never_rising
from poster.rows.record import TargetName

MOST_TOGETHER = -2.0  # fewer switches, in standard deviations: 2.3 % of the independent histories
TELLING = -5.0  # the test can tell if answers that never leave a front end would give as few

# all: independent, or nothing says otherwise; new connections: those calls alone; none: no interval
Basis = Literal["all", "new connections", "none"]


@dataclasses.dataclass(frozen=True, slots=True)
class Landing:
    """How calls landed while one release took over, and what intervals may rest on."""

    kept_share: (
        float | None
    )  # of the answers, over connections that had carried calls; None: unsaid
    z: float | None  # switches against what S(t) lets expect; None: too few answers to tell
    basis: Basis
    is_tested: bool  # False: the basis is what the rows say of connections, or an assumption

    @property
    def confidence(self) -> float | None:
        """The level of the bounds; None where nothing shows that each call landed anew."""
        return None if self.kept_share is None and not self.is_tested else CONFIDENCE

    @property
    def reason(self) -> str:
        """Why intervals do not rest on all calls; empty where they do."""
        if self.basis == "none":
            return "answers go together, so that many calls say no more than a few"
        if self.basis == "new connections":
            return (
                "connections were kept, and a front end may stay with a connection:"
                " --fresh-connections 1 gives calls that tell"
            )
        return ""

    @property
    def sentence(self) -> str:
        """What became of the assumption under the intervals, for every report."""
        kept = "unsaid whether connections were kept"
        if self.kept_share is not None:
            kept = f"{self.kept_share:.0%} of the answers came over kept connections"
        if self.basis == "none":
            return f"{kept}; {self.reason} (z {self.z:+.1f}): nothing is bounded"
        if self.basis == "new connections":
            return f"{kept}; the others alone bound S(t), since a front end may stay with one"
        if self.is_tested:
            return f"{kept}; each call landed anew, as neighbouring answers show (z {self.z:+.1f})"
        return f"{kept}; too few answers in the mixture to test that each call landed anew"


def landing_of(
    flags: NDArray[np.bool_],
    poster: NDArray[np.integer[Any]],
    is_kept: NDArray[np.bool_] | None,
    target: TargetName,
) -> Landing:
    """Return how the calls landed whose answers were stale or not, in the order of sending.

    ``is_kept`` says whether their connections had carried calls before; None where rows do not.
    """
    kept_share = None if is_kept is None or not is_kept.size else float(is_kept.mean())
    z, is_telling = _fewest_switches(flags, poster)
    if z is not None and z < MOST_TOGETHER:
        return Landing(kept_share, z, "none", is_tested=True)
    if is_telling:
        return Landing(kept_share, z, "all", is_tested=True)
    # The local front ends take each call as it comes, whatever its connection.
    is_kept_to_one = bool(kept_share) and target != "local"
    return Landing(kept_share, z, "new connections" if is_kept_to_one else "all", is_tested=False)


def _fewest_switches(
    flags: NDArray[np.bool_], poster: NDArray[np.integer[Any]]
) -> tuple[float | None, bool]:
    """Return the lowest z of both kinds of neighbours, and whether it can tell."""
    if not flags.any() or flags.all():
        return None, False
    # After the last stale answer S is 0: no pair switches but each poster's first one after it.
    last = int(np.flatnonzero(flags)[-1])
    firsts = np.unique(poster[last + 1 :], return_index=True)[1]
    kept = np.concatenate([np.arange(last + 1), last + 1 + np.sort(firsts)])
    flags, poster = flags[kept], poster[kept]
    share = never_rising(flags)
    by_poster = np.argsort(poster, kind="stable")
    found = [
        _switches(flags, share, np.zeros(flags.size, dtype=np.int64)),
        _switches(flags[by_poster], share[by_poster], poster[by_poster]),
    ]
    seen = [(z, all_together) for z, all_together in found if z is not None]
    if not seen:
        return None, False
    return min(z for z, _ in seen), max(least for _, least in seen) <= TELLING


def _switches(
    flags: NDArray[np.bool_], share: NDArray[np.float64], poster: NDArray[np.integer[Any]]
) -> tuple[float | None, float]:
    """Return z of the number of switches, and z if each poster had switched just once."""
    old, new = share, 1 - share
    same = poster[1:] == poster[:-1]
    chance = (old[:-1] * new[1:] + new[:-1] * old[1:]) * same
    # Two switches in a row are old, new, old or the other way round: they share the middle answer.
    both = (old[:-2] * new[1:-1] * old[2:] + new[:-2] * old[1:-1] * new[2:]) * same[:-1] * same[1:]
    variance = (chance * (1 - chance)).sum() + 2 * (both - chance[:-1] * chance[1:]).sum()
    if variance <= 0:
        return None, 0.0
    expected, deviation = chance.sum(), float(np.sqrt(variance))
    switches = ((flags[1:] != flags[:-1]) & same).sum()
    once = np.unique(poster).size
    return (
        round(float(switches - expected) / deviation, 2),
        float(once - expected) / deviation,
    )
