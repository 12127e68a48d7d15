"""Calls per second and CPU per call: ``poster run``, with its rows, beside other clients.

    python -m bench.engine [--rounds N] [--seconds S]

All clients run one after another on one core against the trivial server on the other, in rounds,
so that a busy moment of the machine meets all of them; the table has the medians. The CPU of a call
is what a run used, less what a run of next to nothing used, over its calls.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata
import importlib.util
import re
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.machine import ROOT, run, server, table, write_section

AT_ONCE = 50
BODY = '{"todoId": "t01-0001", "title": "tea"}'
MEMORY_S = 60.0

_WRK_SCRIPT = f"""\
wrk.method = "POST"
wrk.body = [[{BODY}]]
wrk.headers["Content-Type"] = "application/json"
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Client:
    """A program that calls, and how its output tells how often."""

    name: str
    rows: bool
    command: Callable[[str, float, Path], Sequence[str]]  # URL, seconds, scratch directory
    calls: Callable[[str, float, Path], float]  # its output, seconds, scratch directory -> calls/s


@dataclasses.dataclass(frozen=True, slots=True)
class Measured:
    """One run of a client."""

    per_s: float
    cpu_us: float
    peak_rss_mb: float


def poster_command(url: str, seconds: float, scratch: Path) -> Sequence[str]:
    """Return the command that calls for so long, at ``AT_ONCE`` connections."""
    loop = ["--posters", str(AT_ONCE), "--pause", "0", "--duration", str(seconds)]
    post = ["--method", "POST", "--endpoint", url, "--out", str(scratch)]
    return [sys.executable, "-m", "poster", "run", *post, *loop]


def _poster_calls(output: str, seconds: float, scratch: Path) -> float:
    with (scratch / "history.jsonl").open("rb") as history:
        rows = sum(b'"outcome":"ok"' in line for line in history)
    return rows / seconds


def _hey_command(url: str, seconds: float, scratch: Path) -> Sequence[str]:
    request = ["-m", "POST", "-T", "application/json", "-d", BODY]
    return ["hey", "-z", f"{seconds}s", "-c", str(AT_ONCE), *request, url]


def _hey_rows_command(url: str, seconds: float, scratch: Path) -> Sequence[str]:
    command = [*_hey_command(url, seconds, scratch)[:-1], "-o", "csv", url]
    return ["sh", "-c", 'exec "$@" > "$0"', str(scratch / "hey.csv"), *command]


def _hey_rows_calls(output: str, seconds: float, scratch: Path) -> float:
    with (scratch / "hey.csv").open("rb") as rows:
        return (sum(1 for _ in rows) - 1) / seconds


def _wrk_command(url: str, seconds: float, scratch: Path) -> Sequence[str]:
    script = scratch / "post.lua"
    script.write_text(_WRK_SCRIPT, encoding="utf-8")
    whole_s = max(1, round(seconds))
    return ["wrk", "-t1", f"-c{AT_ONCE}", f"-d{whole_s}s", "-s", str(script), url]


def _locust_command(url: str, seconds: float, scratch: Path) -> Sequence[str]:
    whole_s = max(1, round(seconds))
    users = ["--headless", "-u", str(AT_ONCE), "-r", str(AT_ONCE), "-t", f"{whole_s}s"]
    user = str(ROOT / "bench" / "locust_user.py")
    return [sys.executable, "-m", "locust", "-f", user, "-H", url, *users, "--only-summary"]


def _requests_command(url: str, seconds: float, scratch: Path) -> Sequence[str]:
    return [sys.executable, str(ROOT / "bench" / "requests_client.py"), url, str(seconds), BODY]


def _stated(pattern: str) -> Callable[[str, float, Path], float]:
    def calls(output: str, seconds: float, scratch: Path) -> float:
        found = re.search(pattern, output, re.MULTILINE)
        if found is None:
            raise SystemExit(f"no calls per second in:\n{output}")
        return float(found.group(1))

    return calls


def clients() -> list[Client]:
    """Return the clients that are installed, ours first."""
    found = [Client("poster run", True, poster_command, _poster_calls)]
    if shutil.which("hey"):
        found.append(Client("hey", False, _hey_command, _stated(r"Requests/sec:\s+([\d.]+)")))
        found.append(Client("hey -o csv, at its end", True, _hey_rows_command, _hey_rows_calls))
    if shutil.which("wrk"):
        found.append(Client("wrk", False, _wrk_command, _stated(r"Requests/sec:\s+([\d.]+)")))
    if importlib.util.find_spec("locust"):
        version = importlib.metadata.version("locust")
        rate = _stated(r"Aggregated(?:\s+\S+){1}\s+\S+\s+\|(?:\s+\d+){4}\s+\|\s+([\d.]+)")
        name = f"Locust {version}, FastHttpUser"
        found.append(Client(name, False, _locust_command, rate))
    rate = _stated(r"^([\d.]+) calls/s$")
    found.append(Client("requests, one Session", False, _requests_command, rate))
    return found


def measure(client: Client, url: str, seconds: float) -> Measured:
    """Run a client once, and once for next to nothing."""
    with tempfile.TemporaryDirectory() as scratch:
        idle = run(client.command(url, 1.0, Path(scratch)))
        idle_per_s = client.calls(idle.output, 1.0, Path(scratch))
    with tempfile.TemporaryDirectory() as scratch:
        cost = run(client.command(url, seconds, Path(scratch)))
        per_s = client.calls(cost.output, seconds, Path(scratch))
    calls = per_s * seconds - idle_per_s
    return Measured(per_s, (cost.cpu_s - idle.cpu_s) / calls * 1e6, cost.peak_rss_mb)


def main() -> None:
    """Measure, print and write the section."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--seconds", type=float, default=5.0)
    chosen = options.parse_args()
    contenders = clients()
    results: dict[str, list[Measured]] = {client.name: [] for client in contenders}
    with server() as url:
        for _ in range(chosen.rounds):
            for client in contenders:
                results[client.name].append(measure(client, url, chosen.seconds))
        memory, calls = _memory(url)
    write_section("engine", _section(contenders, results, memory, calls))


def _memory(url: str) -> tuple[float, int]:
    with tempfile.TemporaryDirectory() as scratch:
        cost = run(poster_command(url, MEMORY_S, Path(scratch)))
        return cost.peak_rss_mb, round(_poster_calls("", 1.0, Path(scratch)))


def _section(
    contenders: list[Client],
    results: dict[str, list[Measured]],
    peak_rss_mb: float,
    calls: int,
) -> str:
    def median(name: str, field: str) -> float:
        values: list[float] = [getattr(measured, field) for measured in results[name]]
        return statistics.median(values)

    ours = median(contenders[0].name, "per_s")
    rows = [
        [
            client.name,
            "yes" if client.rows else "no",
            f"{median(client.name, 'per_s'):,.0f}",
            f"{median(client.name, 'cpu_us'):.1f}",
            f"{ours / median(client.name, 'per_s'):.2f}",
        ]
        for client in contenders
    ]
    head = ["client", "a row per call", "calls/s", "CPU us per call", "poster / client"]
    return f"""\
## Engine

{AT_ONCE} connections kept alive, closed loop without a pause, POST of a small JSON body; client on
one core, a trivial server on the other. Medians of {len(results[contenders[0].name])} rounds.

{table(head, rows)}
Memory: {peak_rss_mb:.0f} MB at most in a run of {calls:,} calls.
"""


if __name__ == "__main__":
    main()
