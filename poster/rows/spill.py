"""Calls that are too many for memory: Parquet files, of which Polars reads what it is asked for.

The files lie in a directory of their own, which goes with the last history that reads them. It is
no cache: the JSON lines stay the record.

Invariant: ``calls`` are all that was added, by seq; calls of one seq in the order of their places.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl

from poster.rows.history import COLUMNS, HistoryError


class Spill:
    """A directory of calls."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="poster-", ignore_cleanup_errors=True)
        self._seqs: dict[int, tuple[int, int]] = {}  # lowest and highest of each file
        self._schema = pl.Schema(COLUMNS)

    def add(self, place: int, calls: pl.DataFrame) -> None:
        """Keep the calls of one stretch, by seq. Raises HistoryError if the disk refuses."""
        self._schema = calls.schema
        if calls.is_empty():
            return
        self._write(place, calls)

    def calls(self) -> pl.LazyFrame:
        """Return all calls. Raises HistoryError if the disk refuses."""
        places = sorted(self._seqs)
        if any(
            self._seqs[one][1] > self._seqs[other][0] for one, other in itertools.pairwise(places)
        ):
            for place, calls in self._put_in_order(places):
                self._write(place, calls)
        if not places:
            return pl.LazyFrame(schema=self._schema)
        return pl.scan_parquet([self._path(place) for place in places])

    def _put_in_order(self, places: list[int]) -> Iterator[tuple[int, pl.DataFrame]]:
        """Yield what each file is to hold; what later files have calls before is held back."""
        lowest = [self._seqs[place][0] for place in reversed(places)]
        lowest_later = [*reversed([*itertools.accumulate(lowest, min)][:-1]), None]
        held = pl.DataFrame(schema=self._schema)
        for place, later in zip(places, lowest_later, strict=True):
            held = pl.concat([held, pl.read_parquet(self._path(place))])
            held = held.sort("seq", maintain_order=True)
            ready = (
                held.height if later is None else int(held["seq"].search_sorted(later, side="left"))
            )
            yield place, held.head(ready)
            held = held.slice(ready)

    def _write(self, place: int, calls: pl.DataFrame) -> None:
        try:
            # Columns are read many times, and unpacking takes longer than reading.
            calls.write_parquet(self._path(place), compression="uncompressed", statistics=False)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise HistoryError(
                f"cannot keep the calls in {self._directory.name}: {error}; name a directory with"
                " room in TMPDIR"
            ) from None
        if calls.height:
            self._seqs[place] = (int(calls["seq"][0]), int(calls["seq"][-1]))

    def _path(self, place: int) -> Path:
        return Path(self._directory.name) / f"{place:08}.parquet"


def on_disk(frames: Iterable[pl.DataFrame]) -> tuple[pl.LazyFrame, Spill]:
    """Return frames of calls by seq as one, and what it lies in.

    Raises HistoryError if the disk refuses.
    """
    spill = Spill()
    for place, calls in enumerate(frames):
        spill.add(place, calls)
    return spill.calls(), spill
