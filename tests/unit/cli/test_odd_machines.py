"""Machines that are full, closed, poor or odd: one sentence, and the rows until then are whole."""

from __future__ import annotations

import http.server
import itertools
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from poster.cli.main import main
from poster.rows.marking import mark
from tests.support.servers import http_server, ok, send

ROOT = Path(__file__).parents[3]
POSTER = (sys.executable, "-m", "poster")


def poster(
    folder: Path,
    *arguments: str,
    environment: dict[str, str] | None = None,
    before: Callable[[], None] | None = None,
) -> tuple[int, str]:
    ended = subprocess.run(
        [*POSTER, *arguments],
        cwd=folder,
        env={**(os.environ if environment is None else environment), "PYTHONPATH": str(ROOT)},
        preexec_fn=before,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        timeout=60,
    )
    said = ended.stdout + ended.stderr
    assert "Traceback" not in said, said
    return ended.returncode, said


def poster_without_stderr(folder: Path, *arguments: str) -> tuple[int, str]:
    ended = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" 2>&-', "sh", *POSTER, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    return ended.returncode, ended.stdout


@pytest.fixture
def url() -> Iterator[str]:
    with http_server(ok) as url:
        yield url


def whole_rows(history: Path) -> int:
    """Return how many whole rows there are; all but a torn last line must be."""
    *lines, _torn = history.read_text().split("\n")
    assert all(json.loads(line) for line in lines)
    return len(lines)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", disk], capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_ends_a_run_with_a_sentence_and_whole_rows(small_disk: Path, url: str) -> None:
    code, said = poster(
        small_disk,
        *(
            "run",
            "--method",
            "POST",
            "--endpoint",
            url,
            "--pause",
            "0",
            "--duration",
            "20",
            "--out",
            "out",
        ),
    )
    assert code == 5
    assert said.endswith("Error: cannot write out/history.jsonl: No space left on device\n")
    assert whole_rows(small_disk / "out/history.jsonl") > 10
    assert poster(small_disk, "report", "out")[0] == 0
    code, said = poster(small_disk, "report", "out", "--format", "html", "--out", "page.html")
    assert (code, said.count("\n")) == (2, 1)
    assert "No space left on device" in said


def test_a_disk_without_room_for_the_page_keeps_the_answer_from_nobody(
    tmp_path: Path, small_disk: Path
) -> None:
    release = tmp_path / "release"
    release.write_text("s3")

    def answer(handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        send(handler, 200, release.read_bytes())

    new = f"{release}.new"
    deploy = f"import os; open({new!r}, 'w').write('s4'); os.replace({new!r}, {str(release)!r})"
    (small_disk / "out").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    # Rows lie elsewhere; of the result, the page alone does not fit.
    for name in ("result.json", "report.txt", "report.html"):
        (tmp_path / "elsewhere" / name).symlink_to(small_disk / name)
    with http_server(answer) as url:
        code, said = poster(
            small_disk,
            *("run", "--endpoint", url, "--version-from", "regex:.+", "--out", "out"),
            *("--posters", "10", "--pause", "0.01", "--max-window", "9"),
            *("--", sys.executable, "-c", deploy),
        )
    assert code == 5, said
    assert said.startswith("Safe from ")
    assert "Error: cannot write out/report.html: No space left on device; the history is" in said
    assert not (tmp_path / "elsewhere" / "report.html").is_symlink()


@pytest.mark.parametrize("lines", [0, 5])
def test_a_deploy_goes_on_though_nobody_reads_its_progress(
    tmp_path: Path, url: str, lines: int
) -> None:
    # More than a pipe holds: who does not read it stops the command.
    deploy = "for n in range(20_000): print(n)"
    running = subprocess.Popen(
        [
            *(*POSTER, "run", "--method", "POST", "--endpoint", url, "--out", "out"),
            *("--posters", "10", "--pause", "0.01", "--quiet-for", "0.2"),
            *("--", sys.executable, "-c", deploy),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert running.stdout is not None
    assert running.stderr is not None
    for _ in range(lines):
        running.stderr.readline()
    running.stderr.close()
    report = running.stdout.read()
    running.stdout.close()
    assert running.wait(60) == 3  # nothing new was published
    assert report.startswith(b"From when it is safe cannot be said")
    assert (tmp_path / "out" / "deploy.log").read_text().endswith("\n19999\n")


@pytest.mark.parametrize(("budget", "code"), [("1000", 0), ("0", 1)])
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_report_that_nobody_reads_ends_by_its_budgets(form: str, budget: str, code: int) -> None:
    kept = str(ROOT / "docs" / "kept_run")
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [*POSTER, "report", kept, "--format", form, "--max-stale", budget],
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=60,
    )
    os.close(writer)
    assert ended.returncode == code, ended.stderr
    assert ended.stderr.count(b"\n") == code  # which budget is exceeded, and nothing else


def test_a_standard_error_that_is_closed_hinders_nothing(tmp_path: Path, url: str) -> None:
    options = f"run --method POST --endpoint {url} --duration 0.3 --out out"
    code, said = poster_without_stderr(tmp_path, *options.split())
    assert (code, said) == (0, "out/history.jsonl\n")


def test_a_disk_that_nobody_may_write_to_is_named(small_disk: Path, url: str) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    code, said = poster(small_disk, "run", "--method", "POST", "--endpoint", url, "--duration", "1")
    assert (code, said.count("\n")) == (5, 1)
    assert "cannot create runs/" in said
    assert "Read-only file system" in said


def limit(files: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))


def test_too_few_open_files_are_told_and_fail_no_call(tmp_path: Path, url: str) -> None:
    for files, posters in ((16, "3"), (80, "20")):
        code, said = poster(
            tmp_path,
            *(
                "run",
                "--method",
                "POST",
                "--endpoint",
                url,
                "--posters",
                posters,
                "--duration",
                "1",
                "--out",
                "out",
            ),
            before=limit(files),
        )
        assert code == 5
        assert f"open files, and the system allows {files}: raise the limit (ulimit -n" in said
    assert whole_rows(tmp_path / "out/history.jsonl") == 1


def test_a_wait_that_may_open_too_few_files_says_so(tmp_path: Path, url: str) -> None:
    arguments = ("wait", "--endpoint", url, "--expect", "1")
    code, said = poster(tmp_path, *arguments, before=limit(16))
    assert code == 5
    assert "open files, and the system allows 16: raise the limit (ulimit -n" in said


def test_a_limit_that_may_be_raised_is_raised(tmp_path: Path, url: str) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    code, said = poster(
        tmp_path,
        *("run", "--method", "POST", "--endpoint", url, "--posters", "40", "--duration", "1"),
        before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (20, hard)),
    )
    assert code == 0, said
    assert "fail 0" in said


