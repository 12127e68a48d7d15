"""What the calls say, told by the thread that makes them and waited for by another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from poster.experiment.settling import Settling
from poster.rows.record import Observation


class Traffic:
    """One run's calls. ``settling`` is looked at within ``wait_until`` and ``change`` only."""

    def __init__(self, settling: Settling) -> None:
        self._settling = settling
        self._changed = threading.Condition()
        self._ended = False

    def saw_all(self, calls: Sequence[Observation]) -> None:
        """Take note of calls that have ended."""
        with self._changed:
            for call in calls:
                self._settling.saw(call)
            self._changed.notify_all()

    def end(self) -> None:
        """Wake who waits: no call will follow."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def has_ended(self) -> bool:
        """Whether no call will follow."""
        return self._ended

    def change(self, what: Callable[[Settling], None]) -> None:
        """Do something to the state while no call is being noted."""
        with self._changed:
            what(self._settling)

    def wait_until(self, is_so: Callable[[Settling], bool], timeout_s: float) -> bool:
        """Wait until the calls say so; False if they do not in time, or if calling has ended."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not is_so(self._settling):
                if self._ended or not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    return is_so(self._settling)
        return True
