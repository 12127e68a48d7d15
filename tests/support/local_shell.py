"""`poster local` as a user has it: a command that runs, and the lines that it prints."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator

POSTER_LOCAL = [sys.executable, "-c", "from poster.cli.main import main; main()", "local"]


@contextlib.contextmanager
def poster_local(*options: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Run the command; yield it and the lines that are there to be pasted."""
    with subprocess.Popen(
        [*POSTER_LOCAL, *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as command:
        assert command.stdout is not None
        lines = []
        for line in command.stdout:
            lines.append(line)
            if line.startswith("# Call it"):
                break
        try:
            yield command, lines
        finally:
            command.kill()
