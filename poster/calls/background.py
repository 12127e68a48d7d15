"""Work on a thread of its own, whose failure is kept for the one who started it."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Background:
    """One piece of work, done once. ``on_end`` is called on its thread, however the work ended."""

    def __init__(
        self, name: str, work: Callable[[], None], on_end: Callable[[], None] = lambda: None
    ) -> None:
        self._work = work
        self._on_end = on_end
        self._failure: BaseException | None = None
        # Not Thread.join: in Python 3.11, one that Ctrl-C interrupts takes the thread for ended.
        self._ended = threading.Event()
        # A daemon: work that cannot be stopped must not keep the process.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin the work."""
        self._thread.start()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait that long for the work to end; return whether it has."""
        return self._ended.wait(timeout_s)

    def check(self) -> None:
        """Raise what ended the work, if something did."""
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as failure:  # raised on the caller's thread, in check
            self._failure = failure
        finally:
            self._on_end()
            self._ended.set()
