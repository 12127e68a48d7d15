"""What the benchmarks share: processes pinned to a core, their cost, and the page they write."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
import platform
import re
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from docs.sections import filled
from poster.report.table import in_markdown

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "performance.md"
SERVER_CORE = 0
CLIENT_CORE = 1
# Compiled once, as pip leaves what it installs, wherever this runs.
BYTECODE = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(ROOT / "bench" / ".cache")}


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """What a process used."""

    wall_s: float
    cpu_s: float
    peak_rss_mb: float
    output: str


def pinned(command: Sequence[str], core: int | None) -> list[str]:
    """Return the command so that it runs on that core, where the system can do that.

    None stands for all cores.
    """
    taskset = None if core is None else shutil.which("taskset")
    return [taskset, "-c", str(core), *command] if taskset else list(command)


def run(command: Sequence[str], core: int | None = CLIENT_CORE) -> Cost:
    """Run a command on a core and return what it cost. Raises CalledProcessError."""
    return run_all([command], core)[0]


def run_all(commands: Sequence[Sequence[str]], core: int | None = CLIENT_CORE) -> list[Cost]:
    """Run commands at the same time and return what each cost. Raises CalledProcessError."""
    started = time.monotonic()
    with contextlib.ExitStack() as running:
        processes = [running.enter_context(_started(pinned(each, core))) for each in commands]
        return [_ended(process, started) for process in processes]


def _started(command: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env=os.environ | BYTECODE,
    )


def _ended(process: subprocess.Popen[str], started: float) -> Cost:
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args, output)
    return Cost(time.monotonic() - started, _cpu_s(used), used.ru_maxrss / 1024, output)


@contextlib.contextmanager
def server(*arguments: float) -> Iterator[str]:
    """Run the trivial server on its core and yield its URL."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    script = str(ROOT / "bench" / "server.py")
    command = [sys.executable, script, str(port), *(str(argument) for argument in arguments)]
    with subprocess.Popen(pinned(command, SERVER_CORE)) as process:
        try:
            _wait_until_listening(port)
            yield f"http://127.0.0.1:{port}/todo"
        finally:
            process.terminate()


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; every column but the first is aligned to the right."""
    return in_markdown(head, rows, right=head[1:])


def write_section(name: str, text: str, page: Path = PAGE) -> None:
    """Put a benchmark's section into the page, in place of its last one."""
    written = page.read_text(encoding="utf-8")
    page.write_text(filled(written, name, f"{text.strip()}\n\n{_machine()}\n"), encoding="utf-8")
    print(text)


def _machine() -> str:
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    name = model.group(1) if model else platform.processor()
    today = datetime.datetime.now(datetime.UTC).date()
    return (
        f"Measured on {today}: {name}, {os.cpu_count()} cores, {platform.system()}"
        f" {platform.release()}, Python {platform.python_version()};"
        f" load before: {os.getloadavg()[0]:.1f}."
    )


def _cpu_s(used: resource.struct_rusage) -> float:
    return used.ru_utime + used.ru_stime


def _wait_until_listening(port: int) -> None:
    for _ in range(500):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.01)
    raise SystemExit("the bench server did not start")
