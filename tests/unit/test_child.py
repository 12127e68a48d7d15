from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from poster.child import Child

SLEEP = ["sleep", "60"]
# A shell that starts a process of its own, says both ids, and waits.
FAMILY = ["sh", "-c", "sleep 60 & echo $$ $!; wait"]


def alive(pid: int) -> bool:
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return bool(state) and not state.startswith("Z")


def gone_within(seconds: float, *pids: int) -> bool:
    deadline = time.monotonic() + seconds
    while any(alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def family(child: Child) -> list[int]:
    assert child.stdout is not None
    return [int(pid) for pid in child.stdout.readline().split()]


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -KILL $$", -9), ("kill $$", -15)]
)
def test_the_exit_code_passes_through(script: str, code: int) -> None:
    assert Child.start(["sh", "-c", script]).wait(10) == code


def test_output_is_read_line_by_line_and_ends_with_the_command(tmp_path: Path) -> None:
    with (tmp_path / "errors").open("w+b") as errors:
        script = "echo one; echo zwei ü; echo wrong >&2"
        child = Child.start(["sh", "-c", script], stdout=subprocess.PIPE, stderr=errors)
        assert child.stdout is not None
        assert list(child.stdout) == ["one\n", "zwei ü\n"]
        assert child.wait(10) == 0
        assert (tmp_path / "errors").read_text() == "wrong\n"


def test_environment_and_directory_are_the_commands(tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "PYTHONHOME": "kept, though the supervisor is a Python"}
    with Child.start(
        ["sh", "-c", "pwd; echo $PYTHONHOME"], env=env, cwd=tmp_path, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.read().splitlines() == [str(tmp_path), env["PYTHONHOME"]]


def test_a_command_that_cannot_be_run_is_an_os_error(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with pytest.raises(FileNotFoundError, match="no-such-command"):
        Child.start(["no-such-command"], scratch=scratch)
    assert not scratch.exists()


def test_stop_ends_what_the_command_started() -> None:
    with Child.start(FAMILY, stdout=subprocess.PIPE) as child:
        pids = family(child)
        assert child.poll() is None
    assert not any(alive(pid) for pid in pids)
    assert child.poll() == -signal.SIGTERM


def test_a_command_that_ends_takes_what_it_started_with_it() -> None:
    child = Child.start(["sh", "-c", "sleep 60 >&- & echo $$ $!"], stdout=subprocess.PIPE)
    pids = family(child)
    assert child.wait(10) == 0
    assert not any(alive(pid) for pid in pids)


def test_a_command_that_ignores_sigterm_is_killed_after_the_grace() -> None:
    stubborn = ["sh", "-c", "trap '' TERM; echo $$; while :; do sleep 1; done"]
    child = Child.start(stubborn, stdout=subprocess.PIPE, grace_s=0.2)
    family(child)  # the trap is set
    started = time.monotonic()
    assert child.stop() == -signal.SIGKILL
    assert 0.2 <= time.monotonic() - started < 3


def test_the_scratch_directory_goes_with_the_command(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (scratch / "file").touch()
    with Child.start(SLEEP, scratch=scratch):
        assert scratch.exists()
    assert not scratch.exists()


def test_a_ctrl_c_in_our_terminal_does_not_reach_the_command() -> None:
    with Child.start(SLEEP) as child:
        assert os.getsid(child.pid) != os.getsid(0)
        assert os.getpgid(child.pid) == child.pid


def test_stopping_one_child_does_not_wait_for_another() -> None:
    with Child.start(SLEEP) as first, Child.start(SLEEP) as second:
        started = time.monotonic()
        first.stop()
        assert time.monotonic() - started < 3
        assert second.poll() is None


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_when_we_are_killed_nothing_is_left(tmp_path: Path, signum: int) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    program = f"""
import pathlib, subprocess, time
from poster.child import Child
child = Child.start(
    {FAMILY!r}, stdout=subprocess.PIPE, scratch=pathlib.Path({str(scratch)!r})
)
print(f"{{child._supervisor.pid}} {{child.stdout.readline()}}", end="", flush=True)
time.sleep(60)
"""
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as us:
        assert us.stdout is not None
        pids = [int(pid) for pid in us.stdout.readline().split()]
        assert len(pids) == 3
        assert all(alive(pid) for pid in pids)
        us.send_signal(signum)
        us.wait(10)
    assert gone_within(5, *pids)
    assert not scratch.exists()


def test_when_the_supervisor_is_killed_we_do_its_work(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    child = Child.start(FAMILY, stdout=subprocess.PIPE, scratch=scratch)
    pids = family(child)
    child._supervisor.kill()
    assert child.wait(10) == -signal.SIGKILL
    assert gone_within(5, *pids)
    assert not scratch.exists()


def test_waiting_can_time_out_and_the_command_goes_on() -> None:
    with Child.start(SLEEP) as child:
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(0.05)
        assert child.poll() is None
