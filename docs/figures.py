"""Draws the pictures of the documentation; `make figures` runs it, a test compares.

python -m docs.figures
"""

from __future__ import annotations

import json
from pathlib import Path

from poster.judge.analysis import analyse
from poster.judge.compare import Line
from poster.report import comparison
from poster.report.plots import save, strip
from poster.rows import loading
from studies.propagation.published import load_published

ROOT = Path(__file__).parents[1]


def draw(into: Path) -> None:
    """Write every picture as SVG."""
    published = load_published(ROOT / "tests" / "data" / "published_runs.csv")[2]
    simulated = loading.load(ROOT / "notebooks" / "sample_run")
    for name, history in (("published", published), ("simulated", simulated)):
        transition = analyse(history, rows=None).transitions[-1]
        save(strip(history, transition), into / f"{name}.svg")


def filled(readme: str) -> str:
    """Return the README with the table of the ways of deploying filled in."""
    found = json.loads((ROOT / "docs" / "strategies.json").read_text(encoding="utf-8"))
    table = comparison.render_markdown([Line(**line) for line in found])
    before, begin, rest = readme.partition("<!-- strategies:begin -->\n")
    _, end, after = rest.partition("<!-- strategies:end -->")
    return f"{before}{begin}\n{table}\n{end}{after}"


if __name__ == "__main__":
    draw(ROOT / "docs" / "images")
    page = ROOT / "README.md"
    page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
