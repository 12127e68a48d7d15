"""An engine at work in the background while the caller deploys, waits or looks at the clock."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from poster.calls.background import Background
from poster.calls.engine import Emit, Engine, Load, Stop
from poster.rows.clock import Clock

LEAVE_S = 5.0  # at most: a busy machine takes a while to write the rows of what is in flight


class Posting:
    """Posts while the ``with`` block runs; on the way out, however taken, drains.

    Ctrl-C while it drains: calls in flight are recorded as unknown and not waited for.

    What went wrong while posting (a full disk) is raised at the end of the block, in place of an
    error that the block raised because no more answers came.
    """

    def __init__(
        self,
        engine: Engine,
        load: Load,
        clock: Clock,
        emit: Emit,
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        """``emit`` and ``on_end`` are called on a thread of its own."""
        self._stop = Stop()
        self._work = Background("engine", lambda: engine.run(load, clock, emit, self._stop), on_end)

    def wait(self, timeout_s: float | None) -> bool:
        """Wait that long for posting to end by itself; return whether it has."""
        return self._work.wait(timeout_s)

    def check(self) -> None:
        """Raise what ended the posting, if something did."""
        self._work.check()

    def __enter__(self) -> Self:
        self._work.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._stop.set()
            if _is_second(error):
                self.leave()
                return
            self._work.wait()
        except KeyboardInterrupt:  # a second one: calls in flight get their rows
            self.leave()
            raise
        if error is None or isinstance(error, Exception):
            self.check()

    def leave(self) -> None:
        """Wait for no call that is in flight."""
        self._stop.set()
        self._stop.abandon.set()
        self._work.wait(LEAVE_S)


def _is_second(error: BaseException | None) -> bool:
    """Return whether it is a Ctrl-C that came while the block dealt with another."""
    return isinstance(error, KeyboardInterrupt) and isinstance(error.__context__, KeyboardInterrupt)
