"""``poster run -- COMMAND`` against a server whose release is what a file says."""

from __future__ import annotations

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from poster.cli.main import main
from poster.rows.record import Observation, Step, decode
from tests.support.held_up import is_held_up
from tests.support.servers import http_server, send

QUICK = ("--posters", "20", "--pause", "0.01")


@pytest.fixture
def release(tmp_path: Path) -> Path:
    file = tmp_path / "release"
    file.write_text("s3")
    return file


@pytest.fixture
def url(release: Path) -> Iterator[str]:
    # Answers leave in the order in which the release was read, however threads are scheduled.
    in_turn = threading.Lock()

    def answer(handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        with in_turn:
            said = release.read_text()
            if said.isdigit():
                with refused_in(release).open("ab") as refused:
                    refused.write(b".")
                send(handler, int(said), b"no")
            else:
                send(handler, 200, json.dumps({"release": said} if said else {}).encode())

    with http_server(answer) as found:
        yield found


Poster = Callable[..., Result]


@pytest.fixture
def poster(tmp_path: Path, url: str) -> Poster:
    def run(*arguments: str, command: str | None = None) -> Result:
        options = ["run", "--endpoint", url, "--out", str(tmp_path / "out"), *QUICK]
        options += ["--version-from", "json:/release", *arguments]
        if command is not None:
            options += ["--", sys.executable, "-c", command]
        return CliRunner().invoke(main, options)

    return run


def deploys(release: Path, to: str, then: str = "") -> str:
    # At once, as an alias moves: the server never reads half a file.
    new = f"{release}.new"
    write = f"open({new!r}, 'w').write({to!r}); os.replace({new!r}, {str(release)!r})"
    return f"import os; print('uploading'); {write}; {then}"


def refused_in(release: Path) -> Path:
    """Return the file with a dot for each call that was refused."""
    return release.with_name("refused")


def breaks_for_a_while(release: Path) -> str:
    """Return a deploy of s4 before which some calls are answered by 502."""
    waits = f"while not os.path.exists({(refused := str(refused_in(release)))!r}) or"
    waits += f" os.path.getsize({refused!r}) < 40: time.sleep(0.01)"
    return f"{deploys(release, '502', 'import time')}\n{waits}\n{deploys(release, 's4')}"


def joined(text: str) -> str:
    return " ".join(text.split())


def rows(tmp_path: Path) -> tuple[list[Observation], list[Step]]:
    lines = (tmp_path / "out" / "history.jsonl").read_text().splitlines()
    found = [decode(line) for line in lines[1:]]
    calls = [row for row in found if isinstance(row, Observation)]
    assert sorted(call.seq for call in calls) == list(range(1, len(calls) + 1))
    return calls, [row for row in found if isinstance(row, Step)]


def test_a_deploy_is_run_under_the_calls_and_reported(
    tmp_path: Path, release: Path, poster: Poster
) -> None:
    result = poster(command=deploys(release, "s4"))
    told = json.loads((tmp_path / "out" / "result.json").read_text())
    assert told["verdict"] == "clean" or is_held_up(told), result.output
    assert result.exit_code == {"clean": 0, "unknown": 3}[told["verdict"]]
    assert result.stdout.startswith("Safe from ")
    assert "after the deploy command ended" in result.stdout
    assert "names its release" not in result.stderr
    calls, steps = rows(tmp_path)
    assert [step.name for step in steps] == ["deploy-started", "deploy-finished"]
    assert [call.function_version for call in calls][:: len(calls) - 1] == ["s3", "s4"]
    assert "| uploading" in result.stderr
    assert (tmp_path / "out" / "deploy.log").read_text() == "uploading\n"
    assert told["transitions"]


def test_what_the_command_was_given_is_not_in_the_history(
    tmp_path: Path, release: Path, poster: Poster
) -> None:
    poster(command=deploys(release, "s4", "'PASSWORD'"))
    assert "PASSWORD" not in (tmp_path / "out" / "history.jsonl").read_text()


def test_a_command_that_fails_shows_its_code_and_last_lines_and_the_calls_are_judged(
    tmp_path: Path, release: Path, poster: Poster
) -> None:
    result = poster("-q", command=deploys(release, "s4", "import sys; sys.exit(7)"))
    assert result.exit_code == 4
    assert "| uploading" in result.stderr
    assert "the command ended with 7" in result.stderr
    # Not the verdict: two calls that were under way at once may be read in either order.
    assert "deploy 1: s3 -> s4" in result.stdout
    _, steps = rows(tmp_path)
    assert (steps[-1].name, steps[-1].detail) == ("deploy-failed", {"exit_code": 7})


def test_colours_of_the_command_are_kept_in_its_log_and_not_shown(
    tmp_path: Path, poster: Poster
) -> None:
    # As Terraform prints them, whatever it prints to.
    dressed = "\\033[1m\\033[32mApply complete!\\033[0m\\033[K \\033]0;title"
    result = poster("--quiet-for", "0.2", command=f"print('{dressed}')")
    assert "  | Apply complete! \\x1b]0;title\n" in result.stderr
    assert "\033[32mApply" in (tmp_path / "out" / "deploy.log").read_text()


def test_a_command_that_a_signal_ended_is_told_by_the_signal_s_name(poster: Poster) -> None:
    result = poster("--quiet-for", "0.2", command="import os; os.kill(os.getpid(), 9)")
    assert result.exit_code == 4
    assert "the command was ended by SIGKILL; the calls around it" in result.stderr


def test_a_command_that_is_not_there_is_refused_before_anything_is_called(
    tmp_path: Path, url: str
) -> None:
    arguments = ["run", "--endpoint", url, "--out", str(tmp_path / "out"), "--", "no-such-tool"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "there is no command no-such-tool" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_file_that_may_not_be_executed_is_told_from_one_that_is_not_there(
    tmp_path: Path, url: str
) -> None:
    (tmp_path / "deploy.sh").write_text("true")
    command = ["--", str(tmp_path / "deploy.sh")]
    result = CliRunner().invoke(main, ["run", "--endpoint", url, *command])
    assert result.exit_code == 2
    assert "deploy.sh may not be executed: see chmod +x; nothing was called" in result.stderr


def test_a_deploy_that_publishes_nothing_ends_as_unknown(poster: Poster) -> None:
    result = poster(command="pass")
    assert result.exit_code == 3
    assert "callers get only what they got before the deploy" in result.stderr
    assert "every answer, before and after, is by s3" in result.stdout


def test_answers_without_a_name_say_how_to_name_them(release: Path, poster: Poster) -> None:
    release.write_text("")
    result = poster("--quiet-for", "0.2", command="pass")
    assert result.exit_code == 3
    assert "no answer has what --version-from json:/release reads" in joined(result.stdout)
    assert "not named" in result.stderr
    before, _, _ = result.stderr.partition("deploy-started")
    assert "no answer names its release so far: see --version-from" in before


def test_answers_that_were_not_to_name_a_release_say_how_to_name_it(
    tmp_path: Path, url: str
) -> None:
    call = ["run", "--endpoint", url, "--out", str(tmp_path / "out"), *QUICK, "--quiet-for", "0.2"]
    result = CliRunner().invoke(main, [*call, "--", sys.executable, "-c", "pass"])
    assert "say with --version-from where it does (header:NAME," in joined(result.stdout)


def test_latest_everywhere_says_what_it_means(release: Path, poster: Poster) -> None:
    release.write_text("$LATEST")
    result = poster("--quiet-for", "0.2", command="pass")
    assert result.exit_code == 3
    assert "every answer is by $LATEST" in joined(result.stdout)


def test_calls_that_all_fail_deploy_nothing_and_say_why(
    tmp_path: Path, release: Path, poster: Poster
) -> None:
    release.write_text("403")
    result = poster(command=deploys(release, "s4"))
    assert result.exit_code == 10
    assert "GET: HTTP 403" in result.stderr
    assert "--sign" in result.stderr
    assert release.read_text() == "403"
    calls, steps = rows(tmp_path)
    assert calls
    assert not steps


def test_a_run_without_a_command_whose_calls_all_fail_has_an_exit_code_of_its_own(
    release: Path, poster: Poster
) -> None:
    release.write_text("404")
    result = poster("--duration", "0.5")
    assert result.exit_code == 10
    assert "no call is answered ok: GET: HTTP 404 - there is no such path" in result.stderr


@pytest.mark.parametrize(("budget", "code"), [("0", 1), ("1000", 0)])
def test_budgets_decide_as_in_a_report(
    tmp_path: Path, release: Path, poster: Poster, budget: str, code: int
) -> None:
    command = breaks_for_a_while(release)
    junit = tmp_path / "junit.xml"
    result = poster("--max-fail", budget, "--junit", str(junit), command=command)
    assert result.exit_code == code, result.output
    assert junit.exists()


def test_a_broken_deploy_without_a_budget_is_a_failure(release: Path, poster: Poster) -> None:
    result = poster(command=breaks_for_a_while(release))
    assert result.exit_code == 1
    assert "Broken: " in result.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--max-fail", "0"], "go with a command after `--`"),
        (["--function-name", "f"], "go with a command after `--`"),
        (["--until-settled", "--duration", "5"], "leave --duration"),
        (
            ["--until-settled", "--junit", "no/where.xml"],
            "there is no folder 'no' to write it into",
        ),
        (["--until-settled", "--alias", "live"], "--alias needs --function-name"),
    ],
)
def test_options_of_a_deploy_without_one_are_refused(
    tmp_path: Path, poster: Poster, options: list[str], said: str
) -> None:
    result = poster(*options)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (tmp_path / "out").exists()


