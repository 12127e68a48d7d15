"""The table of a report's cost, and its stages."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import report, stages
from bench.machine import Cost
from poster.rows.loading import load


def test_ratios_are_ours_by_theirs(tmp_path: Path) -> None:
    costs = {"ours": [Cost(8.0, 9.0, 300, ""), Cost(6.0, 9.0, 400, "")], "DuckDB": []}
    costs["DuckDB"] = [Cost(3.5, 5.0, 200, "")]
    (tmp_path / "history.jsonl").write_bytes(b"x" * 10**7)
    said = report._compared(costs, 1000, tmp_path / "history.jsonl")
    assert "1,000 observations, 0.01 GB" in said
    assert "| DuckDB | 3.5 | 5.0 | 200 | 2.00 | 2.00 |" in said


def test_a_history_for_the_bench_is_whole_and_every_stage_of_its_report_is_timed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "history.jsonl"
    report._write(path, 500)
    found = load(path)
    assert (found.total, len(found.steps), found.malformed_lines) == (500, 1, 0)
    monkeypatch.setattr("sys.argv", ["stages", str(path)])
    stages.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(stages.STAGES)
    assert report._stages("\n".join(lines)).count("\n") == 2 + len(stages.STAGES)
