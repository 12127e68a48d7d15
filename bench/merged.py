"""Many histories of one experiment merged into one report: its time, its memory and what it says.

    python -m bench.merged [--histories N] [--calls N]

Every history is of one machine with ten posters and a clock of its own, around one deploy. The
histories lie in ``bench/.cache`` while they are read (350 bytes a call), and what the report keeps
of them in the system's temporary folder; both go afterwards. The defaults take 52 GB of disk.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from bench.machine import ROOT, Cost, run, table, write_section
from bench.report import ORIGIN_UNIX_NS, WINDOW_S
from bench.scale import PAGE
from poster.rows.record import Row, Run, Step, StepName, encode

POSTERS = 10  # of each history
RATE_PER_S = 277  # of each history: a million calls an hour
AHEAD_MS = 200.0  # clocks are ahead or behind by no more
CACHE = ROOT / "bench" / ".cache"


@dataclasses.dataclass(frozen=True, slots=True)
class Merged:
    """One report of merged histories."""

    histories: int
    calls: int  # of each
    size_gb: float
    cost: Cost
    said: dict[str, Any]


def write_histories(directory: Path, histories: int, calls: int) -> list[Path]:
    """Write the histories, seeded, and return where they are."""
    draw = np.random.default_rng(1)
    paths = [directory / f"{number}.jsonl" for number in range(1, histories + 1)]
    switch_ns = calls // 2 * 10**9 // RATE_PER_S
    for number, path in enumerate(paths, start=1):
        ahead_ns = int(draw.uniform(-AHEAD_MS, AHEAD_MS) * 1e6)
        first: list[Row] = [
            Run(
                f"machine-{number}", ORIGIN_UNIX_NS + ahead_ns, "aws", "https://x/todo", "closed", 1
            )
        ]
        if number == 1:  # which deploys
            first.append(Step(StepName.ALIAS_UPDATED, switch_ns, {"from": "1", "to": "2"}))
        with path.open("wb") as file:
            file.writelines(f"{encode(row)}\n".encode() for row in first)
            _calls(draw, number, calls, switch_ns).write_ndjson(file)
    return paths


def _calls(draw: np.random.Generator, number: int, calls: int, switch_ns: int) -> pl.DataFrame:
    place = np.arange(calls)
    planned_ns = (place + 1) * (10**9 // RATE_PER_S)
    sent_ns = planned_ns + draw.integers(100_000, size=calls)
    is_new = draw.random(calls) < np.clip((sent_ns - switch_ns) / 1e9 / WINDOW_S, 0, 1)
    poster = (number - 1) * POSTERS + 1 + place % POSTERS
    marker = np.where(is_new, "bbb", "aaa")
    digits = draw.bytes(16 * calls).hex()
    environment = draw.integers(40, size=calls)
    return pl.DataFrame(
        {
            "kind": "observation",
            "seq": place + 1,
            "poster": poster,
            "todo_id": pl.select(pl.format("t{}-{}", poster, place // POSTERS)).to_series(),
            "planned_ns": planned_ns,
            "sent_ns": sent_ns,
            "received_ns": sent_ns + 15_000_000 + draw.integers(20_000_000, size=calls),
            "outcome": "ok",
            "status": 200,
            "marker": marker,
            "config_marker": marker,
            "function_version": np.where(is_new, "2", "1"),
            "instance_id": pl.select(pl.format("{}-{}", marker, environment)).to_series(),
            "cold_start": False,
            # The server's clock, by which all agree, however far a machine's own is off.
            "server_ms": (ORIGIN_UNIX_NS + sent_ns + 7_000_000) // 1_000_000,
            "request_id": [digits[32 * each : 32 * each + 32] for each in range(calls)],
        }
    )


def measure(histories: int, calls: int) -> Merged:
    """Write the histories, report on all of them at once, and remove them."""
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as directory:
        paths = write_histories(Path(directory), histories, calls)
        size_gb = sum(path.stat().st_size for path in paths) / 1e9
        report = [sys.executable, "-m", "poster", "report", "--format", "json"]
        cost = run([*report, *map(str, paths)], core=None)
    return Merged(histories, calls, size_gb, cost, json.loads(cost.output))


def section(found: Merged) -> str:
    """Return what was measured, for the page."""
    head = ["histories", "calls in all", "JSON lines, GB", "seconds", "CPU seconds", "memory, MB"]
    cost = found.cost
    line = [
        str(found.histories),
        f"{found.said['calls']['total']:,}",
        f"{found.size_gb:.1f}",
        f"{cost.wall_s:,.0f}",
        f"{cost.cpu_s:,.0f}",
        f"{cost.peak_rss_mb:,.0f}",
    ]
    return f"""\
{found.histories} histories of {found.calls:,} calls each, of machines whose clocks are up to
{AHEAD_MS:.0f} ms off, merged by one `poster report --format json`:

{table(head, [line])}
Its verdict: {found.said["verdict"]}; {found.said["witness"]}."""


def main() -> None:
    """Measure, print and write the section."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--histories", type=int, default=100)
    options.add_argument("--calls", type=int, default=1_000_000)
    chosen = options.parse_args()
    write_section("merged", section(measure(chosen.histories, chosen.calls)), PAGE)


if __name__ == "__main__":
    main()
