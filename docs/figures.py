"""Draws the pictures of the documentation and fills in what its pages take from elsewhere.

    python -m docs.figures

`make figures` runs it. A test holds all of it against the code but the labs' tables, which are
those of the newest runs in ``runs/``: where there is none, a lab's page keeps what it has.
"""

from __future__ import annotations

import math
import runpy
from pathlib import Path

import msgspec

from docs.json_schemas import schemas
from docs.rooms import picture
from docs.scale_plan import plan
from docs.sections import filled
from poster.cli import exit_codes
from poster.judge.analysis import analyse
from poster.judge.budgets import MEASURES
from poster.judge.compare import Line
from poster.report import comparison
from poster.report.plots import save, strip
from poster.report.table import in_markdown
from poster.rows import loading
from poster.rows.record import StepName
from studies.propagation.published import load_published

ROOT = Path(__file__).parents[1]
_BOTH = ("way", "lag", "deploy", "window", "safe", "stale")
_OF_TOOLS = (*_BOTH, "back to old", "failed", "verdict")
_OF_WAYS = (
    *(*_BOTH, "in stage", "outage", "back to old"),
    *("chimeras", "failed", "lost", "verdict"),
)
KEPT_RUN = ROOT / "docs" / "kept_run"  # of `poster experiment --deploys 1 --seed 11`


def draw(into: Path) -> None:
    """Write every picture as SVG."""
    published = load_published(ROOT / "tests" / "data" / "published_runs.csv")[2]
    for name, history in (("published", published), ("simulated", loading.load(KEPT_RUN))):
        transition = analyse(history, rows=None).transitions[-1]
        save(strip(history, transition), into / f"{name}.svg")


def sections() -> list[tuple[str, str, str]]:
    """Return page, section and text of all that follows from the code and the kept results."""
    return [
        *zip(("README.md", "README.ja.md"), ("picture", "picture"), _pictures(), strict=True),
        ("README.md", "strategies", _strategies()),
        ("README.ja.md", "strategies", _strategies()),
        ("README.md", "tools", _tools()),
        ("README.ja.md", "tools", _tools()),
        ("CONTRIBUTING.md", "rooms", picture(_allowed())),
        ("docs/pipelines.md", "budgets", _budgets()),
        ("docs/pipelines.md", "exit codes", _exit_codes()),
        ("docs/scale.md", "plan", plan()),
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


def _pictures() -> tuple[str, str]:
    """Return what the picture of the kept run shows, in English and in Japanese."""
    history = loading.load(KEPT_RUN)
    result = analyse(history, rows=None)
    (transition,), (safe,) = result.transitions, result.safe
    ends = [step.at_ns for step in history.steps if step.name == StepName.DEPLOY_FINISHED]
    old_s = (transition.last_old_ns - ends[-1]) / 1e9
    safe_s = math.ceil((safe.s or 0.0) * 10) / 10
    english = (
        f"*In this run the deploy command said done, old code still answered {old_s:.1f} s later,",
        f"and from {safe_s:.1f} s on it was safe: fewer than 1 % of the calls get old code,",
        "with 95 % confidence. It is from `make experiment` on a laptop, so the propagation is",
        "simulated. A dot is a call; the lowest row is what the probes beside the posters got.*",
    )
    japanese = (
        f"*この実行では、デプロイコマンドが完了を告げてから {old_s:.1f} 秒後にもまだ",
        f"古いコードが応答し、{safe_s:.1f} 秒後からは安全だった(古いコードに当たる呼び出しは",
        "1 % 未満、信頼度 95 %)。手元の `make experiment` による図なので、伝播は",
        "シミュレーション(simulated propagation)である。点は 1 回の呼び出し、",
        "最下段はポスターと並んで問い合わせるプローブ。*",
    )
    return "\n".join([*english, ""]), "\n".join([*japanese, ""])


def _strategies() -> str:
    """Return the table of the ways of deploying."""
    found = (ROOT / "docs" / "strategies.json").read_bytes()
    lines = msgspec.json.decode(found, type=list[Line])
    return f"\n{comparison.render_markdown(lines, _OF_WAYS)}\n"


def _tools() -> str:
    """Return the table of deploy tools: kept lines of `poster compare` of the examples' runs."""
    found = (ROOT / "docs" / "tools.json").read_bytes()
    lines = msgspec.json.decode(found, type=list[Line])
    return f"\n{comparison.markdown_table(lines, _OF_TOOLS)}\n"


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
