"""Reading a history: from the file to columns, whatever the file holds.

``load`` turns ``history.jsonl`` into one Polars frame with a column per field of ``Observation``,
sorted by ``seq``, and a short list of steps. The columns of a large file lie on disk
(``poster.rows.spill``). Polars parses blocks of lines on all cores; what it refuses, and what it
may have taken for something else, ``decode`` reads line by line, so a damaged line costs a block,
not the file.

Invariant: every whole line after the first is what ``decode`` says of it: an observation, a step or
counted in ``malformed_lines``. What a killed writer left without a newline is counted in
``torn_bytes``.
Only a file that does not start with a run row is refused, with ``HistoryError``.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from poster.rows.address import shown
from poster.rows.by_logs import NAMED, VERSIONS_FROM
from poster.rows.collected import READ, Collected, collected_in
from poster.rows.history import (
    COLUMNS,
    PARSED,
    History,
    HistoryError,
    in_order,
    observations_frame,
)
from poster.rows.journal import HISTORY, ROWS
from poster.rows.record import (
    MAX_MS,
    MAX_NS,
    SCHEMA,
    MalformedLineError,
    Observation,
    Row,
    Run,
    Step,
    decode,
)
from poster.rows.spill import Spill

LARGE_BYTES = 256 * 1024 * 1024  # from here on, calls are kept on disk
BLOCK_BYTES = 16 * 1024 * 1024  # from 32 MiB on, glibc gives every buffer back to the system
FILE_BLOCKS = 8  # of a large file's, in one file: every file costs each reading of a column
FIRST_LINE_BYTES = 16 * 1024 * 1024
SMALL_BLOCK_BYTES = 16 * 1024
_REQUIRED = ("seq", "poster", "todo_id", "planned_ns", "sent_ns", "outcome")
_TIMES_NS = ("planned_ns", "sent_ns", "received_ns")
# What Polars makes of a number, a boolean, an array, an object and half a character, where it is to
# read a String; and what of them it takes for a Categorical as well: an integer beyond 64 bits.
_NO_STRING = r"(?s)^(-?[0-9.]+|true|false|\[.*\]|\{.*\})$|\x00"
_NO_CATEGORY = r"^Static\(|\x00"
_DOUBTS = {
    name: _NO_CATEGORY if isinstance(dtype, pl.Categorical) else _NO_STRING
    for name, dtype in PARSED.items()
    if isinstance(dtype, pl.String | pl.Categorical) and name in COLUMNS
}
# rows.jsonl: the table's attribute -> our column.
_ROW_FIELDS = {
    "todoId": "todo_id",
    "title": "title",
    "createdAt": "created_at_ms",
    "lambda": "marker",
    "functionVersion": "function_version",
    "configMarker": "config_marker",
    "instanceId": "instance_id",
    "requestId": "request_id",
}


@dataclasses.dataclass(slots=True)
class _Block:
    """What one stretch of whole lines held."""

    observations: list[pl.DataFrame]
    steps: list[Step]
    malformed: int = 0

    def add(self, other: _Block) -> None:
        self.observations += other.observations
        self.steps += other.steps
        self.malformed += other.malformed


def load(path: Path) -> History:
    """Return the history in a file, or in the ``history.jsonl`` of a run directory.

    Raises HistoryError when there is none.
    """
    return load_all([path])[0]


def load_all(paths: Iterable[Path]) -> list[History]:
    """Return several histories as ``load`` does; they are large if they are it together."""
    opened = [_opened(path / HISTORY if path.is_dir() else path) for path in paths]
    is_large = sum(size for _, _, size in opened) >= LARGE_BYTES
    return [_load(*each, is_large) for each in opened]


def _opened(path: Path) -> tuple[Path, bytes, int]:
    """Return the file with its first line and its size."""
    try:
        with path.open("rb") as file:
            return path, file.readline(FIRST_LINE_BYTES), os.fstat(file.fileno()).st_size
    except OSError as error:
        raise HistoryError(
            f"cannot read {path}: {error.strerror}; name a history.jsonl or a run directory"
        ) from None


def _load(path: Path, first: bytes, size: int, is_large: bool) -> History:
    run = _run_in(first, path)
    names = _names_beside(path)
    if names is not None:
        run = msgspec.structs.replace(run, settings={**run.settings, VERSIONS_FROM: "Lambda's log"})
    spill = Spill() if is_large else None
    spans = _spans(path, len(first), size)
    at_once = FILE_BLOCKS if spill else max(1, len(spans))
    whole = _Block([], [])
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for place in range(0, len(spans), at_once):
            some = _Block([], [])
            for block in pool.map(partial(_read_span, path), spans[place : place + at_once]):
                some.add(block)
            if spill is not None:
                spill.add(place, _named(in_order(some.observations), names))
                some.observations = []
            whole.add(some)
    in_memory = _named(in_order(whole.observations), names).lazy()
    return History(
        run=run,
        calls=in_memory if spill is None else spill.calls(),
        steps=sorted(whole.steps, key=lambda step: step.at_ns),
        malformed_lines=whole.malformed,
        torn_bytes=_torn_bytes(path, len(first), size),
        collected=_collected_beside(path),
        kept_in=spill,
    )


def load_rows(path: Path) -> pl.DataFrame | None:
    """Return the store dump beside a history (or in a run directory), None when there is none.

    A dump is complete or useless, so a line that is not an item raises HistoryError.
    """
    path = path / ROWS if path.is_dir() else path.with_name(ROWS)
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HistoryError(f"cannot read {path}: {error.strerror}") from None
    dtypes = {name: pl.Int64() if name == "createdAt" else pl.String() for name in _ROW_FIELDS}
    try:
        rows = _parse(text, dtypes) if text.strip() else pl.DataFrame(schema=dtypes)
    except pl.exceptions.PolarsError as error:
        raise HistoryError(f"{path} is not one item per line: {_one_line(error)}") from None
    if rows["todoId"].null_count():
        raise HistoryError(f"{path} holds an item without todoId; dump the table again")
    return rows.rename(_ROW_FIELDS)


def _collected_beside(path: Path) -> Collected | None:
    try:
        files = [path.with_name(name) for name in READ]
        return collected_in({file.name: file.read_text("utf-8") for file in files if file.exists()})
    except (OSError, ValueError) as error:
        raise HistoryError(
            f"what was collected in {path.parent} cannot be read: {_one_line(error)}; collect it"
            f" anew: poster collect {path.parent}"
        ) from None


def _names_beside(path: Path) -> pl.DataFrame | None:
    """Return the version of each request that the log beside a history names, None without one."""
    path = path.with_name(NAMED)
    if not path.exists():
        return None
    schema = {"request_id": pl.String(), "version": pl.String()}
    try:
        text = path.read_bytes()
        lines = _parse(text, schema) if text.strip() else pl.DataFrame(schema=schema)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise HistoryError(
            f"{path} cannot be read: {_one_line(error)}; make it anew with `poster collect"
            " --by-logs`, or remove it"
        ) from None
    return lines.unique("request_id", keep="last")


def _named(calls: pl.DataFrame, names: pl.DataFrame | None) -> pl.DataFrame:
    """Return the calls with the version that the log names where an answer gave none."""
    if names is None:
        return calls
    joined = calls.join(names, on="request_id", how="left", maintain_order="left")
    version = pl.coalesce(pl.col("function_version").cast(pl.String()), pl.col("version"))
    return joined.with_columns(function_version=version.cast(pl.Categorical())).drop("version")


def _run_in(line: bytes, path: Path) -> Run:
    way_out = "name a file that starts with a run row, as `poster run` writes it"
    if not line:
        raise HistoryError(f"{path} is empty; {way_out}")
    try:
        row = decode(line)
    except MalformedLineError as error:
        raise HistoryError(
            f"{path} is no history: line 1 is {_one_line(error)}; {way_out}"
        ) from None
    if not isinstance(row, Run):
        raise HistoryError(f"{path} is no history: line 1 is no run row; {way_out}")
    if row.schema != SCHEMA:
        raise HistoryError(
            f"{path} has schema {row.schema}, this poster reads {SCHEMA}; use the one that wrote it"
        )
    if abs(row.origin_unix_ns) > MAX_NS:
        raise HistoryError(f"{path} has an origin_unix_ns that is no time; {way_out}")
    return msgspec.structs.replace(row, endpoint=shown(row.endpoint))


def _spans(path: Path, start: int, size: int) -> list[tuple[int, int]]:
    """Cut the file into spans of whole lines; the last one may end in a torn line."""
    edges = [start]
    with path.open("rb") as file:
        while edges[-1] < size:
            file.seek(min(edges[-1] + BLOCK_BYTES, size))
            file.readline()
            edges.append(min(file.tell(), size))
    return list(itertools.pairwise(edges))


def _read_span(path: Path, span: tuple[int, int]) -> _Block:
    start, end = span
    with path.open("rb") as file:
        file.seek(start)
        text = file.read(end - start)
    return _read_block(text[: _whole_bytes(text)])


def _whole_bytes(text: bytes) -> int:
    """Return how many bytes are whole lines; a last line without newline counts if it is a row."""
    ends_at = text.rfind(b"\n") + 1
    last = text[ends_at:]
    is_row = not last.strip() or isinstance(_row_in(last), Observation | Step)
    return len(text) if is_row else ends_at


def _torn_bytes(path: Path, start: int, size: int) -> int:
    with path.open("rb") as file:
        tail_start = max(start, size - FIRST_LINE_BYTES)
        file.seek(tail_start)
        tail = file.read(size - tail_start)
    return len(tail) - _whole_bytes(tail)


def _parse(text: bytes, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    return pl.read_ndjson(text, schema=schema)


def _read_block(text: bytes) -> _Block:
    """Read whole lines; halve the block while Polars cannot be relied on, then go line by line."""
    if not text.strip():
        return _Block([], [])
    try:
        parsed = _parse(text, PARSED).cast(COLUMNS)  # type: ignore[arg-type]
        if _texts_are_texts(parsed, text):
            return _sorted_by_kind(parsed, text)
    # PanicException is no Exception: a parser's bug must not take the report with it.
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        pass
    middle = text.find(b"\n", len(text) // 2) + 1
    if len(text) > SMALL_BLOCK_BYTES and 0 < middle < len(text):
        block = _read_block(text[:middle])
        block.add(_read_block(text[middle:]))
        return block
    return _read_lines(text.split(b"\n"))


def _texts_are_texts(parsed: pl.DataFrame, text: bytes) -> bool:
    """Whether what Polars read as texts surely are. Raises PolarsError where they are not."""
    doubtful = [name for name, pattern in _DOUBTS.items() if _has(pattern, parsed[name])]
    if not doubtful:
        return True
    looked_at = _parse(text, dict.fromkeys(doubtful, pl.Categorical(pl.Categories.random())))
    return not any(_has(_NO_CATEGORY, column) for column in looked_at)


def _has(pattern: str, texts: pl.Series) -> bool:
    if isinstance(texts.dtype, pl.Categorical):
        texts = texts.unique().cast(pl.String)
    return bool(texts.str.contains(pattern).any())


def _sorted_by_kind(parsed: pl.DataFrame, text: bytes) -> _Block:
    """Split parsed lines into observations, steps and lines that are neither."""
    valid = (
        (pl.col("kind") == "observation")
        & pl.all_horizontal(pl.col(_REQUIRED).is_not_null())
        & pl.all_horizontal(pl.col(_TIMES_NS).is_between(-MAX_NS, MAX_NS).fill_null(True))
        & pl.col("server_ms").is_between(-MAX_MS, MAX_MS).fill_null(True)
        & pl.col("connection").cast(pl.String).is_in(["new", "kept"]).fill_null(True)
    ).fill_null(False)
    is_valid = parsed.select(valid.alias("valid"))["valid"]
    if is_valid.all():
        return _Block([parsed.drop("kind")], [])
    # Polars skips blank lines, so rows and non-blank lines go in step.
    lines = [line for line in text.split(b"\n") if line.strip()]
    block = _read_lines(lines[index] for index in (~is_valid).arg_true())
    block.observations = [parsed.drop("kind").filter(is_valid)]
    return block


def _read_lines(lines: Iterable[bytes]) -> _Block:
    found: list[dict[str, Any]] = []
    block = _Block([], [])
    for line in lines:
        if not line.strip():
            continue
        match _row_in(line):
            case Observation() as row:
                found.append(msgspec.structs.asdict(row))
            case Step() as row:
                block.steps.append(row)
            case _:
                block.malformed += 1
    block.observations.append(observations_frame(found))
    return block


def _row_in(line: bytes) -> Row | None:
    try:
        return decode(line)
    except MalformedLineError:
        return None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
