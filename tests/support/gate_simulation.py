"""Is the gate right, and how late is it? Simulated deploys whose truth is known.

    python -m tests.support.gate_simulation docs/gate.md

runs 2,000 deploys per setting (10,000 where a share lingers, 500 where probes fail) and writes the
tables between the marks of that file; the tests run fewer.

Each front end holds the old version during one or more intervals after the switch; a probe
is answered by the old version if the front end that it lands on holds it half a latency after
sending. The test that decides is the gate's own; where no probe fails it is replayed run by run,
which a test holds against it.

*Stale share* S(t): the share of front ends that hold the old version at t. *False release*: S is
above the gate's ``stale_share`` at the moment of the release. *Settled*: no front end holds the old
version any more, for good. *Delay*: from settled to the release.
"""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from docs.sections import filled
from poster.gate.sequential import Rule, SequentialTest
from poster.local.lag import PUBLISHED
from poster.report.table import in_markdown

TRIALS = 2000
LINGERING_TRIALS = 10_000
FAILING_TRIALS = 500  # nothing is replayed there
DEFAULT_RULE = Rule()
LATENCY_S, LATENCY_TAIL_S = 0.01, 0.01  # least, and the mean of what comes on top
POLL_S = 1.0  # how often scripts look at the control plane

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
# (front ends, intervals, 2): when each front end holds the old version, seconds after the switch.
Held = Callable[[np.random.Generator, int], Floats]


def published(draw: np.random.Generator, front_ends: int) -> Floats:
    """The lags fitted to the published runs."""
    slow = draw.random(front_ends) < PUBLISHED.slow_share
    return _until(np.where(slow, draw.exponential(PUBLISHED.slow_mean_s, front_ends), 0.0))


def heavy_tail(draw: np.random.Generator, front_ends: int) -> Floats:
    """Lomax lags: P(lag > t) = (1 + t)^-1.5, whose variance is infinite."""
    return _until(draw.pareto(1.5, front_ends))


def one_stuck(draw: np.random.Generator, front_ends: int) -> Floats:
    """The published lags, and one front end that takes 60 s."""
    held = published(draw, front_ends)
    held[0, 0, 1] = 60.0
    return held


def flapping(draw: np.random.Generator, front_ends: int) -> Floats:
    """The published lags; a third of the front ends then goes back to the old version once.

    After 2 s in the mean, for 1.5 s in the mean.
    """
    lags_s = published(draw, front_ends)[:, 0, 1]
    back_s = lags_s + draw.exponential(2.0, front_ends)
    again_s = np.where(
        draw.random(front_ends) < 1 / 3, back_s + draw.exponential(1.5, front_ends), back_s
    )
    first = np.stack([np.zeros(front_ends), lags_s], axis=1)
    return np.stack([first, np.stack([back_s, again_s], axis=1)], axis=1)


def flapping_on(draw: np.random.Generator, front_ends: int) -> Floats:
    """One front end goes back for 2 s in every 15 s, for two minutes."""
    held = np.zeros((front_ends, 8, 2))
    held[0, :, 0] = 15.0 * np.arange(8) + draw.uniform(0, 13)
    held[0, :, 1] = held[0, :, 0] + 2.0
    return held


def _until(lags_s: Floats) -> Floats:
    return np.stack([np.zeros_like(lags_s), lags_s], axis=1)[:, None, :]


class OneRun(Rule):
    """What the extra safety is held against: the bound is that of one run, not of the wait."""

    @property
    def attempt_at(self) -> int:
        """Every run is looked at from its first answer on."""
        return 1

    def alpha(self, attempt: int) -> float:
        """Nothing is spent."""
        return 1 - self.confidence

    def needed(self, attempt: int) -> int:
        """Return k."""
        return math.ceil(math.log1p(-self.confidence) / math.log1p(-self.stale_share))


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """What a set of trials has in common."""

    name: str
    held: Held
    front_ends: int = 40
    rate_per_s: float = 50.0
    rule: Rule = DEFAULT_RULE
    fresh_share: float = 1.0  # of the probes; the others share two connections that stay
    is_sticky: bool = False  # a connection stays at one front end
    failed_share: float = 0.0
    weights: tuple[float, ...] | None = None  # of the front ends; None: all the same

    @property
    def least_s(self) -> float:
        """Return k / rate: what a single run takes that keeps the bound for itself alone."""
        return OneRun(self.rule.stale_share, self.rule.confidence).needed(1) / self.rate_per_s


