from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stage import RELEASE, SteppedClock, Taken

from poster.deploy.application import StagedApplication
from poster.deploy.package import Package, zip_of
from poster.deploy.release import DeployError
from poster.deploy.sam_cli import SamCli
from poster.deploy.site import Site


def folder_with(path: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return path


FILES = {"app.py": b"import todo\n", "todo.py": b"", "vendored/six/__init__.py": b"x = 1\n"}


def test_every_file_is_in_the_package(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(zip_of(folder_with(tmp_path, FILES)))) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == FILES


def test_the_same_files_give_the_same_bytes_whenever_and_in_whatever_order_they_were_made(
    tmp_path: Path,
) -> None:
    one = folder_with(tmp_path / "one", FILES)
    other = folder_with(tmp_path / "other", dict(reversed(FILES.items())))
    for file in other.rglob("*.py"):
        os.utime(file, (0, 0))
        file.chmod(0o600)
    assert zip_of(one) == zip_of(other)


def test_files_are_packed_by_name_not_as_the_file_system_lists_them(tmp_path: Path) -> None:
    names = [f"{n * 37 % 101:03}.py" for n in range(101)]
    folder = folder_with(tmp_path, dict.fromkeys(names, b""))
    with zipfile.ZipFile(io.BytesIO(zip_of(folder))) as archive:
        assert archive.namelist() == sorted(names)


def test_another_content_gives_another_digest(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, FILES)
    before = Package(zip_of(folder)).sha256
    (folder / "app.py").write_bytes(b"import todo \n")
    assert Package(zip_of(folder)).sha256 != before


def test_all_may_read_and_programs_stay_programs(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, {"bootstrap": b"#!/bin/sh\n", "app.py": b""})
    (folder / "bootstrap").chmod(0o700)
    (folder / "app.py").chmod(0o600)
    with zipfile.ZipFile(io.BytesIO(zip_of(folder))) as archive:
        modes = {entry.filename: oct(entry.external_attr >> 16) for entry in archive.infolist()}
    assert modes == {"bootstrap": "0o100755", "app.py": "0o100644"}


@given(st.binary(max_size=200))
def test_the_digest_is_lambdas(code: bytes) -> None:
    digest = Package(code).sha256
    assert len(digest) == 44
    assert digest.endswith("=")


def test_the_package_of_a_known_file_has_a_known_digest(tmp_path: Path) -> None:
    # sha256 of the empty file, as `openssl dgst -sha256 -binary | base64` writes it.
    assert Package(b"").sha256 == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def staged(tmp_path: Path) -> StagedApplication:
    files = {
        "hello_world/release.py": b'MARKER = "aaa"\n',
        "template.yaml": b"",
        "samconfig.toml": b"",
    }
    return StagedApplication.copy_of(folder_with(tmp_path / "source", files), tmp_path / "app")


def site(application: StagedApplication, tmp_path: Path, functions: str) -> Site:
    sam = tmp_path / "sam"
    sam.write_text(
        "#!/bin/sh\nfor name in " + functions + "; do\n"
        "mkdir -p .aws-sam/build/$name; cp hello_world/* .aws-sam/build/$name/; done\n"
    )
    sam.chmod(0o755)
    cli = SamCli(sam, {"PATH": "/usr/bin:/bin"}, tmp_path / "sam.log")
    return Site(application, cli, None, {}, SteppedClock())


def test_a_release_is_built_and_packed(tmp_path: Path) -> None:
    steps = site(staged(tmp_path), tmp_path, "TodoFunction").packed(RELEASE)
    assert [next(steps).name, next(steps).name] == ["build-started", "build-finished"]
    with pytest.raises(StopIteration) as end:
        next(steps)
    with zipfile.ZipFile(io.BytesIO(end.value.value.code)) as archive:
        assert archive.read("release.py") == b'MARKER = "xxx"\n'


def test_an_application_of_two_functions_is_refused(tmp_path: Path) -> None:
    taken = Taken(site(staged(tmp_path), tmp_path, "One Two").packed(RELEASE))
    assert isinstance(taken.error, DeployError)
    assert str(taken.error) == "this way deploys one function, and sam build made One, Two"
