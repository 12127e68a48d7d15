"""The page of the study, with its fit and its simulations."""

from __future__ import annotations

from pathlib import Path

from studies.propagation.page import render

ROOT = Path(__file__).parents[2]


def test_the_page_is_what_the_code_writes() -> None:
    page, rows = ROOT / "docs/propagation.md", ROOT / "tests/data/published_runs.csv"
    assert page.read_text(encoding="utf-8") == render(rows), (
        "run: python -m studies.propagation.page tests/data/published_runs.csv docs/propagation.md"
    )
