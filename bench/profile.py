"""Where the CPU of a call goes, by library, as `perf` samples it; and a section of the page.

    python -m bench.profile

`perf` is optional, as hey and wrk are: without it the section stays as it is.
"""

from __future__ import annotations

import collections
import re
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from bench.engine import poster_command
from bench.machine import run, server, table, write_section

SECONDS = 10.0
SAMPLES_PER_S = 499  # no multiple of what runs at full milliseconds

# The first whose pattern is in a library's name; the last takes the rest.
PARTS = {
    "the kernel: sockets, epoll": r"\[kernel|\[guest|vmlinux",
    "libcurl": r"curl",
    "Python's interpreter": r"python3",
    "the C library: copies, locks, clocks": r"libc[.-]|libpthread|vdso",
    "other libraries: msgspec among them": r"",
}


def shares(report: str) -> dict[str, float]:
    """Return each part's share of the samples, in percent, from `perf report --sort dso`."""
    found: dict[str, float] = collections.defaultdict(float)
    for line in report.splitlines():
        if match := re.match(r"\s*([\d.]+)%\s+(\S+)", line):
            found[_part(match[2])] += float(match[1])
    return {part: found[part] for part in PARTS if found[part]}


def _part(library: str) -> str:
    return next(part for part, pattern in PARTS.items() if re.search(pattern, library))


def _section(parts: Iterable[tuple[str, float]]) -> str:
    rows = [(part, f"{share:.0f} %") for part, share in parts]
    return f"{table(['of the CPU of a call', 'share'], rows)}\n"


def main() -> None:
    """Sample one run at 50 connections, and write the section."""
    perf = shutil.which("perf")
    if perf is None:
        print("perf is not here: the section stays as it is")
        return
    with tempfile.TemporaryDirectory() as scratch, server() as url:
        data = str(Path(scratch, "perf.data"))
        record = ["record", "-q", "-e", "cpu-clock", "-F", str(SAMPLES_PER_S), "-o", data, "--"]
        run([perf, *record, *poster_command(url, SECONDS, Path(scratch, "run"))])
        said = run([perf, "report", "-i", data, "--stdio", "--sort", "dso"]).output
    write_section("profile", _section(shares(said).items()))


if __name__ == "__main__":
    main()