@dataclasses.dataclass(frozen=True, slots=True)
class Trial:
    """One deploy: the truth, and when it was released; seconds after the switch."""

    held: Floats
    released_s: float
    weights: tuple[float, ...] | None = None

    @property
    def settled_s(self) -> float:
        """Return when the last front end let go of the old version for good."""
        return float(self.held[:, :, 1].max(initial=0.0))

    def stale_share(self, at_s: float) -> float:
        """Return S."""
        holds = (self.held[:, :, 0] <= at_s) & (at_s < self.held[:, :, 1])
        return float(np.average(holds.any(axis=1), weights=self.weights))

    def is_false(self, stale_share: float) -> bool:
        """Return whether this was a false release."""
        return self.stale_share(self.released_s) > stale_share

    def comes_back(self, stale_share: float) -> bool:
        """Return whether S rises above the limit after the release."""
        starts = self.held[:, :, 0][self.held[:, :, 1] > self.held[:, :, 0]]
        return any(
            self.stale_share(at_s) > stale_share for at_s in starts[starts > self.released_s]
        )


def trial(setting: Setting, seed: int) -> Trial:
    """Deploy and wait with the gate."""
    draw = np.random.default_rng([seed, *setting.name.encode()])
    held = setting.held(draw, setting.front_ends)
    count = math.ceil((held.max() + 12 * setting.least_s + 5) * setting.rate_per_s)
    sent_s = (np.arange(count) + draw.random()) / setting.rate_per_s
    latency_s = LATENCY_S + draw.exponential(LATENCY_TAIL_S, count)
    ended_s = sent_s + latency_s
    landed = _landed(setting, draw, count)
    at_s = (sent_s + latency_s / 2)[:, None]
    is_old = ((held[landed, :, 0] <= at_s) & (at_s < held[landed, :, 1])).any(axis=1)
    if setting.failed_share:
        failed = draw.random(count) < setting.failed_share
        released_s = decided(setting.rule, sent_s, ended_s, is_old, failed)
    else:
        released_s = replayed(setting.rule, sent_s, ended_s, is_old)
    return Trial(held, released_s, setting.weights)


def decided(rule: Rule, sent_s: Floats, ended_s: Floats, is_old: Flags, failed: Flags) -> float:
    """Return when the gate's test passes, told of one probe after another."""
    said = np.where(failed, "fail", np.where(is_old, "old", "new")).tolist()
    sent_ns, ended_ns = ((each * 1e9).astype(int).tolist() for each in (sent_s, ended_s))
    test = SequentialTest(rule)
    for place in np.argsort(ended_s, kind="stable").tolist():
        test.ended(place + 1, sent_ns[place], ended_ns[place], said[place])
        if test.passed:
            return float(ended_s[place])
    raise AssertionError("the gate did not pass")


def replayed(rule: Rule, sent_s: Floats, ended_s: Floats, is_old: Flags) -> float:
    """Return the same where nothing fails, run by run: some fifty times as fast.

    A run begins with the first probe that is sent after every old answer before it has arrived, and
    ends when any later old answer arrives; an answer counts when all before it have ended.
    """
    whole_s = np.maximum.accumulate(ended_s)
    old = np.flatnonzero(is_old)
    begins = [0, *np.searchsorted(sent_s, np.maximum.accumulate(ended_s[old]), side="right")]
    cut_s = [*np.minimum.accumulate(ended_s[old][::-1])[::-1], np.inf]
    attempts = 0
    for begin, end, until_s in zip(begins, [*old, len(sent_s)], cut_s, strict=True):
        length = int(np.searchsorted(whole_s[begin:end], until_s)) if begin < end else 0
        if length >= rule.attempt_at:
            attempts += 1
            needed = rule.needed(attempts)
            if length >= needed:
                return float(whole_s[begin + needed - 1])
    raise AssertionError("the gate did not pass")


def _landed(setting: Setting, draw: np.random.Generator, count: int) -> NDArray[np.int64]:
    if setting.weights is not None:
        return draw.choice(len(setting.weights), count, p=setting.weights)
    anywhere = draw.integers(0, setting.front_ends, count)
    if not setting.is_sticky:
        return anywhere
    kept = draw.integers(0, setting.front_ends, 2)[np.arange(count) % 2]
    return np.where(draw.random(count) < setting.fresh_share, anywhere, kept)


@dataclasses.dataclass(frozen=True, slots=True)
class Measured:
    """What a way of waiting did over all trials of a setting."""

    false: float
    back: float
    delay_s: float  # median


def measured(trials: list[Trial], stale_share: float) -> Measured:
    """Count."""
    return Measured(
        false=float(np.mean([each.is_false(stale_share) for each in trials])),
        back=float(np.mean([each.comes_back(stale_share) for each in trials])),
        delay_s=float(np.median([each.released_s - each.settled_s for each in trials])),
    )


def gate(setting: Setting, trials: int) -> list[Trial]:
    """Return the trials of the gate."""
    count = min(trials, FAILING_TRIALS) if setting.failed_share else trials
    return [trial(setting, seed) for seed in range(count)]


# What is done by hand today, beginning when the deploy command returns: at the switch.
BY_HAND: dict[str, Callable[[np.random.Generator], float]] = {
    "`sleep 10`": lambda draw: 10.0,
    "`sleep 60`": lambda draw: 60.0,
    # It said Successful before the version was published: the first look finds it.
    "poll LastUpdateStatus": lambda draw: 0.0,
    # The alias is read until it is at the new version.
    "poll get-alias": lambda draw: draw.uniform(0, POLL_S),
}