class WallClock:
    """The machine's, which can be set."""

    def __init__(self) -> None:
        self.set_by_ns = 0
        self._real_ns = time.time_ns

    def time_ns(self) -> int:
        return self._real_ns() + self.set_by_ns

    def time(self) -> float:
        return self.time_ns() / 1e9


def test_a_wall_clock_that_is_set_back_under_a_run_harms_no_row_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall, calls = WallClock(), itertools.count(1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "time_ns", wall.time_ns)
    monkeypatch.setattr(time, "time", wall.time)

    def answer(handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        if next(calls) == 5:
            wall.set_by_ns = -60 * 10**9
            mark(tmp_path / "one", "set-back", {})
        said = {"marker": "aaa", "functionVersion": "1", "createdAt": wall.time_ns() // 10**6}
        send(handler, 200, json.dumps({**json.loads(body), **said}).encode())

    def said_by(*arguments: str) -> str:
        ended = CliRunner().invoke(main, arguments)
        assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.output
        return ended.output

    with http_server(answer) as url:
        load = ("run", "--method", "POST", "--endpoint", url, "--duration", "1", "--pause", "0.05")
        first = said_by(*load, "--out", "one")
        second = said_by(*load, "--out", "two", "--first-poster", "4")
    assert "the wall clock of this machine moved by -60.0 s meanwhile" in first
    assert "the wall clock" not in second
    rows = list(map(json.loads, (tmp_path / "one/history.jsonl").read_text().splitlines()))
    calls_by_seq = sorted((row["seq"], row["sent_ns"]) for row in rows if "seq" in row)
    sent = [sent_ns for _, sent_ns in calls_by_seq]
    (step,) = (row for row in rows if row["kind"] == "step")
    assert len(sent) > 20
    assert sent == sorted(sent)
    assert 0 <= sent[0] < step["at_ns"] < sent[-1] < 10 * 10**9
    assert "3 posters" in said_by("report", "one")
    assert "two began 0." in said_by("report", "one", "two")  # not a minute earlier


def test_a_folder_that_disappears_under_a_run_is_told(tmp_path: Path, url: str) -> None:
    with subprocess.Popen(
        [*POSTER, "run", "--method", "POST", "--endpoint", url, "--duration", "3", "--out", "out"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        while not (tmp_path / "out/history.jsonl").exists():
            time.sleep(0.05)
        shutil.rmtree(tmp_path / "out")
        _, said = running.communicate(timeout=100)
    assert running.returncode == 5
    assert said.endswith("out/history.jsonl was removed while it was written: its rows are lost\n")


def test_without_home_language_or_plain_paths_a_run_is_made_and_read(
    tmp_path: Path, url: str
) -> None:
    folder = tmp_path / "a folder, 日本語 '\"$"
    folder.mkdir()
    bare = {"PATH": os.environ["PATH"], "LANG": "C", "LC_ALL": "C"}
    out = "out アレ"
    code, said = poster(
        folder,
        "run",
        "--method",
        "POST",
        "--endpoint",
        url,
        "--duration",
        "1",
        "--out",
        out,
        environment=bare,
    )
    assert code == 0, said
    for form in (("--format", "text"), ("--format", "html", "--out", "p.html")):
        code, said = poster(folder, "report", out, *form, environment=bare)
        assert code == 0, said
    ascii_only = {**bare, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    code, said = poster(folder, "report", out, environment=ascii_only)
    assert code == 0, said
