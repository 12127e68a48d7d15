"""What the starts and the callers say: tables, and the advice of guides held against them. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

from labs.kit.table import Table
from labs.settings.heard import KEPT, UNWARMED, Gated, Heard
from labs.settings.intervals import Estimate, median, ratio
from labs.settings.starts import BASE, VARIANTS, Start

Measure = Callable[[Start], float]


def cold(start: Start) -> float:
    """Return what stands between a caller and a first answer, in milliseconds."""
    return start.unpack_ms + start.init_ms + start.first_ms


def warm(start: Start) -> float:
    """Return the median of the environment's later calls, in milliseconds."""
    return statistics.median(start.warm_ms)


class Starts:
    """The starts of every variant, in the order of their rounds."""

    def __init__(self, starts: Sequence[Start]) -> None:
        self._by_variant: Mapping[str, list[Start]] = {
            variant.name: sorted(
                (each for each in starts if each.variant == variant.name), key=lambda s: s.round
            )
            for variant in VARIANTS
        }
        self.rounds = len(self._by_variant[BASE.name])

    def median(self, variant: str, measure: Measure) -> Estimate:
        """Return the variant's own, in milliseconds."""
        return median([measure(each) for each in self._by_variant[variant]])

    def ratio(self, variant: str, measure: Measure) -> Estimate:
        """Return how often the base's that is."""
        theirs = [measure(each) for each in self._by_variant[BASE.name]]
        return ratio([measure(each) for each in self._by_variant[variant]], theirs)

    def cold_to_warm(self) -> Estimate:
        """Return how often a warm call of the base's environments a cold answer of theirs is."""
        starts = self._by_variant[BASE.name]
        return ratio([cold(each) for each in starts], [warm(each) for each in starts])


def starts_table(starts: Starts) -> Table:
    """Return what a first answer and the later ones take."""
    rows = [
        (
            variant.name,
            f"{starts.median(variant.name, cold):.0f}",
            "1" if variant == BASE else f"{starts.ratio(variant.name, cold):.2f}",
            *(
                f"{starts.median(variant.name, part).value:.0f}"
                for part in (lambda s: s.unpack_ms, lambda s: s.init_ms, lambda s: s.first_ms)
            ),
            f"{starts.median(variant.name, warm):.1f}",
            "1" if variant == BASE else f"{starts.ratio(variant.name, warm):.2f}",
        )
        for variant in VARIANTS
    ]
    return Table(
        f"Measured on RIE: {starts.rounds} environments of each variant, started in turns;"
        " medians, 95 % intervals in brackets, ratios to the first row within a round",
        (
            *("variant", "cold ms", "ratio", "unpack ms", "init ms", "first call ms"),
            *("warm call ms", "ratio"),
        ),
        rows,
    )


def reserved_tables(heard: Sequence[Heard], gated: Sequence[Gated]) -> list[Table]:
    """Return what callers of each door are told under each limit, and how the gate ends."""
    found = {(each.setting, each.door, each.what): each for each in heard}
    doors = list(dict.fromkeys((each.setting, each.door) for each in heard))
    rows = []
    for setting, door in doors:
        burst, deploy = found[setting, door, "burst"], found[setting, door, "deploy"]
        answer = burst.answer if burst.failed else deploy.answer
        rows.append(
            (
                *(setting, door, _of(burst.failed, burst.calls)),
                *(_of(*deploy.before_switch), _of(*deploy.at_switch), answer),
            )
        )
    callers = Table(
        "Reserved concurrency (modelled by AWS's rule: calls under way of all versions and"
        " aliases): calls turned away",
        (
            *("reserved", "door", "of a burst at once", "of two posters a door, before the switch"),
            *("in the 2.5 s after it, while both versions are called", "told"),
        ),
        rows,
    )
    gate = Table(
        "What the gate does then, at the REST API, while all doors are called",
        ("reserved", "outcome", "after", "probes at a time", "probes", "failed"),
        [
            (
                *(each.limit, each.outcome, f"{each.waited_s:.1f} s", str(each.at_a_time)),
                *(str(each.probes), str(each.failed)),
            )
            for each in gated
        ],
    )
    return [callers, gate]


