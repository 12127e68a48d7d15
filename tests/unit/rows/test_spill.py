"""Calls on disk say what calls in memory do, whatever the file holds and in whatever order."""

from __future__ import annotations

import contextlib
import gc
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poster.judge.analysis import analyse
from poster.report import html, text
from poster.report import json as report_json
from poster.report.page import sample
from poster.rows import loading, skew, spill
from poster.rows import merge as merging
from poster.rows.by_logs import NAMED
from poster.rows.history import History, HistoryError
from poster.rows.loading import load, load_all
from poster.rows.merge import merge
from poster.rows.record import Observation, encode
from tests.support.histories import RUN, history, rows, write_history

DAMAGE = [b"not json", b"{}", b"", b'{"kind":"observation","seq":1.5}', b'{"kind":"run"}', b"\xff"]
TORN = b'{"kind":"observation","se'

notations = st.text("ab!|?.", max_size=60)


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Draw a history: any outcomes, calls out of order and repeated, damage between, a torn end."""
    lines = [encode(row).encode() for row in rows(draw(notations))]
    lines += draw(st.lists(st.sampled_from(lines), max_size=5)) if lines else []
    lines += draw(st.lists(st.sampled_from(DAMAGE), max_size=5))
    how = draw(st.sampled_from(["as written", "shaken", "shuffled"]))
    if how == "shuffled":
        lines = draw(st.permutations(lines))
    elif how == "shaken":  # as answers come: a call's row is near its place
        late = draw(st.lists(st.integers(0, 5), min_size=len(lines), max_size=len(lines)))
        order = sorted(range(len(lines)), key=lambda place: place + late[place])
        lines = [lines[place] for place in order]
    whole = b"".join(line + b"\n" for line in [encode(RUN).encode(), *lines])
    return whole + draw(st.sampled_from([b"", TORN]))


@contextlib.contextmanager
def everything_large(block_bytes: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "LARGE_BYTES", 0)
        patch.setattr(loading, "BLOCK_BYTES", block_bytes)
        patch.setattr(merging, "PIECE_CALLS", 3)
        patch.setattr(merging, "FRAME_CALLS", 7)
        patch.setattr(merging, "TODOS_AT_ONCE", 5)
        patch.setattr(skew, "AT_ONCE", 0)
        yield


def said(history: History) -> tuple[str, str]:
    result = analyse(history, None)
    return report_json.render(result), text.render(result, history)


@settings(max_examples=30, deadline=None)
@given(content=files(), block_bytes=st.sampled_from([300, 1500, 10**6]))
def test_a_history_on_disk_is_the_same_history(content: bytes, block_bytes: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "history.jsonl"
        path.write_bytes(content)
        small = load(path)
        with everything_large(block_bytes):
            large = load(path)
    assert large.kept_in is not None
    assert large.observations.equals(small.observations)
    assert (large.steps, large.malformed_lines, large.torn_bytes) == (
        small.steps,
        small.malformed_lines,
        small.torn_bytes,
    )
    assert said(large) == said(small)


@settings(max_examples=25, deadline=None)
@given(
    contents=st.lists(files(), min_size=2, max_size=3), block_bytes=st.sampled_from([300, 10**6])
)
def test_merged_histories_on_disk_are_the_same_history(
    contents: list[bytes], block_bytes: int
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        paths = []
        for number, content in enumerate(contents):
            run = msgspec.structs.replace(RUN, run_id=f"run-{number}")
            _, _, lines = content.partition(b"\n")
            paths.append(Path(directory) / f"{number}.jsonl")
            paths[-1].write_bytes(encode(run).encode() + b"\n" + lines)
        small = merge(load_all(paths))
        with everything_large(block_bytes):
            large = merge(load_all(paths), spill.on_disk)
    assert large.kept_in is not None
    assert large.observations.equals(small.observations)
    assert said(large) == said(small)


def test_versions_that_a_log_names_are_those_of_a_history_on_disk_too(tmp_path: Path) -> None:
    found = [
        msgspec.structs.replace(row, request_id=f"r{row.seq}")
        if isinstance(row, Observation)
        else row
        for row in rows("aab|abb" * 3, versions=False)
    ]
    path = write_history(tmp_path / "history.jsonl", found)
    named = [{"request_id": f"r{seq}", "version": str(seq)} for seq in range(1, 10)]
    (tmp_path / NAMED).write_bytes(msgspec.json.Encoder().encode_lines(named))
    small = load(path)
    with everything_large(1000):
        large = load(path)
    assert small.observations["function_version"].null_count() == small.total - len(named)
    assert large.observations.equals(small.observations)


def test_the_page_of_a_history_on_disk_is_the_same_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "MOST_CALLS", 20)
    path = tmp_path / "history.jsonl"
    lines = map(encode, [RUN, *rows("aaab|a!bab?b" * 5 + "b" * 40)])
    path.write_text("".join(f"{line}\n" for line in lines))
    small = load(path)
    with everything_large(1000):
        large = load(path)
    pages = [html.render(analyse(each, None), each) for each in (small, large)]
    assert pages[0] == pages[1]


def test_what_lay_on_disk_is_gone_with_the_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    path = tmp_path / "history.jsonl"
    path.write_text("".join(f"{encode(row)}\n" for row in [RUN, *rows("ab")]))
    with everything_large(1000):
        large: History | None = load(path)
    assert any((tmp_path / "scratch").iterdir())
    assert large is not None
    assert large.calls.select(pl.len()).collect().item() == 2
    large = None
    gc.collect()
    assert not any((tmp_path / "scratch").iterdir())


def test_a_full_disk_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(HistoryError, match="No space left on device; name a directory with room"):
        spill.on_disk([history("ab").observations])
