"""Histories of many machines for the bench, and what is said of their report."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import merged
from poster.rows.loading import load


def test_histories_of_machines_are_whole_and_merged_into_one_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = merged.write_histories(tmp_path, 3, 400)
    for path in paths:
        found = load(path)
        assert (found.total, found.malformed_lines, found.torn_bytes) == (400, 0, 0)
    monkeypatch.setattr(merged, "CACHE", tmp_path)
    said = merged.section(merged.measure(3, 400))
    assert "3 histories of 400 calls each" in said
    assert "| 3 | 1,200 |" in said
    assert "was answered by version 1" in said
