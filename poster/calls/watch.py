"""What callers are being told, while the run goes on.

The watch sees every observation as it is emitted and lets another thread wait for a release to
have taken over. It decides when the next deploy may begin, nothing else: what the run proves is
read from the history afterwards.
"""

from __future__ import annotations

import dataclasses
import threading
import time

from poster.rows.record import Observation


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """When a marker was last answered, on the run's clock, and how often in all."""

    last_ns: int
    answers: int


class Watch:
    """Thread-safe: posters tell it, the experiment asks it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._seen: dict[str, Seen] = {}
        self._in_a_row: dict[str, int] = {}  # who answered last, since the last wait began
        self._failed = 0
        self._ended = False

    def saw(self, observation: Observation) -> None:
        """Take note of a call; failures and silence tell nothing about releases."""
        if observation.outcome == "fail":
            with self._changed:
                self._failed += 1
        if observation.outcome != "ok" or observation.marker is None:
            return
        with self._changed:
            before = self._seen.get(observation.marker, Seen(0, 0))
            at_ns = max(before.last_ns, observation.received_ns or observation.sent_ns)
            self._seen[observation.marker] = Seen(at_ns, before.answers + 1)
            # A front end may stay with a connection: a kept one says nothing new.
            is_telling = observation.connection != "kept"
            in_a_row = self._in_a_row.get(observation.marker, 0) + is_telling
            self._in_a_row = {observation.marker: in_a_row}
            self._changed.notify_all()

    @property
    def failed(self) -> int:
        """Return how many calls have failed so far."""
        return self._failed

    def end(self) -> None:
        """Wake who waits: no observation will follow."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait_for(
        self, marker: str, answers: int, quiet_s: float, timeout_s: float, in_a_row: int = 0
    ) -> bool:
        """Wait until ``marker`` has taken over: that many answers, and none by another for a while.

        ``in_a_row`` of its answers must also have come without another's since the wait began.
        Returns False when that has not come about after ``timeout_s`` or when posting ended.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            self._in_a_row = {}
            while self._in_a_row.get(marker, 0) < in_a_row or not taken_over(
                self._seen, marker, answers, round(quiet_s * 1e9)
            ):
                remaining_s = deadline - time.monotonic()
                if self._ended or not self._changed.wait(max(0.0, remaining_s)):
                    return False
        return True


def taken_over(seen: dict[str, Seen], marker: str, answers: int, quiet_ns: int) -> bool:
    """Return whether a marker's answers are enough and no other's came in the quiet time."""
    new = seen.get(marker)
    if new is None or new.answers < answers:
        return False
    others = [each.last_ns for other, each in seen.items() if other != marker]
    return not others or new.last_ns - max(others) >= quiet_ns
