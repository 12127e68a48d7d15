"""How often is a deploy blamed for failures that it did not cause? Draws histories, judges, counts.

Calls fail at a rate that never changes, and every deploy is a clean cut: whatever is *broken* is a
false alarm of the report as a whole, and so is doubt that rests on failures.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from poster.rows.record import Step
from tests.support.truths import RATE, moved, result_of, step, told

HISTORIES = 300


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """What a set of histories has in common; a deploy-started step tells of every deploy."""

    failing: float  # share of the calls, at all times
    deploys: int
    before: int  # calls before the first deploy
    during: int  # calls from a deploy-started to its switch; as many again before the next one

    @property
    def name(self) -> str:
        """How the table calls it."""
        deploys = "1 deploy" if self.deploys == 1 else f"{self.deploys} deploys"
        return f"{self.failing:.1%}, {deploys}, {self.before} calls before, {self.during} in each"


SETTINGS = [
    Setting(0.001, 1, 1000, 500),
    Setting(0.001, 1, 200, 500),
    Setting(0.002, 3, 1000, 500),
    Setting(0.01, 1, 1000, 500),
    Setting(0.01, 10, 1000, 300),
    Setting(0.1, 3, 200, 300),
]


@dataclasses.dataclass(frozen=True, slots=True)
class Alarms:
    """How often a report blamed a deploy, of one setting."""

    setting: Setting
    broken: float
    beyond: float  # unknown, because failures in no stretch were beyond the baseline
    few: float  # unknown, because failures in a stretch are too few to tell


def alarms_of(setting: Setting, histories: int = HISTORIES) -> Alarms:
    """Draw that many histories and return how they were judged."""
    results = [_judged(setting, seed) for seed in range(histories)]
    said = [(verdict, witness) for verdict, witness in results if verdict != "clean"]
    share = 1 / histories
    return Alarms(
        setting,
        broken=share * sum(verdict == "broken" for verdict, _ in said),
        beyond=share * sum("nothing says whether" in witness for _, witness in said),
        few=share * sum("too few to tell" in witness for _, witness in said),
    )


def _judged(setting: Setting, seed: int) -> tuple[str, str]:
    draw = np.random.default_rng([seed, setting.deploys, setting.before, setting.during])
    lasts = setting.during + 700
    calls = setting.before + setting.deploys * lasts
    fails = draw.random(calls + 1) < setting.failing
    starts = [setting.before + place * lasts for place in range(setting.deploys)]
    switches = [(start + setting.during) / RATE for start in starts]

    def who(at_s: float, seq: int) -> str:
        return "!" if fails[seq] else str(1 + int(np.searchsorted(switches, at_s, side="right")))

    steps: list[Step] = []
    for place, (start, switch_s) in enumerate(zip(starts, switches, strict=True), start=1):
        steps += [step("deploy-started", start / RATE)]
        steps += [moved(switch_s, str(place), str(place + 1))]
    result = result_of(told(who, steps, seconds=calls / RATE))
    return result.verdict, result.witness


def table(rows: Iterable[Alarms] | Sequence[Alarms]) -> str:
    """Return the Markdown table of the false alarms."""
    lines = [
        "| calls that fail at all times | broken | beyond, in no stretch | too few to tell |",
        "|---|---:|---:|---:|",
    ]
    lines += [
        f"| {row.setting.name} | {row.broken:.1%} | {row.beyond:.1%} | {row.few:.1%} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"
