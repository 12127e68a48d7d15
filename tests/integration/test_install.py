"""As a stranger has it: the wheel, built from this clone, in environments of its own."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from poster.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).parent / "uv"
MOST_BYTES = 60_000_000
MOST_S = 0.5
# The extra that is enough for a command.
EXTRA_OF = {
    **dict.fromkeys(("collect", "doctor", "init", "mark", "post", "run", "schema", "wait"), ""),
    **dict.fromkeys(("compare", "excerpt", "export", "report"), "report"),
    **dict.fromkeys(("experiment", "local"), "local"),
}

pytestmark = pytest.mark.timeout(900)  # an extra is hundreds of megabytes
Install = Callable[[str], Path]


def uv(*arguments: str | Path) -> None:
    done = subprocess.run([UV, *arguments, "--quiet"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel with what is installed here."""
    out = tmp_path_factory.mktemp("dist")
    uv("build", "--wheel", "--no-build-isolation", "--python", sys.executable, "-o", out, ROOT)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def install(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Install:
    """Return what makes an environment with one extra, once, and gives its folder."""
    made: dict[str, Path] = {}

    def environment(extra: str) -> Path:
        if extra not in made:
            folder = tmp_path_factory.mktemp(extra or "base") / "environment"
            uv("venv", "--python", sys.executable, folder)
            named = f"{wheel}[{extra}]" if extra else wheel
            uv("pip", "install", "--python", folder / "bin" / "python", named)
            made[extra] = folder
        return made[extra]

    return environment


def fresh_shell(home: Path) -> dict[str, str]:
    """Return the environment of a shell that knows nothing of any of ours."""
    kept = {name: os.environ[name] for name in os.environ if name.startswith(("UV_", "SSL_"))}
    return {**kept, "PATH": "/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8"}


def test_every_command_has_its_extra_named_here() -> None:
    assert set(EXTRA_OF) == set(COMMANDS)


@pytest.mark.parametrize("command", sorted(EXTRA_OF))
def test_a_command_needs_no_more_than_its_extra(
    command: str, install: Install, tmp_path: Path
) -> None:
    poster = install(EXTRA_OF[command]) / "bin" / "poster"
    said = subprocess.run(
        [poster, command, "--help"],
        cwd=tmp_path,
        env=fresh_shell(tmp_path),
        capture_output=True,
        text=True,
    )
    assert (said.returncode, said.stderr) == (0, "")


def test_the_base_install_is_small(install: Install) -> None:
    """Apparent size: what the files hold. A disk's blocks and compiled files come on top."""
    [packages] = (install("") / "lib").glob("python*/site-packages")
    files = [path for path in packages.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert sum(path.stat().st_size for path in files) < MOST_BYTES


def test_a_wheel_brings_the_schemas(install: Install) -> None:
    poster = install("") / "bin" / "poster"
    for kept in (ROOT / "docs" / "schemas").iterdir():
        said = subprocess.run([poster, "schema", kept.stem], capture_output=True, check=True)
        assert said.stdout == kept.read_bytes()


def test_the_base_install_starts_quickly(install: Install, tmp_path: Path) -> None:
    poster = install("") / "bin" / "poster"
    taken = []
    for _ in range(7):
        before = os.times()
        subprocess.run([poster, "wait", "--help"], check=True, capture_output=True)
        after = os.times()
        # Processor time: what others do on this machine meanwhile is not ours.
        taken.append(
            after.children_user
            + after.children_system
            - before.children_user
            - before.children_system
        )
    assert statistics.median(taken) < MOST_S


@pytest.mark.local_aws
def test_an_experiment_from_the_wheel_runs_whole_in_an_empty_folder(
    install: Install, tmp_path: Path
) -> None:
    poster = install("local") / "bin" / "poster"
    empty = tmp_path / "empty"
    empty.mkdir()
    said = subprocess.run(
        [poster, "experiment", "--deploys", "1", "--lag", "seconds:1"],
        cwd=empty,
        env=fresh_shell(tmp_path),
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stderr
    assert "the application is the one that poster brings" in said.stderr
    assert "making an environment for sam" in said.stderr
    assert {path.name for path in empty.iterdir()} == {"runs"}
    answer = said.stdout.splitlines()
    assert [line.split()[0] for line in answer] == ["Verdict", "Safe", "Window", "Calls", "Next"]
    page = empty / re.search(r"open (\S+);", answer[-1])[1]
    assert "data-figure=" in page.read_text(encoding="utf-8")
