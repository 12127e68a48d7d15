"""How late an open loop sends, and whether a server that stalls shows in the latency.

    python -m bench.schedule [--rounds N] [--seconds S]

Lateness is ``sent_ns - planned_ns``; a bare client, in the same rounds, shows what the machine
adds. For the stall, the server does nothing for 200 ms, once: a closed loop has one call that saw
it, so its p99 looks as if nothing had happened (coordinated omission); an open loop counts from the
planned instants.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import numpy as np

from bench.engine import BODY
from bench.machine import ROOT, run, server, table, write_section
from poster.rows.record import Observation, Step, decode

RATES_PER_S = (100, 1000, 5000, 10_000)
STALLED_PER_S = RATES_PER_S[:3]  # of more, a stall puts more calls in flight than may be
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
        run(
            [
                sys.executable,
                "-m",
                "poster",
                "run",
                "--method",
                "POST",
                "--endpoint",
                url,
                "--out",
                out,
                *options,
            ]
        )
        lines = (Path(out) / "history.jsonl").read_bytes().splitlines()
    decoded = [decode(line) for line in lines]
    steps = [row for row in decoded if isinstance(row, Step)]
    dropped = sum(step.detail["count"] for step in steps)
    return Posted([row for row in decoded if isinstance(row, Observation)], dropped)


def milliseconds(spans_ns: Iterable[int]) -> Sequence[str]:
    """Return p50, p99 and the maximum."""
    spans_ms = np.fromiter(spans_ns, dtype=float) / 1e6
    return [f"{value:.2f}" for value in (*np.quantile(spans_ms, [0.5, 0.99]), spans_ms.max())]


class Late(NamedTuple):
    """How late the calls of a round were, and how many were never sent."""

    spans_ns: Sequence[int]
    dropped: int

    @property
    def p99_ns(self) -> float:
        """Return what 99 of 100 calls were no later than."""
        return float(np.quantile(self.spans_ns, 0.99))


def _poster_late(url: str, rate: int, seconds: float) -> Late:
    posted = post(url, "--rate", str(rate), "--duration", str(seconds))
    return Late([row.sent_ns - row.planned_ns for row in posted.rows], posted.dropped)


def _bare_late(url: str, rate: int, seconds: float) -> Late:
    at = urlsplit(url)
    command = [sys.executable, str(ROOT / "bench" / "bare_client.py")]
    command += [str(at.hostname), str(at.port), str(rate), str(seconds), BODY]
    return Late([int(line) for line in run(command).output.split()], 0)


CLIENTS = {"poster run": _poster_late, "bare sockets": _bare_late}


def lateness_table(seconds: float, rounds: int) -> str:
    """Return how late calls were sent at each rate, in the round with the least p99 and overall."""
    rows = []
    for rate in RATES_PER_S:
        late: dict[str, list[Late]] = {client: [] for client in CLIENTS}
        for _ in range(rounds):
            for client, measured in CLIENTS.items():
                with server() as url:
                    late[client].append(measured(url, rate, seconds))
        for client, runs in late.items():
            ranked = sorted(runs, key=lambda each: each.p99_ns)
            _, usual_p99, _ = milliseconds(ranked[rounds // 2].spans_ns)
            dropped = str(max(each.dropped for each in runs))
            rows.append(
                [f"{rate:,}", client, *milliseconds(ranked[0].spans_ns), usual_p99, dropped]
            )
    return table(["calls/s", "client", *HEAD, "p99, median round", "most dropped"], rows)


def stall_table(seconds: float) -> str:
    """Return the latency that both loops report of a server that stalls once."""
    rows = []
    loops: dict[str, list[str]] = {
        f"open, {rate:,}/s": ["--rate", str(rate), "--max-in-flight", "1000"]
        for rate in STALLED_PER_S
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
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--seconds", type=float, default=3.0)
    chosen = options.parse_args()
    seconds = chosen.seconds
    write_section(
        "schedule",
        f"""\
## Schedule

Lateness of an open loop, ms from the planned instant to the moment the call is handed to libcurl;
beside it a client of bare sockets, which sleeps until just before each instant and writes nothing
down. {chosen.rounds} rounds of {seconds:g} s each: first the one with the least p99, because a
shared machine only adds, then the p99 of the median one.

{lateness_table(seconds, chosen.rounds)}
Latency as reported, ms, of a server that does nothing for {STALL_S * 1e3:.0f} ms once in those
{seconds:g} s. An open loop counts from the planned instant; the closed loop, which waits, hides the
stall from its p99 (coordinated omission).

{stall_table(seconds)}""",
    )


if __name__ == "__main__":
    main()
