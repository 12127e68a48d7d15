"""Who answered in the last seconds, as a strip of coloured cells for a terminal."""

from __future__ import annotations

import collections
import time
from collections.abc import Callable, Iterable

from rich.text import Text

COLOURS = ("cyan", "magenta", "yellow", "green", "blue")
CELLS, CELL_S = 60, 0.5
ALONE, MIXED, FAILED, SILENT = "█", "▒", "!", " "


class Strip:
    """A cell for every half second: one release, a mixture, a failure, or nobody called."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._places: dict[str, int] = {}  # of the releases, in the order of appearance
        self._cells: collections.deque[tuple[int, set[str | None]]] = collections.deque(
            maxlen=CELLS
        )

    def add_all(self, who: Iterable[str | None]) -> None:
        """Take note of calls that ended now; None: one that was not answered ok."""
        number = int(self._now_s() / CELL_S)
        if not self._cells or self._cells[-1][0] != number:
            self._cells.append((number, set()))
        for each in who:
            if each is not None:
                self._places.setdefault(each, len(self._places))
            self._cells[-1][1].add(each)

    def colour(self, release: str) -> str:
        """Return the release's colour."""
        return COLOURS[self._places.get(release, 0) % len(COLOURS)]

    def text(self, cells: int = CELLS) -> Text:
        """Return the last so many cells of the strip; now is at its right end."""
        now = int(self._now_s() / CELL_S)
        seen = dict(self._cells)
        strip = Text()
        for number in range(now - cells + 1, now + 1):
            strip.append(*self._cell(seen.get(number, set())))
        return strip

    def _cell(self, who: set[str | None]) -> tuple[str, str]:
        named = [each for each in who if each is not None]
        if len(named) < len(who):
            return FAILED, "bold red"
        if not named:
            return SILENT, ""
        newest = max(named, key=lambda each: self._places[each])
        return ALONE if len(named) == 1 else MIXED, self.colour(newest)
