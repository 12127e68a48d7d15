"""The time and memory of ``poster report``, beside what plain tools take to read the same file.

    python -m bench.report [--rounds N] [--observations N]

The plain tools read the file and compute first new, last old and counts, no more; ``poster report``
does all of its report. All run one after another, in rounds, on all cores, from a file that the
system has in its cache; the table has the medians of whole processes.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata
import importlib.util
import random
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.machine import Cost, run, table, write_section
from poster.rows.record import Observation, Run, Step, StepName, encode

RATE_PER_S = 2_000
ORIGIN_UNIX_NS = 1_700_000_000_000_000_000
WINDOW_S = 5.0  # after the switch, old answers grow rarer for so long
ENVIRONMENTS = 40

_POLARS_EAGER = """\
import sys, polars as pl
calls = pl.read_ndjson(sys.argv[1]).filter(pl.col("outcome") == "ok")
of = calls.group_by("function_version").agg(
    pl.len(), pl.col("server_ms").min().alias("first"), pl.col("server_ms").max().alias("last"))
print(of.sort("function_version").rows())
"""
_POLARS_LAZY = _POLARS_EAGER.replace("read_ndjson", "scan_ndjson").replace(
    "of.sort(", "of.collect().sort("
)
_DUCKDB = """\
import sys, duckdb
print(duckdb.sql(f'''
    select function_version, count(*), min(server_ms), max(server_ms)
    from read_ndjson('{sys.argv[1]}') where outcome = 'ok' group by all order by 1''').fetchall())
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Contender:
    """A program that reads the file."""

    name: str
    arguments: tuple[str, ...]  # of Python; the file's name follows


def contenders() -> list[Contender]:
    """Return the contenders that are installed, ours first."""
    polars = importlib.metadata.version("polars")
    found = [
        Contender("poster report --format json", ("-m", "poster", "report", "--format", "json")),
        Contender(f"Polars {polars}, read_ndjson", ("-c", _POLARS_EAGER)),
        Contender(f"Polars {polars}, scan_ndjson", ("-c", _POLARS_LAZY)),
    ]
    if importlib.util.find_spec("duckdb"):
        version = importlib.metadata.version("duckdb")
        found.append(Contender(f"DuckDB {version}, read_ndjson", ("-c", _DUCKDB)))
    return found


def rows(observations: int) -> Iterator[str]:
    """Yield the lines of a history: one deploy in the middle of an open loop, seeded."""
    draw = random.Random(1)
    yield encode(
        Run("bench", ORIGIN_UNIX_NS, "aws", "https://x/todo", "open", 100, None, RATE_PER_S)
    )
    beat_ns = 1_000_000_000 // RATE_PER_S
    switch = observations // 2
    environments = [f"{draw.getrandbits(128):032x}" for _ in range(2 * ENVIRONMENTS)]
    for number in range(1, observations + 1):
        if number == switch:
            yield encode(Step(StepName.ALIAS_UPDATED, number * beat_ns, {"from": "1", "to": "2"}))
        since_s = (number - switch) / RATE_PER_S
        is_new = since_s >= 0 and draw.random() < since_s / WINDOW_S
        planned_ns = number * beat_ns
        sent_ns = planned_ns + draw.randrange(100_000)
        received_ns = sent_ns + 15_000_000 + draw.randrange(20_000_000)
        poster = number % 100 + 1
        yield encode(
            Observation(
                seq=number,
                poster=poster,
                todo_id=f"t{poster:02d}-{number // 100:05d}",
                planned_ns=planned_ns,
                sent_ns=sent_ns,
                received_ns=received_ns,
                outcome="ok",
                status=200,
                marker="bbb" if is_new else "aaa",
                config_marker="bbb" if is_new else "aaa",
                function_version="2" if is_new else "1",
                instance_id=environments[draw.randrange(ENVIRONMENTS) + is_new * ENVIRONMENTS],
                cold_start=False,
                server_ms=(ORIGIN_UNIX_NS + sent_ns + 7_000_000) // 1_000_000,
                request_id=f"{draw.getrandbits(128):032x}",
            )
        )


def main() -> None:
    """Measure, print and write the section."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--observations", type=int, default=5_000_000)
    chosen = options.parse_args()
    found = contenders()
    costs: dict[str, list[Cost]] = {contender.name: [] for contender in found}
    with tempfile.TemporaryDirectory() as scratch:
        history = Path(scratch) / "history.jsonl"
        with history.open("w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in rows(chosen.observations))
        size_gb = history.stat().st_size / 1e9
        for _ in range(chosen.rounds):
            for contender in found:
                command = [sys.executable, *contender.arguments, str(history)]
                costs[contender.name].append(run(command, core=None))
    write_section("report", _section(costs, chosen.observations, size_gb))


def _section(costs: dict[str, list[Cost]], observations: int, size_gb: float) -> str:
    walls = {name: statistics.median(cost.wall_s for cost in own) for name, own in costs.items()}
    ours, *plain = walls
    lines = [
        [
            name,
            f"{walls[name]:.1f}",
            f"{statistics.median(cost.cpu_s for cost in own):.1f}",
            f"{max(cost.peak_rss_mb for cost in own):,.0f}",
            f"{walls[ours] / walls[name]:.2f}",
        ]
        for name, own in costs.items()
    ]
    head = ["program", "seconds", "CPU seconds", "memory, MB", "poster / program"]
    absent = "" if any("DuckDB" in name for name in plain) else " DuckDB was not installed."
    return f"""\
## Report

A history of {observations:,} observations, {size_gb:.2f} GB. The plain tools read it and compute
first new, last old and counts; `poster report` makes its whole report. Whole processes, medians of
{len(costs[ours])} rounds; memory is the highest.{absent}

{table(head, lines)}"""


if __name__ == "__main__":
    main()