def provisioned_table(heard: Sequence[Heard]) -> Table:
    """Return how many callers met an init, and what a broken release did to them."""
    return Table(
        "Provisioned concurrency (modelled: callers stay with the old version until the new one's"
        " environments are initialised) and warming, one deploy each at the REST API",
        ("setting", "release", "calls", "met an init", "failed", "told"),
        [
            (
                *(each.setting, "its init fails" if each.what == "broken" else "good"),
                *(str(each.calls), str(each.cold), str(each.failed), each.answer),
            )
            for each in heard
        ],
    )


def permission_table(heard: Sequence[Heard]) -> Table:
    """Return what callers are told while the alias's permission is replaced."""
    return Table(
        "The alias's permission during a deploy, at the REST API",
        ("permission", "calls", "failed", "from the first to the last of them", "told"),
        [
            (
                *(each.setting, str(each.calls), str(each.failed)),
                *(f"{each.outage_s:.1f} s" if each.failed else "-", each.answer),
            )
            for each in heard
        ],
    )


def advice_table(starts: Starts, provisioned: Sequence[Heard]) -> Table:
    """Return what guides advise, what it did here, and what only AWS can show."""
    found = {each.setting: each for each in provisioned if each.what == "release"}
    met = [_of(found[name].cold, found[name].calls) for name in (UNWARMED, KEPT) if name in found]
    said = f"; of a deploy's calls {' without it, '.join(met)} with it" if len(met) == 2 else ""
    rows = [
        (
            "keep connections",
            "a warm call that opens its connection, to one that keeps it",
            f"{starts.ratio('connection closed after each call', warm):.2f}",
            "the round trips of TCP and TLS to DynamoDB",
        ),
        (
            "init outside the handler",
            "a warm call that makes its client, to one that finds it",
            f"{starts.ratio('client made in the handler', warm):.2f}",
            "what the handler's share of a CPU makes of it: at 128 MB a fourteenth of one",
        ),
        (
            "make packages small",
            "a cold answer with 50 MB more that nothing reads",
            f"{starts.ratio('50 MB more in the package', cold):.2f}",
            "the download before the init, and what Lambda caches of packages and layers",
        ),
        (
            "import less",
            "a cold answer with a bare botocore client, to boto3's",
            f"{starts.ratio('botocore client', cold):.2f}",
            "the init's own CPU: more than the function's memory gives it",
        ),
        (
            "import when it is needed",
            "a cold answer that needs it anyway",
            f"{starts.ratio('imported at the first call', cold):.2f}",
            "the init runs with more CPU than the call, so it is dearer in the call",
        ),
        (
            "use provisioned concurrency",
            f"a cold answer, which it spares its callers, to a warm call{said}",
            f"{starts.cold_to_warm():.0f}",
            "a minute or two of allocation, weights on the alias meanwhile, the price",
        ),
    ]
    return Table(
        "What guides advise: the effect here, as a ratio with its 95 % interval",
        ("advice", "what was compared", "effect here", "what only AWS can show"),
        rows,
    )


def faults_in(
    reserved: Sequence[Heard], provisioned: Sequence[Heard], permission: Sequence[Heard]
) -> list[str]:
    """Return what contradicts the rules that are modelled, a sentence each."""
    found = []
    for each in reserved:
        is_limited = each.setting == "1" and each.what == "burst"
        if is_limited and not each.failed:
            found.append(f"a burst at {each.door} was not throttled by a concurrency of 1")
    for each in provisioned:
        is_kept = each.setting == KEPT
        if is_kept and each.what == "broken" and each.failed:
            found.append(
                "a release whose init fails reached callers behind provisioned concurrency"
            )
        if not is_kept and each.what == "broken" and not each.failed:
            found.append("a release whose init fails failed no call")
    for each in permission:
        if ("permission-gap" in each.setting) != (each.failed > 0):
            found.append(f"permission, {each.setting}: {each.failed} of {each.calls} calls failed")
    return found


def _of(count: int, calls: int) -> str:
    return f"{count} of {calls}"
