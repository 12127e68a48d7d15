"""Draws the pictures of the documentation and fills in what its pages take from elsewhere.

    python -m docs.figures

`make figures` runs it. A test holds all of it against the code but the labs' tables, which are
those of the newest runs in ``runs/``: where there is none, a lab's page keeps what it has.
"""

from __future__ import annotations

import json
import runpy
from pathlib import Path

from docs.json_schemas import schemas
from docs.rooms import picture
from docs.sections import filled
from poster.cli import exit_codes
from poster.judge.analysis import analyse
from poster.judge.budgets import MEASURES
from poster.judge.compare import Line
from poster.report import comparison
from poster.report.plots import save, strip
from poster.report.table import in_markdown
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


def sections() -> list[tuple[str, str, str]]:
    """Return page, section and text of all that follows from the code and the kept results."""
    return [
        ("README.md", "strategies", _strategies()),
        ("README.ja.md", "strategies", _strategies()),
        ("CONTRIBUTING.md", "rooms", picture(_allowed())),
        ("docs/pipelines.md", "budgets", _budgets()),
        ("docs/pipelines.md", "exit codes", _exit_codes()),
    ]


def measured_by_labs(runs: Path) -> list[tuple[str, str, str]]:
    """Return page, section and text of what the labs have left in the folder of runs."""
    return [
        (f"labs/{lab.name}/README.md", f"measured {target}", kept.read_text(encoding="utf-8"))
        for lab in sorted((ROOT / "labs").iterdir())
        for target in ("local", "aws")
        if (kept := runs / f"{lab.name}-{target}.md").exists()
    ]


def drawn_by_labs(runs: Path) -> list[tuple[Path, Path]]:
    """Return the pictures that the labs have left in the folder of runs, and where they go."""
    return [
        (kept, ROOT / "labs" / lab.name / f"{target}.svg")
        for lab in sorted((ROOT / "labs").iterdir())
        for target in ("local", "aws")
        if (kept := runs / f"{lab.name}-{target}.svg").exists()
    ]


def _allowed() -> dict[str, str]:
    """Return which room may import which, as the test has it."""
    test = runpy.run_path(str(ROOT / "tests" / "unit" / "test_imports.py"))
    allowed: dict[str, str] = test["ALLOWED"]
    return allowed


def _strategies() -> str:
    """Return the table of the ways of deploying."""
    found = json.loads((ROOT / "docs" / "strategies.json").read_text(encoding="utf-8"))
    return f"\n{comparison.render_markdown([Line(**line) for line in found])}\n"


def _budgets() -> str:
    units = {"s": "SECONDS", "count": "N"}
    rows = [(f"`--max-{name} {units[each.unit]}`", each.meaning) for name, each in MEASURES.items()]
    return in_markdown(("budget", "the most that may be"), rows)


def _exit_codes() -> str:
    rows = [(str(code), meaning) for code, meaning in exit_codes.MEANINGS.items()]
    return in_markdown(("code", "meaning"), rows, right=("code",))


if __name__ == "__main__":
    draw(ROOT / "docs" / "images")
    for name, text in schemas().items():
        (ROOT / "docs" / "schemas" / f"{name}.json").write_text(text, encoding="utf-8")
    for name, section, text in [*sections(), *measured_by_labs(ROOT / "runs")]:
        page = ROOT / name
        page.write_text(filled(page.read_text(encoding="utf-8"), section, text), encoding="utf-8")
    for kept, place in drawn_by_labs(ROOT / "runs"):
        place.write_bytes(kept.read_bytes())
