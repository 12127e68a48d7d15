"""How late an open loop sends, and whether a server that stalls shows in the latency.

    python -m bench.schedule [--seconds S]

Lateness is ``sent_ns - planned_ns``. For the stall, the server does nothing for 200 ms, once: a
closed loop has one call that saw it, so its p99 looks as if nothing had happened (coordinated
omission); an open loop counts from the planned instants.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from bench.machine import run, server, table, write_section
from poster.record import Observation, Step, decode

RATES_PER_S = (100, 1000, 5000)
STALL_S = 0.2
HEAD = ["p50", "p99", "max"]


@dataclasses.dataclass(frozen=True, slots=True)
class Posted:
    """The rows of one run."""

    rows: list[Observation]
    dropped: int


def post(url: str, *options: str) -> Posted:
    """Run ``poster run`` with these options."""
    with tempfile.TemporaryDirectory() as out:
        run([sys.executable, "-m", "poster", "run", "--endpoint", url, "--out", out, *options])
        lines = (Path(out) / "history.jsonl").read_bytes().splitlines()
    decoded = [decode(line) for line in lines]
    steps = [row for row in decoded if isinstance(row, Step)]
    dropped = sum(step.detail["count"] for step in steps)
    return Posted([row for row in decoded if isinstance(row, Observation)], dropped)


def milliseconds(spans_ns: Iterable[int]) -> Sequence[str]:
    """Return p50, p99 and the maximum."""
    spans_ms = np.fromiter(spans_ns, dtype=float) / 1e6
    return [f"{value:.2f}" for value in (*np.quantile(spans_ms, [0.5, 0.99]), spans_ms.max())]


def lateness_table(seconds: float) -> str:
    """Return how late calls were sent at each rate."""
    rows = []
    for rate in RATES_PER_S:
        with server() as url:
            posted = post(url, "--rate", str(rate), "--duration", str(seconds))
        late = milliseconds(row.sent_ns - row.planned_ns for row in posted.rows)
        rows.append([f"{rate:,}", f"{len(posted.rows):,}", str(posted.dropped), *late])
    return table(["calls/s", "calls", "dropped", *HEAD], rows)


def stall_table(seconds: float) -> str:
    """Return the latency that both loops report of a server that stalls once."""
    rows = []
    loops: dict[str, list[str]] = {
        f"open, {rate:,}/s": ["--rate", str(rate), "--max-in-flight", "1000"]
        for rate in RATES_PER_S
    }
    loops["closed, 1 poster"] = ["--posters", "1", "--pause", "0.001"]
    for name, options in loops.items():
        with server(seconds / 2, STALL_S) as url:
            posted = post(url, *options, "--duration", str(seconds))
        is_open = name.startswith("open")
        answered = [row for row in posted.rows if row.received_ns is not None]
        spans = [
            (row.received_ns or 0) - (row.planned_ns if is_open else row.sent_ns)
            for row in answered
        ]
        rows.append([name, f"{len(posted.rows):,}", str(posted.dropped), *milliseconds(spans)])
    return table(["loop", "calls", "dropped", *HEAD], rows)


def main() -> None:
    """Measure, print and write the section."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=10.0)
    seconds = options.parse_args().seconds
    write_section(
        "schedule",
        f"""\
## Schedule

Lateness of an open loop, ms from the planned instant to the moment the call is handed to libcurl;
{seconds:g} s each.

{lateness_table(seconds)}
Latency as reported, ms, of a server that does nothing for {STALL_S * 1e3:.0f} ms once in those
{seconds:g} s. An open loop counts from the planned instant; the closed loop, which waits, hides the
stall from its p99 (coordinated omission).

{stall_table(seconds)}""",
    )


if __name__ == "__main__":
    main()
