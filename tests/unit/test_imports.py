"""The arrows between the rooms, read from the source: what may import what.

``ALLOWED`` is the plan of the house. A new arrow is a line here and in nobody's head; one that is
not used any more has to go.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# room: the rooms it may import, innermost first. A room is a folder, or a module beside folders.
ALLOWED = {
    "poster.errors": "",
    "poster.child": "",
    "poster.rows": "poster.errors",
    "poster.judge": "poster.rows",
    "poster.calls": "poster.errors poster.rows",
    "poster.aws": "poster.errors poster.rows",
    "poster.report": "poster.errors poster.rows poster.judge",
    "poster.deploy": "poster.errors poster.child poster.rows poster.aws",
    "poster.local": "poster.errors poster.child poster.rows poster.aws",
    "poster.gate": "poster.errors poster.rows poster.calls poster.aws",
    "poster.actions": "poster.errors poster.rows poster.calls poster.aws poster.gate",
    "poster.experiment": "poster.errors poster.child poster.rows poster.calls poster.judge"
    " poster.aws poster.report poster.deploy poster.gate",
    "poster.cli": "poster.errors poster.rows poster.calls poster.judge poster.aws poster.report"
    " poster.deploy poster.local poster.gate poster.actions poster.experiment",
    "poster.__main__": "poster.cli",
    "hello_world": "",
    "examples": "poster.errors poster.rows poster.calls poster.gate",
    "labs.kit": "poster.errors poster.child poster.rows poster.calls poster.aws poster.report"
    " poster.deploy poster.local poster.cli",
    "labs.custom_runtime": "poster.rows poster.calls poster.judge poster.report labs.kit",
    "labs.doors": "poster.errors poster.rows poster.calls poster.judge poster.report poster.cli"
    " poster.deploy poster.local labs.kit",
    "labs.invocation_patterns": "poster.errors poster.rows poster.calls poster.judge poster.aws"
    " poster.deploy labs.kit",
    "labs.settings": "poster.errors poster.rows poster.calls poster.report poster.cli"
    " poster.deploy poster.local poster.gate labs.kit",
    "labs.two_functions": "poster.errors poster.rows poster.calls poster.judge poster.deploy"
    " labs.kit",
    "labs.__main__": "labs.custom_runtime labs.doors labs.invocation_patterns labs.settings"
    " labs.two_functions",
    "studies.propagation": "poster.rows poster.local",
    "docs": "poster.judge poster.report poster.gate poster.aws poster.rows poster.cli"
    " studies.propagation",
    "bench": "poster.rows poster.judge poster.report poster.deploy labs.kit docs",
    "rehearsal": "poster.aws poster.local",
}

# Pure: values in, values out. The standard library's part of that, and the numeric libraries.
HARMLESS = {
    *("__future__", "base64", "binascii", "bisect", "collections", "contextlib", "dataclasses"),
    *("datetime", "enum", "functools", "hashlib", "heapq", "hmac", "itertools", "json", "math"),
    *("re", "statistics", "typing", "urllib"),
    *("msgspec", "numpy", "polars", "scipy"),
    "random",  # seeded by the caller
}
# Whole rooms by their folder, and the pure parts of rooms that have edges. A pure module imports
# pure modules only.
PURE = [
    "poster/judge",
    "poster/aws/alias.py",
    "poster/aws/cost.py",
    "poster/aws/execute_api.py",
    "poster/calls/answer.py",
    "poster/calls/attribution.py",
    "poster/calls/request.py",
    "poster/calls/schedule.py",
    "poster/errors.py",
    "poster/gate/errors.py",
    "poster/gate/limits.py",
    "poster/gate/sequential.py",
    "poster/gate/settling.py",
    "poster/gate/tally.py",
    "poster/local/entrances.py",
    "poster/experiment/settling.py",
    "poster/calls/refusal.py",
    "poster/local/faults.py",
    "poster/local/front_ends.py",
    "poster/local/guard.py",
    "poster/local/http_api.py",
    "poster/local/lag.py",
    "poster/local/payload_v2.py",
    "poster/local/policy.py",
    "poster/local/proxy_event.py",
    "poster/local/rest_api.py",
    "poster/rows/address.py",
    "poster/rows/by_logs.py",
    "poster/rows/collected.py",
    "poster/rows/history.py",
    "poster/rows/merge.py",
    "poster/rows/record.py",
    "poster/rows/skew.py",
    "studies/propagation/likelihood.py",
    "labs/invocation_patterns/stream_batches.py",
    "labs/invocation_patterns/worker_record.py",
    "labs/settings/heard.py",
    "labs/settings/intervals.py",
    "hello_world/todo.py",
]


def python_files(*folders: str) -> list[Path]:
    """Return the files of these folders, as paths from the project's root."""
    return sorted(
        path.relative_to(ROOT) for folder in folders for path in (ROOT / folder).rglob("*.py")
    )


