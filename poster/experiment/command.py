"""The deploy command: its output line by line, its end, and how it is told to stop.

It runs under ``poster.child``: in a session of its own, so that Ctrl-C reaches us alone, and never
longer than we do. Told to stop it gets what Ctrl-C would have given it, SIGINT, and the time that
it takes: a deploy tool that is killed leaves a deploy half-way.
"""

from __future__ import annotations

import collections
import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from poster.child import Child
from poster.errors import USAGE, PosterError
from poster.rows.clock import Clock

LOG = "deploy.log"
LAST_LINES = 8
GRACE_S = 10.0  # from SIGTERM to SIGKILL, for what the command leaves behind
READ_OUT_S = 10.0  # for lines that come as fast as a slow terminal takes them


class CommandError(PosterError):
    """The command cannot be run."""

    exit_code = USAGE


def require(command: Sequence[str]) -> None:
    """Raise CommandError if there is no such command, before anything is done."""
    name = command[0]
    if shutil.which(name) is None:
        raise CommandError(f"{_why_not(name)}; nothing was called or deployed")


def _why_not(name: str) -> str:
    if os.sep in name and Path(name).is_file():
        return f"{name} may not be executed: see chmod +x"
    first = name.partition(" ")[0]
    if first != name and shutil.which(first):
        return (
            f"there is no command '{name}' to run: leave the quotes around the whole command away"
        )
    return f"there is no command {name} to run: check its name and the PATH"


class Command:
    """One command that runs; ``say`` is given each line of its output, on a thread of its own."""

    def __init__(self, command: Sequence[str], log: Path, say: Callable[[str], None]) -> None:
        """Start it. Raises CommandError."""
        self.name = Path(command[0]).name
        self.last_lines: collections.deque[str] = collections.deque(maxlen=LAST_LINES)
        self._say = say
        self._log = log
        self._heard = 0
        self._is_over = False
        try:
            self._child = Child.start(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, grace_s=GRACE_S
            )
        except OSError as error:
            why = error.strerror or error
            raise CommandError(f"{command[0]} cannot be run: {why}") from error
        self._reader = threading.Thread(target=self._read, name="deploy output", daemon=True)
        self._reader.start()

    def wait(self) -> int:
        """Wait for its end; return its exit code, -N for a death by signal N."""
        # In short turns: a wait that Ctrl-C must be able to end.
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                exit_code = self._child.wait(timeout=0.1)
                self._read_out()
                return exit_code

    def ended_ns(self, clock: Clock) -> int:
        """Return when it ended by itself, on the run's clock; now, if it runs.

        That is before ``wait`` returns: what it left behind is ended and read out in between.
        """
        ended_ns = self._child.ended_monotonic_ns
        return clock.now_ns() if ended_ns is None else ended_ns - clock.origin_monotonic_ns

    def _read_out(self) -> None:
        """Wait for the last lines: they say why a deploy failed."""
        deadline = time.monotonic() + READ_OUT_S
        heard = -1
        while self._reader.is_alive() and self._heard != heard and time.monotonic() < deadline:
            heard = self._heard
            self._reader.join(1.0)
        # What left its group may hold the pipe open, and print for ever.
        self._is_over = True

    def interrupt(self) -> None:
        """Tell it and what it started to stop, as Ctrl-C does."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, signal.SIGINT)

    def end(self) -> int:
        """End it at once, if it still runs."""
        return self._child.stop()

    def _read(self) -> None:
        with contextlib.suppress(ValueError):  # it was closed under us
            try:
                with self._log.open("w", encoding="utf-8") as log:
                    for line in self._lines():
                        log.write(line)
                        log.flush()
            except OSError as error:
                self._say(
                    f"{self._log} cannot be written: {error.strerror}; what follows is shown and"
                    " not kept"
                )
                # Nobody reading it, the command would wait for ever.
                collections.deque(self._lines(), maxlen=0)

    def _lines(self) -> Iterator[str]:
        """Read and show the lines that are left."""
        for line in self._child.stdout or ():
            if self._is_over:
                return
            self._heard += 1
            self.last_lines.append(line.rstrip())
            self._say(line.rstrip())
            yield line
