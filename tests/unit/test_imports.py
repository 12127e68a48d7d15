"""The arrows between the rooms, read from the source: what may import what."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Pure: values in, values out. The standard library's part of that, and the numeric libraries.
HARMLESS = {
    *("base64", "binascii", "bisect", "collections", "contextlib", "dataclasses", "enum"),
    *("functools", "heapq", "itertools", "json", "math", "re", "typing"),
    *("msgspec", "numpy", "polars", "scipy"),
    "random",  # seeded by the caller
}
PURE = {
    "poster/record.py": set(),
    "poster/schedule.py": set(),
    "poster/alias.py": set(),
    "poster/cost.py": set(),
    "poster/request.py": set(),
    "poster/answer.py": {"poster.record"},
    "poster/attribution.py": {"poster.answer", "poster.errors"},
    "poster/statistics.py": set(),
    "poster/clocks.py": {"poster.statistics"},
    "poster/releases.py": {"poster.record"},
    "poster/local/lag.py": set(),
    "poster/local/front_ends.py": {"poster.local.lag"},
    "poster/local/faults.py": set(),
    "poster/local/fit.py": {"poster.local.lag"},
    "poster/local/rest_api.py": set(),
    "poster/local/stream_batches.py": set(),
    "poster/gate/sequential.py": set(),
    "poster/gate/tally.py": {"poster.gate.sequential", "poster.record"},
    "poster/labs/worker_record.py": set(),
    "hello_world/todo.py": set(),
}
FORBIDDEN_IN_JUDGEMENT = {"boto3", "botocore", "requests", "time", "os", "pathlib", "threading"}
JUDGEMENT = [
    f"poster/{name}.py"
    for name in (
        *("transition", "stages", "overlap", "checks", "merge", "analysis", "budgets"),
        *("compare", "verdict"),
    )
]

# Inner rooms never know the outer ones.
OUTER = {
    "poster/record.py": {"poster."},
    "poster/history.py": {"poster.engine", "poster.deploy", "poster.local", "poster.cli"},
    "poster/transition.py": {"poster.report", "poster.cli", "poster.experiment"},
    "poster/checks.py": {"poster.report", "poster.cli", "poster.experiment"},
    "poster/engine.py": {"poster.deploy", "poster.local", "poster.cli", "poster.experiment"},
}


def imports_of(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module or "")
    return names - {"__future__", "collections.abc"}


def python_files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("file", PURE)
def test_pure_modules_import_only_what_is_pure(file: str) -> None:
    roots = {
        name if name.startswith("poster") else name.partition(".")[0]
        for name in imports_of(ROOT / file)
    }
    assert roots <= HARMLESS | PURE[file]


@pytest.mark.parametrize("file", JUDGEMENT)
def test_judgement_knows_no_clock_no_network_and_no_files(file: str) -> None:
    roots = {name.partition(".")[0] for name in imports_of(ROOT / file)}
    assert not roots & FORBIDDEN_IN_JUDGEMENT


@pytest.mark.parametrize("file", OUTER)
def test_arrows_point_inward(file: str) -> None:
    outward = [
        name for name in imports_of(ROOT / file) for outer in OUTER[file] if name.startswith(outer)
    ]
    assert not outward


def test_nothing_but_the_commands_imports_the_commands() -> None:
    for path in python_files("poster"):
        inside = path.relative_to(ROOT / "poster").parts
        if inside[0] not in {"cli", "__main__.py"}:
            assert not [name for name in imports_of(path) if name.startswith("poster.cli")], path


def test_engine_deployers_and_local_aws_meet_only_in_the_experiment() -> None:
    for path in python_files("poster"):
        relative = path.relative_to(ROOT)
        if "cli" in relative.parts or relative.name == "experiment.py":
            continue
        rooms = {
            room
            for name in imports_of(path)
            for room in ("poster.engine", "poster.deploy", "poster.local")
            if name.startswith(room)
        }
        own = {".".join(relative.with_suffix("").parts[:2])}
        assert len(rooms - own) <= 1, f"{relative} brings together {rooms}"


def test_subject_and_instrument_do_not_know_each_other() -> None:
    for path in python_files("hello_world"):
        assert not [name for name in imports_of(path) if name.startswith("poster")], path
    subject = {path.stem for path in python_files("hello_world")}
    for path in python_files("poster"):
        assert not imports_of(path) & (subject | {"hello_world"}), path


def test_the_function_folder_is_no_package() -> None:
    assert not (ROOT / "hello_world" / "__init__.py").exists()