WAITS = "import time; print('up', flush=True); time.sleep(60)"


def started(tmp_path: Path, url: str, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "poster", "run", "--endpoint", url, *QUICK]
    command += ["--version-from", "json:/release", "--out", str(tmp_path / "out"), *more]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
    )


def until(process: subprocess.Popen[str], said: str) -> str:
    """Read what it says until it says that."""
    heard = ""
    assert process.stderr is not None
    while said not in heard:
        line = process.stderr.readline()
        assert line, heard
        heard += line
    return heard


def test_ctrl_c_stops_the_command_and_then_the_calls(tmp_path: Path, url: str) -> None:
    process = started(tmp_path, url, "--", sys.executable, "-c", WAITS)
    until(process, "| up")
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=100)
    assert process.returncode == 130
    assert "to stop" in said
    assert "KeyboardInterrupt" in (tmp_path / "out" / "deploy.log").read_text()
    _, steps = rows(tmp_path)
    assert steps[-1].name == "deploy-failed"
    assert steps[-1].detail["error"] == "interrupted"


def test_a_second_ctrl_c_ends_a_command_that_does_not_stop(tmp_path: Path, url: str) -> None:
    deaf = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); {WAITS}"
    process = started(tmp_path, url, "--", sys.executable, "-c", deaf)
    until(process, "| up")
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    until(process, "to stop")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=100)
    assert process.returncode == 130
    assert rows(tmp_path)[1][-1].name == "deploy-failed"


@pytest.mark.parametrize("phase", ["calling for a baseline", "until callers get only"])
def test_ctrl_c_before_and_after_the_command_leaves_whole_rows(
    tmp_path: Path, url: str, phase: str
) -> None:
    slow = ("--pause", "0.5") if phase.endswith("baseline") else ()
    process = started(tmp_path, url, *slow, "--", sys.executable, "-c", "pass")
    until(process, phase)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=100)
    assert process.returncode == 130
    rows(tmp_path)


def test_until_settled_ends_with_a_deploy_that_was_made_elsewhere(
    tmp_path: Path, release: Path, url: str
) -> None:
    process = started(tmp_path, url, "--until-settled", "--quiet-for", "0.3")
    until(process, "deploy now, by any means")
    new = release.with_name("new")
    new.write_text("s4")
    new.replace(release)
    out, _ = process.communicate(timeout=100)
    assert "Clean: " in out or "Unknown" in out
    calls, _ = rows(tmp_path)
    assert {call.function_version for call in calls} == {"s3", "s4"}
