"""The history file while a run goes on, and the directory it lies in.

Rows are whole lines, written in one piece to a file opened for appending: a reader sees whole lines
while the run goes on. Nothing is buffered here: what was written survives ``kill -9``.
"""

from __future__ import annotations

import contextlib
import datetime
import itertools
import os
import re
import threading
from collections.abc import Sequence
from pathlib import Path

from poster.errors import PosterError
from poster.rows.record import Row, Run, encode, encode_lines

HISTORY = "history.jsonl"
ROWS = "rows.jsonl"
LATEST = "latest"
NAME = re.compile(r"\w[\w.+=@-]{0,63}")
NAME_FORM = "letters, digits and . _ + = @ -, at most 64, of which the first is a letter or a digit"


class JournalError(PosterError):
    """The history cannot be written; what was written before stays readable."""


class Journal:
    """An append-only history file. Safe to write to from several threads."""

    def __init__(self, path: Path, run: Run) -> None:
        """Create the file, which must not exist, and write the run's row."""
        self.path = path
        self._lock = threading.Lock()
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        except FileExistsError:
            raise JournalError(f"{path} exists; a history is never overwritten") from None
        except OSError as error:
            raise JournalError(f"cannot create {path}: {error.strerror}") from error
        self.write(run)

    def write(self, row: Row) -> None:
        """Append the row. Raises JournalError when the disk refuses."""
        self._append(f"{encode(row)}\n".encode())

    def write_all(self, rows: Sequence[Row]) -> None:
        """Append the rows in one piece. Raises JournalError when the disk refuses."""
        if rows:
            self._append(encode_lines(rows))

    def _append(self, octets: bytes) -> None:
        with self._lock:
            try:
                written = os.write(self._fd, octets)
                # A nearly full disk takes part of a line first and refuses the rest.
                while written < len(octets):
                    written += os.write(self._fd, octets[written:])
            except OSError as error:
                raise JournalError(f"cannot write {self.path}: {error.strerror}") from error

    def close(self) -> None:
        """Close the file. Raises JournalError if it was removed while it was written."""
        is_there = os.fstat(self._fd).st_nlink > 0
        os.close(self._fd)
        if not is_there:
            raise JournalError(f"{self.path} was removed while it was written: its rows are lost")

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # What went wrong before is said first.
        with contextlib.suppress(*(() if kind is None else (JournalError,))):
            self.close()


def new_run_directory(parent: Path, name: str, now: datetime.datetime) -> Path:
    """Create and return ``parent/<utc>-<name>``, for the second of one second ``<utc>-<name>-2``.

    Raises JournalError when that cannot be done.
    """
    if not NAME.fullmatch(name):
        raise JournalError(f"{name!r} cannot name a run: {NAME_FORM}")
    stamp = now.astimezone(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    path = first = parent / f"{stamp}-{name}"
    for number in itertools.count(2):
        try:
            path.mkdir(parents=True)
            break
        except FileExistsError:
            path = first.with_name(f"{first.name}-{number}")
        except OSError as error:
            raise JournalError(f"cannot create {path}: {error.strerror}") from error
    return path


def point_latest_at(run_directory: Path) -> None:
    """Let ``latest`` beside the run directory point at it, in one step that readers cannot see."""
    latest = run_directory.parent / LATEST
    staged = run_directory.parent / f".{LATEST}-{os.getpid()}"
    staged.unlink(missing_ok=True)
    staged.symlink_to(run_directory.name)
    staged.replace(latest)
