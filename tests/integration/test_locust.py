"""Locust's master and two workers on loopback write the same rows as ``poster run``."""

from __future__ import annotations

import importlib.util
import json
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from poster.cli import exit_codes
from poster.rows import loading
from tests.support.servers import http_server, ok

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("locust") is None,
    reason="Locust is an optional extra: pip install 'deploy-poster[locust]'",
)
LOCUSTFILE = str(Path(__file__).parents[2] / "examples" / "locustfile.py")


def locust(*options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "locust", "-f", LOCUSTFILE, *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


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
            *("--users", "6", "--spawn-rate", "6", "--run-time", "2s", "--histories", histories),
        )
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


def merged_report(histories: list[Path]) -> dict[str, Any]:
    arguments = ["report", "--format", "json", *map(str, histories)]
    done = subprocess.run(
        [sys.executable, "-m", "poster", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode in {exit_codes.OK, exit_codes.FAILED, exit_codes.UNKNOWN}, done.stderr
    merged: dict[str, Any] = json.loads(done.stdout)
    return merged
