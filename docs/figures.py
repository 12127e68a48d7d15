"""Draws the pictures of the documentation; `make figures` runs it, a test compares.

python docs/figures.py DIRECTORY
"""

from __future__ import annotations

import sys
from pathlib import Path

from poster import history as histories
from poster.analysis import analyse
from poster.published import load_published
from poster.report.plots import save, strip

ROOT = Path(__file__).parents[1]


def draw(into: Path) -> None:
    """Write every picture as SVG."""
    published = load_published(ROOT / "tests" / "data" / "published_runs.csv")[2]
    simulated = histories.load(ROOT / "notebooks" / "sample_run")
    for name, history in (("published", published), ("simulated", simulated)):
        transition = analyse(history, rows=None).transitions[-1]
        save(strip(history, transition), into / f"{name}.svg")


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
