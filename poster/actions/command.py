"""Runs the user's command, as a child that has our standard input and output."""

from __future__ import annotations

import shlex
import shutil
import signal
import subprocess
import sys

from poster.actions.errors import ActionError


def words_of(command: str) -> list[str]:
    """Return the words of a command as a shell would split them, with nothing expanded.

    Raises ActionError, before anything is waited for, when it could not be run.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ActionError(f"cannot split {command!r} into words: {error}") from error
    if not words:
        raise ActionError("the command is empty")
    if shutil.which(words[0]) is None:
        raise ActionError(f"there is no command {words[0]!r}; a shell's own needs --shell")
    return words


def run(command: list[str] | str, output_to_stderr: bool = False) -> int:
    """Run it and return its exit code; a string is run by the shell.

    Killed by a signal, it is 128 plus the signal's number, as in a shell. Ctrl-C reaches it too,
    and it is waited for. Raises ActionError when it cannot be started.
    """
    stdout = sys.stderr if output_to_stderr else None
    try:
        child = subprocess.Popen(command, shell=isinstance(command, str), stdout=stdout)
    except OSError as error:
        raise ActionError(f"cannot run {command}: {error.strerror}") from error
    try:
        code = child.wait()
    except KeyboardInterrupt:
        child.send_signal(signal.SIGINT)  # a TERM meant for us does not reach it by itself
        child.wait()
        raise
    return code if code >= 0 else 128 - code
