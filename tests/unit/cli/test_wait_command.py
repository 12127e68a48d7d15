"""``poster wait`` as a user types it: three outcomes, bad input, and what runs afterwards."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from click.testing import CliRunner

from poster.cli import exit_codes
from poster.cli.main import main
from poster.cli.wait import OUTCOMES
from tests.support.servers import http_server, send, unused_url

POST = ("--method", "POST", "--body", "{}")
QUICK = ("--stale-share", "0.1", "--rate", "200")  # 44 new answers in a row


def isolated() -> dict[str, str]:
    """Return an environment without the AWS settings of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
    }


def wait(
    *arguments: str, cwd: Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "poster", "wait", *arguments],
        cwd=cwd,
        env=env or isolated(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    return done


Handler = Callable[[BaseHTTPRequestHandler, bytes], None]


def versions(*first: str, then: str) -> Handler:
    """Answer by these versions, then always by the last one."""
    answered = itertools.chain(first, itertools.repeat(then))

    def handle(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        send(handler, 200, json.dumps({"functionVersion": next(answered)}).encode())

    return handle


def mixed(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """Answer by the old version every fifth time."""
    old = next(_count) % 5 == 0
    send(handler, 200, json.dumps({"functionVersion": "1" if old else "2"}).encode())


_count = itertools.count()


def touch(name: str) -> str:
    return f"{sys.executable} -c \"open('{name}', 'w')\""


def test_reached_says_so_and_runs_what_follows(tmp_path: Path) -> None:
    with http_server(versions("1", "2", "1", then="2")) as url:
        done = wait(
            *("--endpoint", url, "--expect", "2", *POST, *QUICK),
            *("--then", f"{touch('done')} $HOME"),
            cwd=tmp_path,
        )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert re.fullmatch(
        r"reached: version 2: \d+ new answers in a row over \d\.\d s; if 10 % of calls were still"
        r" old, this would happen with probability 0\.0\d+",
        first,
    )
    assert second.endswith("(exit code 0)")
    assert (tmp_path / "done").exists()


def test_what_follows_passes_its_output_and_exit_code_on(tmp_path: Path) -> None:
    command = "echo purged; exit 7"
    with http_server(versions(then="2")) as url:
        arguments = ("--endpoint", url, "--expect", "2", *POST, *QUICK, "--then", command)
        text = wait(*arguments, "--shell", cwd=tmp_path)
        machine = wait(*arguments, "--shell", "--format", "json", cwd=tmp_path)
    assert (text.returncode, machine.returncode) == (7, 7)
    assert "purged\n" in text.stdout
    said = json.loads(machine.stdout)
    assert "purged\n" in machine.stderr
    assert (said["outcome"], said["ran"]) == ("reached", {"exit_code": 7})
    assert said["expected"] == {"version": "2", "marker": None}
    (endpoint,) = said["endpoints"]
    assert endpoint["in_a_row"] >= said["answers_needed"] == 44
    assert endpoint["bound"] <= 1 - said["confidence"]


def test_a_time_out_never_runs_what_follows(tmp_path: Path) -> None:
    with http_server(mixed) as url:
        done = wait(
            *("--endpoint", url, "--expect", "2", *POST, *QUICK, "--timeout", "1.5"),
            *("--then", touch("done")),
            cwd=tmp_path,
        )
    assert (done.returncode, done.stdout) == (exit_codes.TIMED_OUT, "")
    assert re.search(r"timed out: version 2: after \d+\.\d s it is not sure that", done.stderr)
    assert not (tmp_path / "done").exists()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_never_runs_what_follows(signum: signal.Signals, tmp_path: Path) -> None:
    with http_server(mixed) as url:
        arguments = ("--endpoint", url, "--expect", "2", *POST, *QUICK, "--then", touch("done"))
        waiting = subprocess.Popen(
            [sys.executable, "-m", "poster", "wait", *arguments],
            cwd=tmp_path,
            env=isolated(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert waiting.stderr is not None
        assert "asking http://" in waiting.stderr.readline()
        time.sleep(0.3)
        waiting.send_signal(signum)
        out, err = waiting.communicate(timeout=10)
    assert (waiting.returncode, out) == (exit_codes.INTERRUPTED, "")
    assert err == "Error: interrupted; what was to follow was not done\n"
    assert not (tmp_path / "done").exists()


def test_nothing_to_wait_for_is_a_success_that_does_nothing(tmp_path: Path) -> None:
    done = wait(
        *("--endpoint", unused_url(), "--expect", "2", "--was", "2", "--then", touch("done")),
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "nothing to wait for: version 2: version 2 is what was there before\n"
    assert not (tmp_path / "done").exists()


def test_an_endpoint_that_never_answers(tmp_path: Path) -> None:
    done = wait("--endpoint", unused_url(), "--expect", "2", "--timeout", "1", cwd=tmp_path)
    assert done.returncode == exit_codes.NO_ANSWER
    assert "was answered with a 2xx status (the last one: COULDNT_CONNECT" in done.stderr


def test_an_error_is_one_object_too(tmp_path: Path) -> None:
    arguments = ("--endpoint", unused_url(), "--expect", "2", "--timeout", "0.5")
    done = wait(*arguments, "--format", "json", cwd=tmp_path)
    said = json.loads(done.stdout)
    assert (done.returncode, said["outcome"]) == (exit_codes.NO_ANSWER, "no-answer")
    assert f"Error: {said['error']}\n" in done.stderr


def test_a_pointer_to_nowhere(tmp_path: Path) -> None:
    with http_server(versions(then="2")) as url:
        done = wait(
            *("--endpoint", url, "--expect", "2", *POST, "--rate", "500"),
            *("--version-from", "header:X-Version"),
            cwd=tmp_path,
        )
    assert done.returncode == exit_codes.NO_VERSION
    assert "name no version: say with --version-from where they do" in done.stderr


@pytest.mark.parametrize(
    ("status", "error", "exit_code", "sentence"),
    [
        (
            403,
            "AccessDeniedException",
            exit_codes.NO_PERMISSION,
            "your identity lacks a permission",
        ),
        (404, "ResourceNotFoundException", exit_codes.NOT_THERE, "check the name, the region"),
        (400, "ValidationException", exit_codes.ERROR, "was refused (ValidationException)"),
    ],
)
def test_what_aws_refuses(
    status: int, error: str, exit_code: int, sentence: str, tmp_path: Path
) -> None:
    def refuse(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        handler.send_response(status)
        handler.send_header("x-amzn-ErrorType", error)
        handler.send_header("Content-Length", "2")
        handler.end_headers()
        handler.wfile.write(b"{}")

    with http_server(refuse) as url:
        env = isolated() | {
            "AWS_ENDPOINT_URL": url.removesuffix("/todo"),
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
            "AWS_REGION": "us-east-1",
        }
        done = wait(
            *("--function-name", "todo", "--alias", "live", "--payload", "{}"),
            cwd=tmp_path,
            env=env,
        )
    assert done.returncode == exit_code, done.stderr
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_credentials(tmp_path: Path) -> None:
    env = isolated() | {"AWS_REGION": "us-east-1"}
    done = wait("--stack-name", "todo-sample-1", cwd=tmp_path, env=env)
    assert done.returncode == exit_codes.NO_PERMISSION
    assert done.stderr == (
        "Error: there are no AWS credentials: run `aws configure` or `aws sso login`\n"
    )


HERE = ("--endpoint", "http://127.0.0.1:9", "--expect", "2")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "name what to ask"),
        (["--stack-name", "s", "--function-name", "f"], "either --stack-name or --function-name"),
        (["--endpoint", "http://h"], "--expect VERSION or --marker MARKER"),
        (["--endpoint", "h", "--expect", "2"], "--endpoint h is no http or https URL"),
        (["--function-name", "f", "--alias", "a"], "invokes the function for real"),
        (["--function-name", "f", "--payload", "{}"], "say what is expected"),
        (["--function-name", "f", "--payload", "{}", "--expect", "2"], "answer is from $LATEST"),
        (
            ["--function-name", "f", "--payload", "{}", "--marker", "m"],
            "say with --marker-from where",
        ),
        ([*HERE, "--alias", "a"], "--alias needs --function-name"),
        ([*HERE, "--payload", "{}"], "--payload is for --function-name"),
        ([*HERE, "--method", "POST"], "say with --body what a probe is to POST"),
        ([*HERE, "--shell"], "--shell needs --then"),
        ([*HERE, "--then", "no-such-command"], "there is no command 'no-such-command'"),
        ([*HERE, "--then", "'"], "cannot split"),
        ([*HERE, "--paths", "/*"], "--paths needs --purge-cloudfront"),
        ([*HERE, "--purge-cloudfront", "E1"], "say with --paths what to purge"),
        ([*HERE, "--wait-for-purge"], "--wait-for-purge needs --purge-cloudfront"),
        ([*HERE, "--delete-old-versions"], "--delete-old-versions needs --stack-name"),
        (
            ["--stack-name", "s", "--marker", "m", "--delete-old-versions"],
            "needs answers that name versions",
        ),
        ([*HERE, "--print-version"], "--print-version needs"),
        ([*HERE, "--stale-share", "1"], "1.0 is not in the range 0<x<1"),
        ([*HERE, "--version-from", "body"], "body is none of header:NAME"),
    ],
)
def test_options_that_make_no_sense_get_one_sentence(arguments: list[str], sentence: str) -> None:
    result = CliRunner().invoke(main, ["wait", *arguments])
    assert result.exit_code == exit_codes.USAGE
    assert sentence in " ".join(result.output.split())


def test_every_end_has_a_code_of_its_own_and_the_help_lists_it() -> None:
    codes = {
        code
        for name, code in vars(exit_codes).items()
        if isinstance(code, int) and name not in {"FAILED", "UNKNOWN"}
    }
    helped = CliRunner().invoke(main, ["wait", "--help"]).output.partition("Exit codes:")[2]
    listed = re.findall(r"^ +(\d+)  ", helped.partition("Options:")[0], re.MULTILINE)
    assert {int(code) for code in listed} == codes
    assert len(set(OUTCOMES.values())) == len(OUTCOMES)
