"""What a child prints, read while it grows and quoted when the child has failed."""

from __future__ import annotations

import os
import tempfile
from typing import IO

_READ_BYTES = 64 * 1024
_TAIL_LINES = 15


class ChildLog:
    """A file without a name, so that nothing of it is left; it can be begun anew.

    Read with pread only: the child writes at the offset that the descriptor shares with us.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._read = 0

    def begin(self) -> IO[bytes]:
        """Return an empty file for a child to print to."""
        self.close()
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as we do
        self._read = 0
        return self._file

    def grown(self) -> bytes:
        """Return what has come since the last look, or the first part of it."""
        grown = self._bytes_from(self._read)
        self._read += len(grown)
        return grown

    def tail(self) -> str:
        """Return the last lines as the end of a message; empty where there are none."""
        lines = self._last_lines(_TAIL_LINES)
        return "\n  ".join(["\nThe end of its log:", *lines]) if lines else ""

    def last_line(self) -> str:
        """Return the last line; empty where there is none."""
        return "".join(self._last_lines(1))

    def close(self) -> None:
        """Give the file back to the system."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _last_lines(self, count: int) -> list[str]:
        size = 0 if self._file is None else os.fstat(self._file.fileno()).st_size
        said = self._bytes_from(max(0, size - _READ_BYTES)).decode(errors="replace")
        return said.strip().splitlines()[-count:]

    def _bytes_from(self, offset: int) -> bytes:
        return b"" if self._file is None else os.pread(self._file.fileno(), _READ_BYTES, offset)
