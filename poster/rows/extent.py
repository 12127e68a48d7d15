"""How far a run reached, read row by row: what a base install, without columns, knows of it."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path

from poster.errors import USAGE, PosterError
from poster.rows.journal import HISTORY
from poster.rows.record import MalformedLineError, Observation, Row, Run, Step, decode


class NoRunError(PosterError):
    """There is no history, or no line of it describes a run."""

    exit_code = USAGE


@dataclasses.dataclass(frozen=True, slots=True)
class Extent:
    """A run, when its first and last row were on its clock, and the versions that it names."""

    run: Run
    begin_ns: int
    end_ns: int
    versions: frozenset[str]  # that answered, or that an alias was at


def extent_in(directory: Path) -> Extent:
    """Return the extent of the run in a directory; lines that are no rows are passed over.

    Raises NoRunError.
    """
    path = directory / HISTORY
    try:
        with path.open("rb") as lines:
            found = extent_of(_rows(lines))
    except OSError as error:
        raise NoRunError(
            f"cannot read {path}: {error.strerror}; name the directory of a run"
        ) from None
    if found is None:
        raise NoRunError(f"{path} is no history: no line of it describes a run")
    return found


def extent_of(rows: Iterable[Row]) -> Extent | None:
    """Return the extent of these rows; None without a run among them."""
    run, begin_ns, end_ns = None, 0, 0
    versions: set[object] = set()
    for row in rows:
        if isinstance(row, Run):
            run = run or row
            continue
        at_ns = row.at_ns if isinstance(row, Step) else row.sent_ns
        begin_ns, end_ns = min(begin_ns, at_ns), max(end_ns, at_ns)
        versions |= {row.function_version} if isinstance(row, Observation) else _moved(row)
    named = frozenset(version for version in versions if isinstance(version, str))
    return None if run is None else Extent(run, begin_ns, end_ns, named)


def _moved(step: Step) -> set[object]:
    ends = (step.detail.get(end) for end in ("from", "to"))
    return {end for end in ends if isinstance(end, str)}


def _rows(lines: Iterable[bytes]) -> Iterator[Row]:
    for line in lines:
        with contextlib.suppress(MalformedLineError):
            yield decode(line)
