"""The deploy command by itself: it is read to its end, whatever becomes of its log."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from poster.experiment import command
from poster.experiment.command import Command, CommandError, require

FULL = Path("/dev/full")


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


@pytest.mark.skipif(not FULL.exists(), reason="needs a device that is always full")
def test_a_log_that_cannot_be_written_is_told_and_does_not_hold_the_command_up() -> None:
    said: list[str] = []
    # More than a pipe holds: nobody reading it, the command would wait for ever.
    running = Command(python("for n in range(50_000): print(n)"), FULL, said.append)
    assert running.wait() == 0
    shown = [line for line in said if line.isdigit()]
    assert shown == [f"{n}" for n in range(50_000)]
    assert [line for line in said if not line.isdigit()] == [
        "/dev/full cannot be written: No space left on device; what follows is shown and not kept"
    ]
    assert running.last_lines[-1] == "49999"


def test_what_left_the_command_s_group_is_not_listened_to_after_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "READ_OUT_S", 0.5)
    beside = tmp_path / "beside.pid"
    forks = f"""
import os, time
if os.fork() == 0:
    os.setsid()
    open({str(beside)!r}, "w").write(str(os.getpid()))
    while True:
        print("beside", flush=True)
        time.sleep(0.02)
while not os.path.exists({str(beside)!r}):
    time.sleep(0.01)
print("deployed", flush=True)
"""
    said: list[str] = []
    running = Command(python(forks), tmp_path / "deploy.log", said.append)
    try:
        assert running.wait() == 0
        time.sleep(0.1)  # a line that was being read
        heard = len(said)
        time.sleep(0.3)
        assert len(said) == heard
        assert "deployed" in said
    finally:
        os.kill(int(beside.read_text()), signal.SIGKILL)


def test_a_command_that_cannot_be_started_says_why(tmp_path: Path) -> None:
    (tmp_path / "deploy.sh").write_text("no interpreter is named")
    (tmp_path / "deploy.sh").chmod(0o755)
    with pytest.raises(CommandError, match=r"deploy\.sh cannot be run: Exec format error"):
        Command([str(tmp_path / "deploy.sh")], tmp_path / "deploy.log", print)


def test_a_command_whose_supervisor_is_killed_at_once_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(CommandError, match="make cannot be run: the supervisor of make ended"):
        Command(["make"], tmp_path / "deploy.log", print)


def test_a_file_beside_us_that_no_path_leads_to_is_no_matter_of_chmod(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deploy.sh").write_text("true")
    with pytest.raises(CommandError, match="check its name and the PATH"):
        require(["deploy.sh"])
    with pytest.raises(CommandError, match=r"see chmod \+x"):
        require(["./deploy.sh"])


def test_a_command_in_one_pair_of_quotes_is_told_from_a_missing_one() -> None:
    with pytest.raises(CommandError, match="leave the quotes around the whole command away"):
        require([f"{sys.executable} deploy.py"])
    with pytest.raises(CommandError, match="check its name and the PATH"):
        require(["no-such-tool deploy"])
