"""What the local AWS keeps on the disk is bounded, shared and removed."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from poster.local import room
from poster.local.environments import MOST_CALLS, Packages, RoomError


def test_the_bounds_are_those_that_are_told() -> None:
    told = " ".join((Path(__file__).parents[3] / "SECURITY.md").read_text().split())
    assert f"Beyond {room.MOST_BYTES / 2**30:g} GiB" in told
    assert f"less than {room.LEAST_FREE_BYTES / 2**20:g} MiB left" in told
    assert f"beyond {MOST_CALLS} calls at once" in told


@pytest.mark.parametrize(
    ("taken", "free", "said"),
    [
        (room.MOST_BYTES, room.LEAST_FREE_BYTES, None),
        (room.MOST_BYTES + 1, room.LEAST_FREE_BYTES, "take 8.0 GiB, and it may take 8 GiB"),
        (0, room.LEAST_FREE_BYTES - 1, "has 256 MiB left, and it leaves 256 MiB to others"),
    ],
)
def test_beyond_a_bound_there_is_no_room(taken: int, free: int, said: str | None) -> None:
    why = room.why_no_room(taken, free)
    assert (why is None) if said is None else (said in str(why))


def test_what_files_take_is_counted_once_where_they_are_linked(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package/file").write_bytes(b"x" * 100_000)
    taken = room.taken_bytes(tmp_path)
    assert taken >= 100_000
    (tmp_path / "environment").symlink_to(tmp_path / "package")
    (tmp_path / "app").symlink_to(tmp_path / "package/file")
    with (tmp_path / "hole").open("wb") as sparse:
        sparse.truncate(1_000_000)
    assert room.taken_bytes(tmp_path) < taken + 10_000


def in_a_process(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_without_room_the_process_ends_with_the_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 100_000)
    ended = in_a_process(
        tmp_path,
        "from pathlib import Path; from poster.local import room; room.MOST_BYTES = 50_000;"
        "room.end_without_room(Path())",
    )
    assert ended.returncode == room.OUT_OF_ROOM
    assert ended.stderr.startswith("the files of the local AWS take ")
    assert ended.stderr.count("\n") == 1


def aged(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "file").touch()
    an_hour_ago = time.time() - 3600
    os.utime(folder, (an_hour_ago, an_hour_ago))
    return folder


def test_what_a_dead_owner_left_is_removed_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    alive = room.Scratch()
    aged(alive.path)
    left, other = aged(tmp_path / "poster-local-left"), aged(tmp_path / "other")
    young = tmp_path / "poster-local-young"
    young.mkdir()
    linked = tmp_path / "poster-local-link"
    linked.symlink_to(other)
    new = room.Scratch()
    assert not left.exists()
    assert all(each.exists() for each in (alive.path, other / "file", young, new.path))
    for each in (alive, new, new):
        each.remove()
    assert {each.name for each in tmp_path.iterdir()} == {"other", young.name, linked.name}


def package(text: str, size: int = 10) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as files:
        files.writestr("app.py", text)
        files.writestr("data", bytes(size))
    return packed.getvalue()


def test_a_package_is_unpacked_once_and_removed_when_its_users_have_left(tmp_path: Path) -> None:
    packages = Packages(tmp_path)
    one = packages.unpacked_for("first", package("1"))
    assert (one / "app.py").read_text() == "1"
    (one / "app.py").write_text("there already")
    assert packages.unpacked_for("second", package("1")) == one
    assert (one / "app.py").read_text() == "there already"
    packages.leave("first")
    two = packages.unpacked_for("third", package("2"))
    assert set(tmp_path.iterdir()) == {one, two}
    packages.leave("second")
    three = packages.unpacked_for("third", package("3"))
    assert set(tmp_path.iterdir()) == {two, three}


def test_a_package_that_would_fill_the_room_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "MOST_BYTES", 1_000_000)
    packages = Packages(tmp_path)
    packages.unpacked_for("first", package("1", 600_000))
    with pytest.raises(RoomError, match=r"^with this package unpacked, the files of the local AWS"):
        packages.unpacked_for("second", package("2", 600_000))
    packages.leave("first")
    packages.unpacked_for("second", package("2", 600_000))
    assert len(list(tmp_path.iterdir())) == 1


# Patches MiniStack, so in a process of its own.
ONE_TOO_MANY = """
from pathlib import Path
from poster.local import environments
environments.MOST_CALLS = 1
environments.keep_to_the_room(Path.cwd())
svc, function = environments.lambda_svc, {"config": {"FunctionName": "f"}}
assert svc._acquire_execution_slot(function, function["config"])[1] is None
print(svc._execute_function(function, {})["body"])
"""


# As when another environment's init fails while this one starts: MiniStack forgets them all.
DROPPED_WHILE_IT_STARTED = """
import io, zipfile
from pathlib import Path
from poster.local import environments
environments.keep_to_the_room(Path.cwd())
packed = io.BytesIO()
with zipfile.ZipFile(packed, "w") as files:
    files.writestr("app.py", "def handler(event, context): return 'answered'")
arn = "arn:aws:lambda:us-east-1:000000000000:function:f"
config = {"FunctionName": "f", "FunctionArn": arn, "Handler": "app.handler"}
runtime = environments.lambda_runtime
worker, _ = runtime.acquire_worker("f", config, packed.getvalue())
print(worker.invoke(None, "id")["result"], Path(worker._tmpdir).exists())
runtime._workers.clear()
print(worker.invoke(None, "id")["result"], Path(worker._tmpdir).exists(), worker._proc)
"""


def test_an_environment_that_was_dropped_ends_with_its_call(tmp_path: Path) -> None:
    said = in_a_process(tmp_path, DROPPED_WHILE_IT_STARTED).stdout
    assert said.splitlines()[-2:] == ["answered True", "answered False None"]


def test_a_call_beyond_the_bound_is_refused_in_a_sentence(tmp_path: Path) -> None:
    said = in_a_process(tmp_path, ONE_TOO_MANY).stdout
    assert "'__type': 'TooManyRequestsException'" in said
    assert "Rate Exceeded: the local AWS runs at most 1 calls at once" in said
