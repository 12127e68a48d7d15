"""Where the time of a report of a large history goes, one stage after another.

    python -m bench.stages HISTORY

Prints a line per stage: its name in ``STAGES``, seconds, CPU seconds.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

STARTED_S = time.monotonic()

import polars as pl  # noqa: E402

from poster.judge.analysis import analyse  # noqa: E402
from poster.report import json  # noqa: E402
from poster.rows import loading  # noqa: E402
from poster.rows.history import PARSED  # noqa: E402

STAGES = {
    "start": "Python and its libraries load",
    "bytes": "the file is read, and nothing done with it",
    "parse": "the same, and Polars makes columns of it",
    "load": "the same, and they are checked, coded and written to disk",
    "judge": "the judgement, on the columns that it needs",
    "render": "the report is written",
}


def main() -> None:
    """Go through the stages of one report; those of reading each include the ones before."""
    path = Path(sys.argv[1])
    _say("start", time.monotonic() - STARTED_S, time.process_time())
    _timed("bytes", lambda: _each_block(path, len))
    _timed("parse", lambda: _each_block(path, _columns))
    history = _timed("load", lambda: loading.load(path))
    result = _timed("judge", lambda: analyse(history, None))
    _timed("render", lambda: json.render(result, []))


def _each_block(path: Path, work: Callable[[bytes], object]) -> None:
    with ThreadPoolExecutor(os.cpu_count()) as pool, path.open("rb") as file:
        at_once = 2 * (os.cpu_count() or 1)
        blocks = _blocks(file)
        while some := [block for block, _ in zip(blocks, range(at_once), strict=False)]:
            list(pool.map(work, some))


def _blocks(file: Any) -> Iterator[bytes]:
    file.readline()  # the run's row
    while text := file.read(loading.BLOCK_BYTES):
        yield text + file.readline()


def _columns(text: bytes) -> int:
    return pl.read_ndjson(text, schema=PARSED).height


def _timed(name: str, work: Callable[[], Any]) -> Any:
    wall_s, cpu_s = time.monotonic(), time.process_time()
    made = work()
    _say(name, time.monotonic() - wall_s, time.process_time() - cpu_s)
    return made


def _say(name: str, wall_s: float, cpu_s: float) -> None:
    print(f"{name} {wall_s:.1f} {cpu_s:.1f}", flush=True)


if __name__ == "__main__":
    main()
