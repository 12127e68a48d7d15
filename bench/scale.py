"""Locust's master and two workers beside ``poster run`` alone: what a call costs, and what is kept.

    python -m bench.scale [--rounds N] [--seconds S]

All run on one core against the trivial server on the other, one after another, in rounds, and write
a row per call. The CPU of a call is that of all processes together, less what a run of one second
used. A row is lost if its number is missing in the history.
"""

from __future__ import annotations

import argparse
import dataclasses
import socket
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.machine import ROOT, run_all, server, table, write_section
from poster.judge.analysis import Result, analyse
from poster.rows import loading
from poster.rows.merge import merge

PAGE = ROOT / "docs" / "scale.md"
USERS = 50
WORKERS = 2


@dataclasses.dataclass(frozen=True, slots=True)
class Measured:
    """One run."""

    per_s: float
    cpu_us: float
    late_p99_ms: float
    lost: int


Commands = Callable[[str, int, Path], Sequence[Sequence[str]]]  # URL, seconds, scratch directory


def _locust(url: str, seconds: int, scratch: Path) -> Sequence[Sequence[str]]:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = str(unused.getsockname()[1])
    locust = [sys.executable, "-m", "locust", "-f", str(ROOT / "examples" / "locustfile.py")]
    both = ["--host", url, "--histories", str(scratch), "--pause", "0"]
    load = ["--headless", "-u", str(USERS), "-r", str(USERS), "-t", f"{seconds}s"]
    bind = ["--master-bind-host", "127.0.0.1", "--master-bind-port", port]
    master = [*locust, *both, *load, *bind, "--master", "--expect-workers", str(WORKERS)]
    return [master, *[[*locust, *both, "--worker", "--master-port", port]] * WORKERS]


def _poster(url: str, seconds: int, scratch: Path) -> Sequence[Sequence[str]]:
    loop = ["--posters", str(USERS), "--pause", "0", "--duration", str(seconds)]
    post = ["--method", "POST", "--endpoint", url, "--out", str(scratch / "worker-0")]
    return [[sys.executable, "-m", "poster", "run", *post, *loop]]


CONTENDERS: dict[str, Commands] = {
    f"Locust, master and {WORKERS} workers": _locust,
    "poster run": _poster,
}


def _once(commands: Commands, url: str, seconds: int) -> tuple[Result, float]:
    """Return what a run's histories say, and the CPU seconds of its processes."""
    with tempfile.TemporaryDirectory() as scratch:
        costs = run_all(commands(url, seconds, Path(scratch)))
        parts = [loading.load(part) for part in sorted(Path(scratch).glob("worker-*"))]
        return analyse(merge(parts), None), sum(cost.cpu_s for cost in costs)


def measure(commands: Commands, url: str, seconds: int) -> Measured:
    """Run once, and once for a second."""
    idle, idle_cpu_s = _once(commands, url, 1)
    result, cpu_s = _once(commands, url, seconds)
    calls = result.calls.total - idle.calls.total
    return Measured(
        result.calls.total / seconds,
        (cpu_s - idle_cpu_s) / calls * 1e6,
        result.lateness_ms["p99"] or 0.0,
        result.checks["sequence_gaps"].count,
    )


def main() -> None:
    """Measure, print and write the section."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--seconds", type=int, default=6)
    chosen = options.parse_args()
    found: dict[str, list[Measured]] = {name: [] for name in CONTENDERS}
    with server() as url:
        for _ in range(chosen.rounds):
            for name, commands in CONTENDERS.items():
                found[name].append(measure(commands, url, chosen.seconds))
    write_section("bench", _section(found, chosen.seconds), PAGE)


def _section(found: dict[str, list[Measured]], seconds: int) -> str:
    def median(name: str, field: str) -> float:
        values: list[float] = [getattr(each, field) for each in found[name]]
        return statistics.median(values)

    lines = [
        [
            name,
            f"{median(name, 'per_s'):,.0f}",
            f"{median(name, 'cpu_us'):.1f}",
            f"{median(name, 'late_p99_ms'):.2f}",
            str(max(each.lost for each in own)),
        ]
        for name, own in found.items()
    ]
    head = ["client", "calls/s", "CPU us per call", "lateness p99, ms", "rows lost"]
    rounds = len(next(iter(found.values())))
    return f"""\
{USERS} posters in a closed loop without a pause, a row per call; all client processes on one core,
a trivial server on the other. Rounds: {rounds} of {seconds} s, of which these are the medians, and
the most rows lost.

{table(head, lines)}"""


if __name__ == "__main__":
    main()
