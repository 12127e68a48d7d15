"""Which ``sam`` deploys, in a clone and in an install that has none yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from poster.deploy import sam_tool
from poster.deploy.release import DeployError
from poster.deploy.sam_tool import find_sam, with_ours_first

FAKE_UV = """#!/bin/sh
echo "$@" >> {calls}
case "$1" in
  venv) mkdir -p "$5/bin" ;;
  pip) {sync} ;;
esac
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of our Python, without ``sam``, and let the cache be empty."""
    beside = tmp_path / "bin"
    beside.mkdir()
    monkeypatch.setattr(sam_tool, "BESIDE_US", beside)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return beside


def fake_uv(beside: Path, sync: str) -> Path:
    calls = beside.parent / "calls"
    uv = beside / "uv"
    uv.write_text(FAKE_UV.format(calls=calls, sync=sync))
    uv.chmod(0o755)
    return calls


def test_the_sam_beside_our_python_is_taken(installed: Path) -> None:
    (installed / "sam").touch()
    assert find_sam(print) == installed / "sam"


def test_an_install_makes_its_sam_once_from_the_hashed_lock_and_says_so(installed: Path) -> None:
    calls = fake_uv(installed, sync="true")
    told: list[str] = []
    first, second = find_sam(told.append), find_sam(told.append)
    assert first == second
    assert (first.name, first.parents[3].name) == ("sam", "poster")
    assert len(told) == 1
    assert str(first.parents[2]) in told[0]
    made = calls.read_text().splitlines()
    assert [line.split()[0] for line in made] == ["venv", "pip"]
    assert "--require-hashes" in made[1]
    assert made[1].split()[-2].endswith("requirements/sam.txt")


def test_an_environment_that_could_not_be_made_is_made_anew(installed: Path) -> None:
    fake_uv(installed, sync="echo no network >&2; exit 2")
    with pytest.raises(DeployError, match="no network"):
        find_sam(print)
    calls = fake_uv(installed, sync="true")
    find_sam(print)
    assert len(calls.read_text().splitlines()) == 4


def test_a_cache_that_cannot_be_written_is_named(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (installed / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(installed / "file"))
    with pytest.raises(DeployError, match="cannot make an environment for sam"):
        find_sam(print)


def test_without_a_home_the_way_out_is_named(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 2**31 - 7)  # of no user
    with pytest.raises(DeployError, match="set HOME or XDG_CACHE_HOME"):
        find_sam(print)


def test_what_lies_beside_our_python_is_found_whatever_the_shells_path_is() -> None:
    ours = str(sam_tool.BESIDE_US)
    assert with_ours_first({"PATH": "/usr/bin"})["PATH"] == f"{ours}:/usr/bin"
    assert with_ours_first({})["PATH"].startswith(f"{ours}:")