def by_hand(way: str, trials: list[Trial]) -> list[Trial]:
    """Return the same deploys, waited for in that way."""
    draw = np.random.default_rng(0)
    return [dataclasses.replace(each, released_s=BY_HAND[way](draw)) for each in trials]


SETTINGS = [
    Setting("published", published),
    Setting("published, 1,000 front ends", published, front_ends=1000),
    Setting("published, 0.5 % of the probes fail", published, failed_share=0.005),
    Setting("heavy tail", heavy_tail),
    Setting("heavy tail, 200 front ends", heavy_tail, front_ends=200),
    Setting("one of 200 stuck for 60 s", one_stuck, front_ends=200),
    Setting(
        "the same, `--stale-share 0.001 --rate 200`",
        one_stuck,
        front_ends=200,
        rate_per_s=200,
        rule=Rule(stale_share=0.001),
    ),
    Setting("flapping", flapping),
]
STICKY = [
    Setting(
        f"heavy tail, 200 front ends, {share:.0%} fresh",
        heavy_tail,
        front_ends=200,
        fresh_share=share,
        is_sticky=True,
    )
    for share in (1.0, 0.9, 0.5, 0.1, 0.0)
]
BEYOND = [
    Setting("heavy tail, 200 front ends, `--rate 200`", heavy_tail, 200, rate_per_s=200),
    Setting("one of 40 goes back, 2 s in every 15 s", flapping_on),
]


def lingering(share: float, for_s: float) -> Setting:
    """Return a setting in which that share of the calls is old for so long, and then none."""

    def held(draw: np.random.Generator, front_ends: int) -> Floats:
        return _until(np.array([for_s, 0.0]))

    name = f"S = {100 * share:g} % for {for_s:g} s"
    return Setting(name, held, front_ends=2, weights=(share, 1 - share))


LINGERING = [
    lingering(share, for_s)
    for share, for_s in ((0.010001, 290), (0.011, 60), (0.011, 290), (0.02, 60), (0.05, 60))
]


def one_run(setting: Setting) -> Setting:
    """Return the same deploys, waited for with the bound of a single run."""
    rule = OneRun(setting.rule.stale_share, setting.rule.confidence, max_fail_share=1.0)
    return dataclasses.replace(setting, rule=rule)


def main_table(trials: int) -> str:
    """Return the table of all ways of waiting."""
    head = ["setting", "k / rate, s", "gate: false", "delay, s", "of k / rate", "old again"]
    rows = []
    for setting in SETTINGS:
        deploys = gate(setting, trials)
        ours = measured(deploys, setting.rule.stale_share)
        row = [setting.name, f"{setting.least_s:.2f}", *_cells(ours, setting)]
        for way in BY_HAND:
            theirs = measured(by_hand(way, deploys), setting.rule.stale_share)
            row.append(f"{theirs.false:.1%}, {theirs.delay_s:.1f} s")
        rows.append(row)
    return in_markdown([*head, *BY_HAND], rows)


def gate_table(settings: list[Setting], trials: int) -> str:
    """Return a table of the gate alone."""
    head = ["setting", "false", "delay, s", "of k / rate", "old again"]
    rows = [
        [each.name, *_cells(measured(gate(each, trials), each.rule.stale_share), each)]
        for each in settings
    ]
    return in_markdown(head, rows)


def cost_table(settings: list[Setting], trials: int) -> str:
    """Return what the bound for the whole wait costs beside that of a single run."""
    head = ["setting", "false", "delay, s", "one run: false", "delay, s"]
    rows = []
    for setting in settings:
        ours, theirs = (
            measured(gate(each, trials), setting.rule.stale_share)
            for each in (setting, one_run(setting))
        )
        cells = [f"{ours.false:.2%}", f"{ours.delay_s:.2f}"]
        rows.append([setting.name, *cells, f"{theirs.false:.2%}", f"{theirs.delay_s:.2f}"])
    return in_markdown(head, rows)


def _cells(ours: Measured, setting: Setting) -> list[str]:
    of_least = f"{ours.delay_s / setting.least_s:.2f}"
    return [f"{ours.false:.2%}", f"{ours.delay_s:.2f}", of_least, f"{ours.back:.2%}"]


def main(path: Path) -> None:
    """Print the tables and write them between the marks of the file."""
    text = path.read_text(encoding="utf-8")
    tables = {
        "gate": main_table(TRIALS),
        "gate-lingering": cost_table([SETTINGS[0], *LINGERING], LINGERING_TRIALS),
        "gate-sticky": gate_table(STICKY, TRIALS),
        "gate-beyond": gate_table(BEYOND, TRIALS),
    }
    for mark, table in tables.items():
        sys.stdout.write(f"{table}\n")
        text = filled(text, mark, table)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
