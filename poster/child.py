"""Runs a command that cannot outlive us.

Between us and the command stands a small supervisor: this same file, run as a script, standard
library only. It leads a session of its own, so a Ctrl-C in our terminal does not reach the command,
and it reads a *lifeline*: a pipe that only we hold open. When the lifeline ends (we closed it, we
died, ``kill -9`` included) or the supervisor gets SIGTERM, it ends the command's process group:
SIGTERM, a grace, SIGKILL. A command that ends by itself takes its group with it too.

Invariant: once ``poll`` gives an exit code, nothing is left of the command's process group nor of
its *scratch* directory. Out of reach are a process that leaves the group (setsid), and, while a
process that we forked without exec lives, our own death: it holds the lifeline too.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_KILLED_S = 1.0  # a killed process is gone at once; its zombie when its new parent has reaped it
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_POLL_S = 0.01
_ENDING = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


class Child:
    """A command under a supervisor; like ``subprocess.Popen``, and a context manager that stops it.

    ``pid`` is the command's own, and that of its process group. ``stdout`` is a text stream where
    ``stdout=subprocess.PIPE`` was asked for.
    """

    def __init__(
        self, supervisor: subprocess.Popen[str], reports: IO[str], pid: int, scratch: Path | None
    ) -> None:
        self._supervisor = supervisor
        self._reports = reports
        self._scratch = scratch
        self._lock = threading.Lock()
        self._returncode: int | None = None
        self._ended_monotonic_ns: int | None = None
        self.pid = pid

    @classmethod
    def start(
        cls,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdout: int | IO[bytes] | None = None,
        stderr: int | IO[bytes] | None = None,
        scratch: Path | None = None,
        grace_s: float = 5.0,
    ) -> Child:
        """Start ``command``; its standard input is empty. Raises OSError if it cannot be run.

        ``scratch`` is a directory that is removed when the command has ended, ``grace_s`` the
        seconds from SIGTERM to SIGKILL.
        """
        reports_fd, report_fd = os.pipe()
        reports = os.fdopen(reports_fd, encoding="utf-8")
        arguments = [str(report_fd), str(grace_s), str(scratch or ""), *command]
        try:
            supervisor = subprocess.Popen(
                # -I -S: it needs nothing of ours nor of site-packages, and starts in half the time.
                [sys.executable, "-I", "-S", __file__, *arguments],
                env=env,
                cwd=cwd,
                stdin=subprocess.PIPE,
                stdout=stdout,
                stderr=stderr,
                pass_fds=[report_fd],
                start_new_session=True,
                encoding="utf-8",
                errors="replace",
            )
        finally:
            os.close(report_fd)
        kind, _, value = reports.readline().partition(" ")
        child = cls(supervisor, reports, int(value) if kind == "pid" else 0, scratch)
        if kind == "pid":
            return child
        child.stop()
        if kind == "errno":
            raise OSError(int(value), os.strerror(int(value)), command[0])
        raise ChildProcessError(f"the supervisor of {command[0]} ended before it started it")

    @property
    def stdout(self) -> IO[str] | None:
        """What the command prints, where it was piped; it ends when the command does."""
        return self._supervisor.stdout

    @property
    def ended_monotonic_ns(self) -> int | None:
        """When the command itself ended, on this boot's clock; None before ``poll`` says so.

        What it left behind in its group may have taken the whole grace to end after that.
        """
        return self._ended_monotonic_ns

    def poll(self) -> int | None:
        """Return the exit code, -N for a death by signal N, None while the command runs."""
        return None if self._supervisor.poll() is None else self._settle()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end, and return the exit code. Raises subprocess.TimeoutExpired."""
        self._supervisor.wait(timeout)
        return self._settle()

    def stop(self) -> int:
        """End the command and all it started, if it still runs; return its exit code."""
        self._close_lifeline()
        if self._supervisor.stdout is not None:
            # A stopping command must not block on a pipe that nobody reads any more.
            self._supervisor.stdout.close()
        return self.wait()

    def _close_lifeline(self) -> None:
        if self._supervisor.stdin is not None:
            self._supervisor.stdin.close()

    def _settle(self) -> int:
        """Read the exit code that the supervisor reported; do its work if it was killed."""
        with self._lock:
            if self._returncode is None:
                self._close_lifeline()
                with self._reports:
                    kind, _, values = self._reports.read().partition(" ")
                if kind == "exit":
                    self._returncode, self._ended_monotonic_ns = map(int, values.split())
                else:
                    self._returncode = self._supervisor.returncode
                    self._ended_monotonic_ns = time.monotonic_ns()
                    if self.pid:
                        _signal_group(self.pid, signal.SIGKILL)
                    _remove(self._scratch)
            return self._returncode

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _supervise(report_fd: int, grace_s: float, scratch: str, command: list[str]) -> None:
    """Run the command until it ends or the lifeline does, then end all it started."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    for signum in (*_ENDING, signal.SIGCHLD):
        signal.signal(signum, lambda *_: None)  # the byte in the pipe is what counts
    _adopt_orphans()
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0)
    except OSError as error:
        _tell(report_fd, f"errno {error.errno}")
        _remove(scratch)
        return
    try:
        _tell(report_fd, f"pid {process.pid}")
        while process.poll() is None:
            # The lifeline never carries data: readable means ended.
            ready, _, _ = select.select([sys.stdin.fileno(), woken], [], [])
            if sys.stdin.fileno() in ready or _ENDING & set(os.read(woken, 512)):
                break
        has_ended, ended_ns = process.poll() is not None, time.monotonic_ns()
    finally:
        _end_group(process, grace_s)
        _remove(scratch)
    exit_code = process.wait()
    _tell(report_fd, f"exit {exit_code} {ended_ns if has_ended else time.monotonic_ns()}")


def _tell(report_fd: int, line: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # whoever started us may be gone
        os.write(report_fd, f"{line}\n".encode())


def _end_group(process: subprocess.Popen[bytes], grace_s: float) -> None:
    """SIGTERM to the command's process group; SIGKILL to what is left of it after the grace."""
    for signum, patience_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, _KILLED_S)):
        deadline = time.monotonic() + patience_s
        _signal_group(process.pid, signum)
        while time.monotonic() < deadline:
            _reap(process)
            if not _signal_group(process.pid, 0):
                return
            time.sleep(_POLL_S)


def _adopt_orphans() -> None:
    """Become the parent of processes whose own has ended, where the system can (Linux).

    Elsewhere that is process 1. In a container it may be slow to reap them or never do, and
    zombies keep a process group in being.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _reap(process: subprocess.Popen[bytes]) -> None:
    # The leader first: its exit code must reach Popen, not us.
    if process.poll() is not None:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-process.pid, os.WNOHANG)[0]:
                pass


def _signal_group(group: int, signum: int) -> bool:
    """Return whether there was anyone to signal."""
    try:
        os.killpg(group, signum)
    except (ProcessLookupError, PermissionError):  # macOS: no permission to signal mere zombies
        return False
    return True


def _remove(scratch: Path | str | None) -> None:
    if scratch:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    _, _report, _grace, _scratch, *_command = sys.argv
    _supervise(int(_report), float(_grace), _scratch, _command)