# What Lambda runs, and what is measured beside it, is no room of the house.
FUNCTIONS = (
    "labs/*/worker/*",
    "labs/two_functions/*/*",
    "labs/doors/door/*",
    "labs/settings/function/*",
    "labs/settings/inits/*",
    "bench/published_handler/*",
)
FILES = [
    path
    for path in python_files(
        "poster", "hello_world", "examples", "labs", "studies", "bench", "docs", "rehearsal"
    )
    if not any(path.match(pattern) for pattern in FUNCTIONS)
]


def module(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module(path): path for path in FILES}


def room(name: str) -> str | None:
    """Return the room of a module or of a name in it; None for what is not ours."""
    parts = name.split(".")
    found = [".".join(parts[:length]) for length in (2, 1)]
    return next((each for each in found if each in ALLOWED), None)


def imports_of(path: Path) -> set[str]:
    """Return the modules that a file imports, also within functions and for types alone."""
    names: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            named = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = named & set(MODULES)
            names |= modules or {node.module or ""}
    return names


ARROWS = {
    (room(name), room(target))
    for name, path in MODULES.items()
    for target in imports_of(path)
    if room(target) is not None and room(name) != room(target)
}


def test_every_module_has_a_room() -> None:
    packages = {name for name in MODULES if name in {"poster", "labs", "studies"}}
    assert not [name for name in set(MODULES) - packages if room(name) is None]


PACKAGES = [path for path in FILES if path.name == "__init__.py"]


@pytest.mark.parametrize("path", PACKAGES, ids=str)
def test_a_package_says_what_its_room_is_for_and_holds_nothing(path: Path) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    said = ast.get_docstring(tree) or ""
    assert len(tree.body) == 1
    assert said.endswith(".")
    assert path.parts[0] != "poster" or "\n\n" not in said, "one sentence; modules tell the rest"


@pytest.mark.parametrize("name", sorted(set(MODULES) - {"poster", "labs", "studies"}))
def test_a_module_imports_only_what_its_room_may(name: str) -> None:
    own = room(name)
    assert own is not None
    allowed = {own, *ALLOWED[own].split()}
    ours = {target for target in imports_of(MODULES[name]) if target.split(".")[0] in OURS}
    assert {target for target in ours if room(target) not in allowed} == set()


OURS = {name.split(".")[0] for name in ALLOWED}


def test_every_permission_is_used() -> None:
    permitted = {(own, other) for own, others in ALLOWED.items() for other in others.split()}
    assert permitted - ARROWS == set()


def test_the_plan_has_no_circle() -> None:
    placed: set[str] = set()
    left = dict(ALLOWED)
    while left:
        free = {own for own, others in left.items() if set(others.split()) <= placed}
        assert free, f"these go round in a circle: {sorted(left)}"
        placed |= free
        left = {own: others for own, others in left.items() if own not in free}


PURE_FILES = [
    path for path in FILES if any(path.match(name) or path.match(f"{name}/*") for name in PURE)
]


@pytest.mark.parametrize("path", PURE_FILES, ids=str)
def test_what_is_pure_imports_only_what_is_pure(path: Path) -> None:
    for name in imports_of(path):
        root = name.partition(".")[0]
        if root in OURS:
            assert MODULES[name] in PURE_FILES, f"{path} imports {name}"
        elif name != "collections.abc":
            assert root in HARMLESS, f"{path} imports {name}"


def test_every_line_about_purity_speaks_of_a_file() -> None:
    assert not [name for name in PURE if not (ROOT / name).exists()]


def test_no_module_of_the_product_serves_only_what_stands_beside_it() -> None:
    product = {name: path for name, path in MODULES.items() if name.startswith("poster.")}
    used = {target for path in product.values() for target in imports_of(path)}
    entered = {"poster.__main__", *(name for name in product if name.startswith("poster.cli."))}
    run_as_a_process = {"poster.local.front", "poster.local.ministack"}
    packages = {name for name, path in product.items() if path.name == "__init__.py"}
    assert set(product) - used - entered - run_as_a_process - packages == set()


def test_subject_and_instrument_do_not_know_each_other() -> None:
    subject = {path.stem for path in python_files("hello_world")} - set(sys.stdlib_module_names)
    for path in python_files("poster"):
        assert not imports_of(path) & (subject | {"hello_world"}), path


def test_the_function_folder_is_no_package() -> None:
    assert not (ROOT / "hello_world" / "__init__.py").exists()


def test_a_report_does_not_wait_for_libraries_that_load_slowly() -> None:
    code = "import sys, poster.cli.report; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert "polars" in loaded.stdout.split()
    assert not {"scipy.stats", "scipy.optimize", "altair"} & set(loaded.stdout.split())
