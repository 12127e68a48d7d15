"""A step for a running history, from any process of the machine.

The writer of the history is not asked: the step is one whole line, appended in one piece to a file
that the writer appends to as well, so neither can tear the other's lines. Its time is on the run's
clock. The run's row says where its origin lies on the monotonic clock of that boot of the machine,
which all processes share: no set of the wall clock reorders rows. In another boot, on another
machine, or where a history does not say it, the wall clock places the step; its detail says so.

Invariant: what stood in the history before stands there unchanged.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from poster.errors import USAGE, PosterError
from poster.rows.clock import boot_id
from poster.rows.journal import HISTORY
from poster.rows.record import MalformedLineError, Run, Step, StepName, decode, encode

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}")
_FIRST_LINE_BYTES = 16 * 1024 * 1024


class MarkError(PosterError):
    """The step cannot be appended; the history is as it was."""

    exit_code = USAGE


def mark(path: Path, name: str, detail: Mapping[str, Any]) -> tuple[Run, Step]:
    """Append a step of this moment to the history in a file or a run directory."""
    _check(name, detail)
    path = path / HISTORY if path.is_dir() else path
    try:
        fd = os.open(path, os.O_RDWR | os.O_APPEND)
    except OSError as error:
        raise MarkError(
            f"cannot append to {path}: {error.strerror}; name a run with --run DIR"
        ) from None
    with os.fdopen(fd, "r+b", buffering=0) as file:
        run = _run_in(file.readline(_FIRST_LINE_BYTES), path)
        step = _placed(run, name, dict(detail))
        line = f"{encode(step)}\n".encode()
        # What a killed writer left without an end stays a line of its own.
        is_torn = os.pread(fd, 1, max(0, os.fstat(fd).st_size - 1)) != b"\n"
        line = b"\n" + line if is_torn else line
        try:
            written = os.write(fd, line)
        except OSError as error:
            raise MarkError(f"cannot append to {path}: {error.strerror}") from None
    if written != len(line):
        raise MarkError(f"{path} took {written} of {len(line)} bytes of the step: the disk is full")
    return run, step


def _check(name: str, detail: Mapping[str, Any]) -> None:
    if not _NAME.fullmatch(name):
        raise MarkError(
            f"{name!r} is no name of a step: small letters, digits, dots and hyphens, as in"
            f" {StepName.DEPLOY_STARTED}"
        )
    if name == StepName.CALLS_DROPPED:
        raise MarkError(f"{name} counts what the caller dropped: nobody else can know that")
    if name == StepName.ALIAS_UPDATED and not {"from", "to"} <= set(detail):
        raise MarkError(f"{name} needs from=VERSION and to=VERSION")


def _run_in(line: bytes, path: Path) -> Run:
    try:
        row = decode(line)
    except MalformedLineError:
        row = None
    if not isinstance(row, Run):
        raise MarkError(f"{path} is no history: its first line is no run row")
    return row


def _placed(run: Run, name: str, detail: dict[str, Any]) -> Step:
    if run.origin_monotonic_ns is not None and run.boot_id is not None:
        at_ns = time.monotonic_ns() - run.origin_monotonic_ns
        if run.boot_id == boot_id() and at_ns >= 0:
            return Step(name, at_ns, detail)
    return Step(name, time.time_ns() - run.origin_unix_ns, {**detail, "clock": "wall"})
