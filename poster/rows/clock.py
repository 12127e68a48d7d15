"""The clock of one run: monotonic nanoseconds from an origin.

The wall clock is read exactly once, at the origin, so that a step of the wall clock (NTP, suspend)
cannot reorder rows. Server timestamps are placed on this clock by subtracting the origin; skew
between the two machines is not removed here but estimated from the rows (``poster.rows.skew``).
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

MOVED_S = 1.0  # of the wall clock against ours: it was set; what NTP corrects on the way is less
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """What engine and deployers need to know about time."""

    origin_unix_ns: int
    origin_monotonic_ns: int  # on this boot's clock, which all its processes share

    def now_ns(self) -> int:
        """Return nanoseconds since the origin."""

    def sleep_until_ns(self, at_ns: int) -> None:
        """Return at ``at_ns`` or, if that has passed, at once."""


class RunClock:
    """The real clock; made at the origin of the run."""

    def __init__(self) -> None:
        # Both clocks are read back to back: what passes between the two lines (well under a
        # microsecond) is the error with which at_ns maps to wall-clock time.
        self.origin_monotonic_ns = time.monotonic_ns()
        self.origin_unix_ns = time.time_ns()

    def now_ns(self) -> int:
        """Return nanoseconds since the origin."""
        return time.monotonic_ns() - self.origin_monotonic_ns

    def sleep_until_ns(self, at_ns: int) -> None:
        """Return at ``at_ns`` or, if that has passed, at once."""
        remaining_ns = at_ns - self.now_ns()
        if remaining_ns > 0:
            time.sleep(remaining_ns / 1e9)


def wall_clock_moved(clock: Clock) -> str | None:
    """Return a sentence where the wall clock was set since the origin, None where it was not."""
    moved_s = (time.time_ns() - clock.origin_unix_ns - clock.now_ns()) / 1e9
    if abs(moved_s) < MOVED_S:
        return None
    return (
        f"the wall clock of this machine moved by {moved_s:+.1f} s meanwhile (it was set, or the"
        " machine slept): calls keep their times, steps with a time of AWS's may be off by as much"
    )


def boot_id() -> str | None:
    """Return what names this boot of the machine, None where the system does not say."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return None


def from_server_ms(server_ms: int, origin_unix_ns: int) -> int:
    """Return where a server's timestamp (ms since the epoch) lies on the run's clock, in ns."""
    return server_ms * 1_000_000 - origin_unix_ns
