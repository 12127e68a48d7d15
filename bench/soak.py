"""Soak: ``poster run`` against a server that is killed and started again every few seconds.

    python -m bench.soak [MINUTES]      (10 by default; `make soak`)

It ends with 0 when memory and open files stayed flat in the second half, and the history accounts
for every call of the server's log: what was acknowledged is in it, what never left is not, and no
call is in it twice. The server writes a call to its log when it has read it whole, before it
answers.
"""

from __future__ import annotations

import collections
import http.server
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from poster.rows.journal import HISTORY
from poster.rows.record import Observation, decode
from tests.support.servers import ok, unused_url

RATE_PER_S = 100
UP_S = (1.0, 4.0)  # how long the server lives, drawn anew each time
DOWN_S = (0.1, 1.5)
LOOK_EVERY_S = 1.0
# In the first half memory grows to what the most calls in flight at once need; after that a call
# leaves nothing. One object kept for every call takes more than this.
GROWTH_BYTES_PER_CALL = 64.0
GROWTH_FILES = 8


class Look(NamedTuple):
    """What was seen of the run at a moment."""

    at_s: float
    memory_mib: float
    files: int


def serve(port: int, log: Path) -> None:
    """Serve until killed."""
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            os.write(written, f"{json.loads(body)['todoId']}\n".encode())
            ok(self, body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    server.serve_forever()


def soak(minutes: float, folder: Path) -> bool:
    """Run it whole, say what was seen, and return whether all is well."""
    url = unused_url()
    log = folder / "server.log"
    log.touch()
    port = url.split(":")[2].partition("/")[0]
    started = (sys.executable, "-m", "bench.soak", "serve", port, str(log))
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "poster", "run", "--method", "POST"),
            *("--endpoint", url, "--rate", str(RATE_PER_S)),
            *("--duration", f"{60 * minutes:g}", "--fresh-connections", "0.2"),
            *("--timeout", "3", "--out", str(folder / "run")),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as running:
        looks, kills = _torment(running, lambda: subprocess.Popen(started))
    rows = [
        row
        for row in map(decode, (folder / "run" / HISTORY).read_bytes().splitlines())
        if isinstance(row, Observation)
    ]
    print(f"{minutes:g} min, {RATE_PER_S} calls/s planned; server killed {kills} times")
    accounted = _is_accounted_for(rows, log.read_text().split())
    return is_flat(looks) and accounted and running.returncode == 0


def _torment(
    running: subprocess.Popen[bytes], start: Callable[[], subprocess.Popen[bytes]]
) -> tuple[list[Look], int]:
    """Kill and start the server until the run ends; return what was seen of the run."""
    draw = random.Random(0)
    looks: list[Look] = []
    server, kills = start(), 0
    due = time.monotonic() + draw.uniform(*UP_S)
    look_due = time.monotonic() + 5
    while running.poll() is None:
        time.sleep(0.02)
        now = time.monotonic()
        if now >= look_due:
            looks.append(_look(running.pid))
            look_due = now + LOOK_EVERY_S
        if now >= due:
            server.send_signal(draw.choice((signal.SIGKILL, signal.SIGTERM)))
            server.wait()
            kills += 1
            time.sleep(draw.uniform(*DOWN_S))
            server, due = start(), time.monotonic() + draw.uniform(*UP_S)
    server.kill()
    server.wait()
    return looks, kills


def _look(pid: int) -> Look:
    """Look at a process's resident memory, and how many files it has open."""
    now = time.monotonic()
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        files = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
        return Look(now, pages * os.sysconf("SC_PAGE_SIZE") / 2**20, files)
    except OSError:  # it has just ended
        return Look(now, 0.0, 0)


def is_flat(looks: list[Look]) -> bool:
    """Say how memory and open files grew in the second half; return whether they did not."""
    seen = [look for look in looks if look.files]
    half = seen[len(seen) // 2 :]
    slope = statistics.linear_regression(
        [look.at_s for look in half], [look.memory_mib for look in half]
    ).slope
    bytes_per_call = slope * 2**20 / RATE_PER_S
    quarter = max(1, len(half) // 2)
    files, files_after = (
        statistics.median(look.files for look in part) for part in (half[:quarter], half[-quarter:])
    )
    memory = [look.memory_mib for look in (seen[0], half[0], seen[-1])]
    print("memory: {:.1f} MiB at first, {:.1f} after half the time, {:.1f} at last".format(*memory))
    print(
        f"in the second half: {bytes_per_call:.1f} bytes a call ({slope * 60:.3f} MiB a minute);"
        f" more than {GROWTH_BYTES_PER_CALL:g} would be a leak"
    )
    print(f"open files: {files:g} in the third quarter, {files_after:g} in the last")
    return bytes_per_call <= GROWTH_BYTES_PER_CALL and files_after - files <= GROWTH_FILES


def _is_accounted_for(rows: list[Observation], log: list[str]) -> bool:
    by_outcome = collections.Counter(row.outcome for row in rows)
    outcome_of = {row.todo_id: row.outcome for row in rows}
    twice = len(log) - len(set(log))
    wrong = {
        "numbers without a row": max((row.seq for row in rows), default=0) - len(rows),
        "ids in two rows": len(rows) - len(outcome_of),
        "calls that the server read twice": twice,
        "calls of the server's log without a row": len(set(log) - set(outcome_of)),
        "acknowledged calls that the server never read": len(
            {each for each, outcome in outcome_of.items() if outcome == "ok"} - set(log)
        ),
        "failed calls that the server read": sum(outcome_of.get(each) == "fail" for each in log),
    }
    print(f"calls: {len(rows)}, {dict(by_outcome)}; read by the server: {len(log)}")
    for what, count in wrong.items():
        print(f"{what}: {count}")
    return not any(wrong.values())


def main(arguments: list[str]) -> int:
    """Return the exit code."""
    if arguments[:1] == ["serve"]:
        serve(int(arguments[1]), Path(arguments[2]))
        return 0
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        return 0 if soak(float(arguments[0]) if arguments else 10, Path(folder)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
