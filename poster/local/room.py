"""How much of the disk the local AWS may take, and what happens beyond it.

All its files are in one *scratch* folder. Where they take more than ``MOST_BYTES``, or the disk has
less than ``LEAST_FREE_BYTES`` left, the local AWS says so and ends, and its files go with it. A
folder that its owner could not remove, since both it and its supervisor were killed or the machine
went down, is removed by whoever starts next: an owner holds a lock on its folder while it lives.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path

MOST_BYTES = 8 * 2**30
LEAST_FREE_BYTES = 256 * 2**20
OUT_OF_ROOM = 28  # the exit code; ENOSPC's number
_PREFIX = "poster-local-"
_SETTLED_S = 60.0  # of a folder: what is younger may be about to be locked
_LOOK_EVERY_S = 1.0


def why_no_room(taken_bytes: int, free_bytes: int) -> str | None:
    """Return why the local AWS may not go on with so much taken and free, None if it may."""
    if taken_bytes > MOST_BYTES:
        return (
            f"the files of the local AWS take {taken_bytes / 2**30:.1f} GiB, and it may take"
            f" {MOST_BYTES / 2**30:g} GiB: deploy smaller packages, and let functions write less"
        )
    if free_bytes < LEAST_FREE_BYTES:
        return (
            f"the disk of the local AWS has {free_bytes / 2**20:.0f} MiB left, and it leaves"
            f" {LEAST_FREE_BYTES / 2**20:g} MiB to others: make room, or set TMPDIR to another disk"
        )
    return None


def taken_bytes(folder: Path) -> int:
    """Return what the files of a folder take on the disk; links are not followed."""
    taken = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                taken += os.lstat(f"{parent}/{name}").st_blocks * 512
            except OSError:  # removed since
                continue
    return taken


def end_without_room(folder: Path) -> None:
    """Look again and again; say why and end this process when there is no room."""
    while True:
        why = why_no_room(taken_bytes(folder), shutil.disk_usage(folder).free)
        if why is not None:
            os.write(2, f"{why}\n".encode())
            os._exit(OUT_OF_ROOM)  # at once: functions may be writing
        time.sleep(_LOOK_EVERY_S)


class Scratch:
    """A new folder for an emulator's files; ``path`` is there until ``remove``, at the latest."""

    def __init__(self) -> None:
        """Make it, and remove what a dead owner has left."""
        _remove_abandoned(Path(tempfile.gettempdir()))
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._fd = os.open(self.path, os.O_RDONLY)
        fcntl.flock(self._fd, fcntl.LOCK_EX)

    def remove(self) -> None:
        """Remove it with all that is in it; harmless when it is gone."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        try:
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:  # another user's, or gone
            continue
        try:
            said = os.fstat(fd)
            if said.st_uid == os.getuid() and time.time() - said.st_mtime > _SETTLED_S:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:  # its owner lives
            continue
        finally:
            os.close(fd)
