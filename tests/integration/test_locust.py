"""Locust's master and two workers on loopback write the same rows as ``poster run``."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from poster.cli import exit_codes
from poster.rows import loading
from tests.support.servers import http_server, ok, send

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("locust") is None,
    reason="Locust is an optional extra: pip install 'deploy-poster[locust]'",
)
ROOT = Path(__file__).parents[2]
LOCUSTFILE = str(ROOT / "examples" / "locustfile.py")


def locust(*options: str, file: str = LOCUSTFILE) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "locust", "-f", file, *options]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT
    )


def unused_port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


def test_a_master_and_two_workers_write_every_call_once(tmp_path: Path) -> None:
    seen: list[str] = []

    def remember(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        seen.append(json.loads(body)["todoId"])
        ok(handler, body)

    port, histories = unused_port(), str(tmp_path)
    with http_server(remember) as url:
        workers = [
            locust("--worker", "--master-port", port, "--histories", histories) for _ in range(2)
        ]
        master = locust(
            *("--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port),
            *("--expect-workers", "2", "--headless", "--host", url, "--pause", "0.05"),
            *("--users", "6", "--spawn-rate", "6", "--histories", histories),
        )
        for number in range(2):
            wait_for(lambda number=number: calls_of(tmp_path / f"worker-{number}") > 30)
        master.terminate()
        for process in (master, *workers):
            output, _ = process.communicate(timeout=60)
            assert process.returncode == 0, output
    frames = [loading.load(directory) for directory in sorted(tmp_path.glob("worker-*"))]
    assert len(frames) == 2
    kept = [todo_id for each in frames for todo_id in each.observations["todo_id"]]
    assert len(set(kept)) == len(kept) > 60
    assert len(set(seen)) == len(seen)  # nothing was retried
    assert set(seen) <= set(kept)
    for each in frames:
        assert each.observations["seq"].to_list() == list(range(1, len(each.observations) + 1))
        answered = each.observations.filter(outcome="ok")
        assert set(answered["marker"].cast(str).to_list()) == {"aaa"}
        assert set(answered["todo_id"]) <= set(seen)
        # In flight when Locust stopped: it may have reached the server or not, so it is unknown;
        # only one that had no connection yet has failed.
        left = each.observations.filter(pl.col("outcome") != "ok")
        assert all(error.startswith("ABANDONED") for error in left["error"]), left
        assert not set(left.filter(outcome="fail")["todo_id"]) & set(seen)
        assert len(left) <= 3
    report = merged_report(sorted(tmp_path.glob("worker-*")))
    assert report["calls"]["total"] == len(kept)
    assert [part["calls"] for part in report["merged"]] == [
        len(each.observations) for each in frames
    ]


def test_a_call_that_is_left_in_flight_is_unknown_also_if_it_is_the_first(tmp_path: Path) -> None:
    seen: list[str] = []
    arrived, is_over = threading.Semaphore(0), threading.Event()

    def hold(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        seen.append(json.loads(body)["todoId"])
        arrived.release()
        is_over.wait(90)

    with http_server(hold) as url:
        process = locust(
            *("--headless", "--host", url, "--users", "2", "--spawn-rate", "2"),
            *("--histories", str(tmp_path)),
        )
        assert arrived.acquire(timeout=60)
        process.terminate()
        process.communicate(timeout=60)
        is_over.set()
    (directory,) = tmp_path.iterdir()
    calls = loading.load(directory).observations
    assert {"t01-0001", "t02-0001"} >= set(calls["todo_id"]) >= set(seen) > set()
    assert set(calls.filter(pl.col("todo_id").is_in(seen))["outcome"]) == {"unknown"}


class _Api:
    """Answers with the time, by the old release until it is switched."""

    def __init__(self) -> None:
        self.marker = "old"

    def __call__(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        said = {"todoId": json.loads(body)["todoId"], "marker": self.marker}
        said["createdAt"] = time.time_ns() // 1_000_000
        send(handler, 200, json.dumps(said).encode())


@contextlib.contextmanager
def master_and_workers(
    url: str, histories: Path, files: Sequence[str] = (LOCUSTFILE, LOCUSTFILE)
) -> Iterator[tuple[subprocess.Popen[str], list[subprocess.Popen[str]]]]:
    """Run them until all calls are under way, and leave nothing behind."""
    port = unused_port()
    options = ("--histories", str(histories))
    workers = [locust("--worker", "--master-port", port, *options, file=file) for file in files]
    master = locust(
        *("--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port),
        *("--expect-workers", str(len(files)), "--headless", "--host", url, "--pause", "0.01"),
        *("--users", "4", "--spawn-rate", "4", *options),
    )
    try:
        for number in range(len(files)):
            wait_for(lambda number=number: calls_of(histories / f"worker-{number}") > 50)
        yield master, workers
    finally:
        for process in (master, *workers):
            process.kill()
            process.wait()


def calls_of(directory: Path) -> int:
    history = directory / "history.jsonl"
    return history.read_bytes().count(b'"observation"') if history.exists() else 0


def wait_for(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.05)


def end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.wait(timeout=60)


def test_a_worker_that_dies_leaves_whole_rows_and_the_report_says_that_it_stopped(
    tmp_path: Path,
) -> None:
    api = _Api()
    with http_server(api) as url, master_and_workers(url, tmp_path) as (master, workers):
        workers[0].kill()
        workers[0].wait()
        both = (tmp_path / "worker-0", tmp_path / "worker-1")
        then = {directory: calls_of(directory) for directory in both}
        wait_for(lambda: any(calls_of(directory) > then[directory] + 20 for directory in both))
        dead, alive = sorted(both, key=lambda directory: calls_of(directory) - then[directory])
        before = calls_of(dead)
        api.marker = "new"
        wait_for(lambda: calls_of(alive) > before + 1000)
        end(master)
    histories = [loading.load(directory) for directory in (dead, alive)]
    assert all(each.malformed_lines == each.torn_bytes == 0 for each in histories)
    assert histories[0].total == calls_of(dead) == before
    report = merged_report([dead, alive])
    assert "sent nothing for" in report["witness"] or "is missing" in report["witness"], report
    assert report["verdict"] != "clean"


def test_workers_whose_master_dies_go_on_and_their_rows_are_whole(tmp_path: Path) -> None:
    with http_server(_Api()) as url, master_and_workers(url, tmp_path) as (master, workers):
        master.kill()
        master.wait()
        directories = sorted(tmp_path.glob("worker-*"))
        before = [calls_of(each) for each in directories]
        wait_for(
            lambda: all(calls_of(d) > n + 50 for d, n in zip(directories, before, strict=True))
        )
        for worker in workers:
            end(worker)
    report = merged_report(directories)
    assert [part["calls"] for part in report["merged"]] == [calls_of(each) for each in directories]
    checks = report["checks"]
    assert checks["malformed_lines"] == checks["torn_bytes"] == checks["sequence_gaps"] == 0


def test_a_worker_whose_clock_is_off_is_moved_and_the_report_says_by_how_much(
    tmp_path: Path,
) -> None:
    ahead = tmp_path / "ahead.py"
    ahead.write_text(
        "import time\nreal = time.time_ns\ntime.time_ns = lambda: real() + 5_000_000_000\n"
        "from examples.locustfile import *\n"
    )
    files = (LOCUSTFILE, str(ahead))
    with http_server(_Api()) as url, master_and_workers(url, tmp_path, files) as (master, _):
        end(master)
    report = merged_report(sorted(tmp_path.glob("worker-*")))
    offset = report["merged"][1]
    assert abs(abs(offset["offset_ms"]) - 5000) <= offset["error_ms"] + 1
    assert offset["error_ms"] < 1000


def merged_report(histories: list[Path]) -> dict[str, Any]:
    arguments = ["report", "--format", "json", *map(str, histories)]
    done = subprocess.run(
        [sys.executable, "-m", "poster", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode in {exit_codes.OK, exit_codes.FAILED, exit_codes.UNKNOWN}, done.stderr
    merged: dict[str, Any] = json.loads(done.stdout)
    return merged
