"""An engine at work in the background while the caller deploys, waits or looks at the clock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType

from poster.clock import Clock
from poster.engine import Emit, Engine, Load, Stop

LEAVE_S = 1.0  # enough to write the rows of what is in flight


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
        self._work = (load, clock, emit)
        self._engine = engine
        self._on_end = on_end
        self._stop = Stop()
        self._failure: BaseException | None = None
        # Not Thread.join: in Python 3.11, one that Ctrl-C interrupts takes the thread for ended.
        self._ended = threading.Event()
        # A daemon: an engine that cannot abandon its calls must not keep the process.
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def wait(self, timeout_s: float | None) -> bool:
        """Wait that long for posting to end by itself; return whether it has."""
        return self._ended.wait(timeout_s)

    def __enter__(self) -> Posting:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        try:
            self._ended.wait()
        except KeyboardInterrupt:  # a second one: calls in flight get their rows and are left
            self._stop.abandon.set()
            self._ended.wait(LEAVE_S)
            raise
        if self._failure is not None and (error is None or isinstance(error, Exception)):
            raise self._failure

    def _run(self) -> None:
        load, clock, emit = self._work
        try:
            self._engine.run(load, clock, emit, self._stop)
        except BaseException as failure:  # raised on the caller's thread, in __exit__
            self._failure = failure
        finally:
            self._on_end()
            self._ended.set()
