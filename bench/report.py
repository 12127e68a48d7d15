"""The time and memory of ``poster report``, beside what plain tools take to read the same file.

    python -m bench.report [--rounds N] [--observations N] [--large]

The plain tools read the file and compute first new, last old and counts, no more; ``poster report``
does all of its report. All run one after another, in rounds, on all cores, from a file that the
system has in its cache; the table has the medians of whole processes. Then the page: its size, and
how soon a browser shows it. The histories stay in ``bench/.cache``, for the next time.

``--large`` measures a history of ten times the size once, beside DuckDB alone, into a section of
its own; it takes 30 GB of disk and a quarter of an hour.
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
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.machine import ROOT, Cost, run, table, write_section
from bench.picture import Picture, picture_of
from bench.stages import STAGES
from poster.rows.record import Observation, Run, Step, StepName, encode

RATE_PER_S = 2_000
ORIGIN_UNIX_NS = 1_700_000_000_000_000_000
WINDOW_S = 5.0  # after the switch, old answers grow rarer for so long
ENVIRONMENTS = 40
OBSERVATIONS = 5_000_000
LARGE_FACTOR = 10
CACHE = ROOT / "bench" / ".cache"
OURS = ("-m", "poster", "report", "--format")

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


def contenders(page: Path) -> list[Contender]:
    """Return the contenders that are installed, ours first; one of them writes the page."""
    polars = importlib.metadata.version("polars")
    return [
        Contender("poster report --format json", (*OURS, "json")),
        Contender("poster report --format html", (*OURS, "html", "--out", str(page))),
        Contender(f"Polars {polars}, read_ndjson", ("-c", _POLARS_EAGER)),
        Contender(f"Polars {polars}, scan_ndjson", ("-c", _POLARS_LAZY)),
        *_duckdb(),
    ]


def _duckdb() -> list[Contender]:
    if not importlib.util.find_spec("duckdb"):
        return []
    return [
        Contender(f"DuckDB {importlib.metadata.version('duckdb')}, read_ndjson", ("-c", _DUCKDB))
    ]


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
    options.add_argument("--observations", type=int, default=OBSERVATIONS)
    options.add_argument("--large", action="store_true")
    chosen = options.parse_args()
    if chosen.large:
        _measure_large(chosen.observations * LARGE_FACTOR)
    else:
        _measure(chosen.observations, chosen.rounds)


def _measure(observations: int, rounds: int) -> None:
    history = _kept(observations)
    with tempfile.TemporaryDirectory() as scratch:
        page = Path(scratch) / "report.html"
        costs = _costs(contenders(page), history, rounds)
        picture = picture_of(page)
    write_section("report", _section(costs, observations, history, picture))
    stages = run([sys.executable, "-m", "bench.stages", str(history)], core=None)
    write_section("stages", _stages(stages.output))


def _measure_large(observations: int) -> None:
    history = _kept(observations)
    ours = Contender("poster report --format json", (*OURS, "json"))
    costs = _costs([ours, *_duckdb()], history, rounds=1)
    write_section("large", _compared(costs, observations, history))


def _kept(observations: int) -> Path:
    """Return the history of so many, made if it is not there."""
    history = CACHE / f"{observations}.jsonl"
    if not history.exists():
        CACHE.mkdir(exist_ok=True)
        _write(history.with_suffix(".part"), observations)
        history.with_suffix(".part").rename(history)
    return history


def _write(history: Path, observations: int) -> None:
    with history.open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in rows(observations))


def _costs(found: Sequence[Contender], history: Path, rounds: int) -> dict[str, list[Cost]]:
    costs: dict[str, list[Cost]] = {contender.name: [] for contender in found}
    for _ in range(rounds):
        for contender in found:
            command = [sys.executable, *contender.arguments, str(history)]
            costs[contender.name].append(run(command, core=None))
    return costs


def _section(
    costs: dict[str, list[Cost]], observations: int, history: Path, picture: Picture
) -> str:
    return f"""\
## Report

The plain tools read a history and compute first new, last old and counts; `poster report` makes its
whole report.

{_compared(costs, observations, history)}
{picture.said}"""


def _compared(costs: dict[str, list[Cost]], observations: int, history: Path) -> str:
    ours, *_ = costs
    lines = [
        [
            name,
            f"{_wall_s(own):.1f}",
            f"{statistics.median(cost.cpu_s for cost in own):.1f}",
            f"{_peak_mb(own):,.0f}",
            f"{_wall_s(costs[ours]) / _wall_s(own):.2f}",
            f"{_peak_mb(costs[ours]) / _peak_mb(own):.2f}",
        ]
        for name, own in costs.items()
    ]
    head = [
        "program",
        "seconds",
        "CPU seconds",
        "memory, MB",
        "json / it, time",
        "json / it, memory",
    ]
    absent = "" if any("DuckDB" in name for name in costs) else " DuckDB was not installed."
    rounds = len(costs[ours])
    return f"""\
{observations:,} observations, {history.stat().st_size / 1e9:.2f} GB. Whole processes,
{f"medians of {rounds} rounds" if rounds > 1 else "one round"}; memory is the highest.{absent}

{table(head, lines)}"""


def _wall_s(costs: Sequence[Cost]) -> float:
    return statistics.median(cost.wall_s for cost in costs)


def _peak_mb(costs: Sequence[Cost]) -> float:
    return max(cost.peak_rss_mb for cost in costs)


def _stages(output: str) -> str:
    found = [line.split() for line in output.splitlines()]
    lines = [[STAGES[name], wall_s, cpu_s] for name, wall_s, cpu_s in found]
    return table(["stage", "seconds", "CPU seconds"], lines)


if __name__ == "__main__":
    main()
