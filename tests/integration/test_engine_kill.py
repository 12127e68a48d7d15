"""What a history is worth when the process that writes it ends badly."""

from __future__ import annotations

import json
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from poster.cli import exit_codes
from poster.rows.record import Observation, Run, decode
from tests.support.servers import Answer, http_server, ok, unused_url

POSTERS = 5


class Counting:
    """What the server saw: the todo ids of each poster, in order."""

    def __init__(self) -> None:
        self.calls: dict[str, list[str]] = {}
        self.total = 0
        self._changed = threading.Condition()

    def __call__(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        todo_id = json.loads(body)["todoId"]
        with self._changed:
            self.calls.setdefault(todo_id[:3], []).append(todo_id)
            self.total += 1
            self._changed.notify_all()
        ok(handler, body)

    def wait_for(self, calls: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.total >= calls, 30)


def poster_run(
    url: str, out: Path, *options: str, limit: Callable[[], None] | None = None
) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "poster", "run", "--method", "POST"]
    command += ["--endpoint", url, "--out", str(out)]
    return subprocess.Popen(
        [*command, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limit,
    )


def rows_in(out: Path) -> tuple[list[Observation], bytes]:
    """Return the observations and what a killed writer left without a newline."""
    whole, _, torn = (out / "history.jsonl").read_bytes().rpartition(b"\n")
    first, *others = [decode(line) for line in whole.splitlines()]
    assert isinstance(first, Run)
    return [row for row in others if isinstance(row, Observation)], torn


@pytest.mark.parametrize("seed", range(4))
def test_kill_9_loses_no_call_but_those_in_flight(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    server = Counting()
    with http_server(server) as url:
        process = poster_run(url, tmp_path / "run", "--posters", str(POSTERS), "--pause", "0")
        server.wait_for(draw.randint(1, 600))
        time.sleep(draw.random() / 100)
        process.kill()
        process.communicate()
    rows, torn = rows_in(tmp_path / "run")
    assert torn == b""
    kept = {row.todo_id for row in rows}
    # A poster calls again only when its last row is on the file: so each may lack one call.
    for calls in server.calls.values():
        assert set(calls[:-1]) <= kept
    assert kept <= {todo_id for calls in server.calls.values() for todo_id in calls}


def test_every_call_is_on_the_file_within_100_ms_of_its_end(tmp_path: Path) -> None:
    server = Counting()
    history = tmp_path / "run" / "history.jsonl"
    with http_server(server) as url:
        process = poster_run(url, tmp_path / "run", "--rate", "20")
        late = []
        for calls in range(2, 12):
            server.wait_for(calls)
            time.sleep(0.1)
            late.append(f"t01-{calls:04d}" not in history.read_text())
        process.kill()
        process.communicate()
    # The machine itself may be late. Rows that waited for one another would mostly be.
    assert sum(late) <= len(late) / 2


@pytest.mark.parametrize(
    ("signals", "outcome"),
    [
        ([signal.SIGINT], "ok"),
        ([signal.SIGTERM], "ok"),
        ([signal.SIGINT, signal.SIGINT], "unknown"),
    ],
    ids=["Ctrl-C", "SIGTERM", "Ctrl-C twice"],
)
def test_an_interrupted_run_leaves_a_whole_history(
    tmp_path: Path, signals: list[int], outcome: str
) -> None:
    arrived, leave = threading.Semaphore(0), threading.Event()

    def held(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        arrived.release()
        leave.wait(60)
        ok(handler, body)

    with http_server(held) as url:
        process = poster_run(url, tmp_path / "run", "--rate", "100", "--calls", "10")
        for _ in range(10):
            assert arrived.acquire(timeout=20)
        first, *others = signals
        process.send_signal(first)
        until_it_drains(process)
        for number in others:
            process.send_signal(number)
        if not others:
            leave.set()
        said, _ = process.communicate(timeout=100)
        leave.set()
    rows, torn = rows_in(tmp_path / "run")
    assert process.returncode == exit_codes.INTERRUPTED
    assert said == f"{tmp_path / 'run' / 'history.jsonl'}\n"
    assert torn == b""
    assert sorted(row.seq for row in rows) == list(range(1, 11))
    assert {row.outcome for row in rows} == {outcome}


def until_it_drains(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    assert any("draining calls in flight" in line for line in process.stderr)


def test_a_full_disk_stops_the_run_with_one_sentence_and_keeps_what_was_written(
    tmp_path: Path,
) -> None:
    def small_files_only() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    with http_server(ok) as url:
        process = poster_run(url, tmp_path / "run", "--pause", "0", limit=small_files_only)
        _, complained = process.communicate(timeout=100)
    assert process.returncode == exit_codes.ERROR
    assert complained.splitlines()[-1].startswith("Error: cannot write ")
    assert "Traceback" not in complained
    rows, _ = rows_in(tmp_path / "run")
    assert len(rows) > 20


def test_a_place_that_cannot_be_a_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    process = poster_run(unused_url(), tmp_path / "file" / "run")
    _, complained = process.communicate(timeout=100)
    assert process.returncode == exit_codes.ERROR
    assert complained.splitlines()[-1].startswith("Error: cannot create ")


def answer_200_with_header(name: str, value: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        handler.send_response(200)
        handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def test_the_command_reads_the_version_of_any_api(tmp_path: Path) -> None:
    with http_server(answer_200_with_header("X-Version", "42")) as url:
        options = ["--rate", "50", "--duration", "0.5", "--version-from", "header:X-Version"]
        process = poster_run(url, tmp_path / "run", *options)
        process.communicate(timeout=100)
    assert process.returncode == 0
    rows, _ = rows_in(tmp_path / "run")
    assert len(rows) == 25
    assert {(row.outcome, row.function_version) for row in rows} == {("ok", "42")}
