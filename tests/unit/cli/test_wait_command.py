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
from click.testing import CliRunner, Result

from poster.cli import exit_codes
from poster.cli.main import main
from poster.cli.wait import wait as wait_command
from poster.cli.wait_options import GROUPS
from poster.cli.wait_report import OUTCOMES
from tests.support.command import poster
from tests.support.schemas import faults
from tests.support.servers import http_server, send, unused_url

POST = ("--method", "POST", "--body", "{}")
QUICK = ("--stale-share", "0.1", "--rate", "200")  # 56 new answers in a row; 258 for the failures


def isolated() -> dict[str, str]:
    """Return an environment without the AWS settings of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
    }


def wait(*arguments: str, cwd: Path, env: dict[str, str] | None = None) -> Result:
    done = poster(cwd, "wait", *arguments, env=env or isolated())
    if "json" in arguments and done.stdout:
        assert faults("wait", json.loads(done.stdout)) == []
    return done


def wait_of_its_own(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Wait in a process of its own, whose output is also that of what follows."""
    return subprocess.run(
        [sys.executable, "-m", "poster", "wait", *arguments],
        cwd=cwd,
        env=isolated(),
        capture_output=True,
        text=True,
        timeout=60,
    )


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
    assert done.exit_code == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert re.fullmatch(
        r"reached: version 2: \d+ new answers in a row over \d\.\d s, in attempt 1; a wait ends"
        r" like this with probability 0\.01 at most, ever, while 10 % of calls or more are old;"
        r" none of \d+ probes failed; http://127.* was asked at one address only",
        first,
    )
    assert second.endswith("(exit code 0)")
    assert (tmp_path / "done").exists()


def test_what_follows_passes_its_output_and_exit_code_on(tmp_path: Path) -> None:
    command = "echo purged; exit 7"
    with http_server(versions(then="2")) as url:
        arguments = ("--endpoint", url, "--expect", "2", *POST, *QUICK, "--then", command)
        text = wait_of_its_own(*arguments, "--shell", cwd=tmp_path)
        machine = wait_of_its_own(*arguments, "--shell", "--format", "json", cwd=tmp_path)
    assert (text.returncode, machine.returncode) == (7, 7)
    assert "purged\n" in text.stdout
    said = json.loads(machine.stdout)
    assert "purged\n" in machine.stderr
    assert (said["outcome"], said["ran"]) == ("reached", [{"exit_code": 7}])
    assert said["expected"] == [{"version": "2", "marker": None}]
    (endpoint,) = said["endpoints"]
    assert endpoint["in_a_row"] >= said["answers_needed"] == endpoint["needed"] == 56
    assert endpoint["bound"] == pytest.approx(1 - said["confidence"])
    assert (endpoint["attempts"], endpoint["addresses"]) == (1, ["127.0.0.1"])
    assert (said["rate_per_s"], said["max_in_flight"], said["is_capped"]) == (200, 100, False)


def answered(status: int, version: str, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    return status, json.dumps({"functionVersion": version}).encode(), headers


def in_turn(*answers: tuple[int, bytes, dict[str, str]]) -> Handler:
    """Answer by these in turn, again and again."""
    cycled = itertools.cycle(answers)

    def handle(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        status, said, headers = next(cycled)
        handler.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(said))}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(said)

    return handle


BROKEN = in_turn(*[answered(502, "2", x_amzn_RequestId="r-7")] * 19, answered(200, "2"))
CRASHED = in_turn(
    (200, b'{"errorMessage": "no such table"}', {"X_Amz_Function_Error": "Unhandled"})
)


@pytest.mark.parametrize(
    ("handle", "sentence"),
    [
        (
            BROKEN,
            r"\(9\d.\d %\), over the limit of 2 % with 99 % confidence; \d+ x HTTP 502; the"
            r" first: HTTP 502 \(request r-7\)",
        ),
        (
            CRASHED,
            r"\(100.0 %\), .* x function error Unhandled; the first: function error Unhandled:"
            r" no such table",
        ),
    ],
)
def test_a_broken_release_ends_the_wait_with_a_code_of_its_own(
    handle: Handler, sentence: str, tmp_path: Path
) -> None:
    with http_server(handle) as url:
        done = wait(
            *("--endpoint", url, "--expect", "2", *POST, *QUICK, "--then", touch("done")),
            cwd=tmp_path,
        )
    assert (done.exit_code, done.stdout) == (exit_codes.BROKEN, "")
    assert re.search(f"broken: version 2: .*{sentence}", done.stderr), done.stderr
    assert not (tmp_path / "done").exists()


def test_old_front_ends_that_answer_502_are_waited_out(tmp_path: Path) -> None:
    """Version 1 goes after 2 s; until then 30 % of the answers that it would give are 502s."""
    begun: list[float] = []

    def handle(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        begun.append(time.monotonic())
        is_old = time.monotonic() - begun[0] < 2 and next(_count) % 2 == 0
        fails = is_old and next(_count) % 10 < 3
        send(handler, 502 if fails else 200, b'{"functionVersion": "%d"}' % (1 if is_old else 2))

    with http_server(handle) as url:
        done = wait(
            *("--endpoint", url, "--expect", "2", *POST, *QUICK, "--format", "json"), cwd=tmp_path
        )
        ended = time.monotonic()
    assert done.exit_code == 0, done.stderr
    assert ended - begun[0] > 2
    said = json.loads(done.stdout)
    assert said["endpoints"][0]["failures"].keys() == {"HTTP 502"}
    assert re.search(r"\d+ of \d+ probes failed or are unknown", said["sentence"])


def test_nothing_but_old_front_ends_that_answer_502_beside_new_ones_does_not_pass(
    tmp_path: Path,
) -> None:
    handle = in_turn(*[answered(502, "1")] * 3, *[answered(200, "2")] * 7)
    with http_server(handle) as url:
        done = wait("--endpoint", url, "--expect", "2", *POST, *QUICK, cwd=tmp_path)
    assert done.exit_code == exit_codes.BROKEN


@pytest.mark.parametrize(
    "header", [{"Age": "31"}, {"X_Cache": "Hit from cloudfront"}, {"x_cache": "RefreshHit"}]
)
def test_answers_of_a_cache_never_pass(header: dict[str, str], tmp_path: Path) -> None:
    with http_server(in_turn(answered(200, "2", **header))) as url:
        done = wait("--endpoint", url, "--expect", "2", *POST, *QUICK, cwd=tmp_path)
    assert done.exit_code == exit_codes.NO_VERSION
    name = next(iter(header)).replace("_", "-").title()
    assert f"were a cache's ({name}: " in done.stderr


def test_a_cache_that_was_missed_is_no_cache(tmp_path: Path) -> None:
    missed = answered(200, "2", Age="0", X_Cache="Miss from cloudfront")
    with http_server(in_turn(missed)) as url:
        done = wait("--endpoint", url, "--expect", "2", *POST, *QUICK, cwd=tmp_path)
    assert done.exit_code == 0, done.stderr


def test_probes_that_hang_never_pass(tmp_path: Path) -> None:
    def handle(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        if next(_count) % 20 == 0:
            time.sleep(30)
        send(handler, 200, b'{"functionVersion": "2"}')

    with http_server(handle) as url:
        done = wait(
            *("--endpoint", url, "--expect", "2", *POST, *QUICK, "--timeout", "60"),
            *("--then", touch("done")),
            cwd=tmp_path,
        )
    assert done.exit_code == exit_codes.BROKEN, done.stderr
    assert "OPERATION_TIMEDOUT" in done.stderr
    assert not (tmp_path / "done").exists()


def test_slow_answers_are_held_against_the_limit(tmp_path: Path) -> None:
    def handle(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        time.sleep(0.15)
        send(handler, 200, b'{"functionVersion": "2"}')

    with http_server(handle) as url:
        done = wait(
            *("--endpoint", url, "--expect", "2", *POST, *QUICK, "--max-p99", "100"), cwd=tmp_path
        )
    assert done.exit_code == exit_codes.BROKEN
    assert "took longer than 100 ms or never ended" in done.stderr


def test_a_dry_run_waits_reports_and_never_fails_the_pipeline(tmp_path: Path) -> None:
    with http_server(versions(then="2")) as url:
        arguments = ("--endpoint", url, *POST, *QUICK, "--dry-run", "--then", touch("done"))
        good = wait("--expect", "2", *arguments, cwd=tmp_path)
        bad = wait("--expect", "3", *arguments, "--timeout", "1", cwd=tmp_path)
    assert (good.exit_code, bad.exit_code) == (0, 0)
    assert "it would have ended with exit code 0" in good.stdout
    assert "it would have ended with exit code 6" in bad.stdout
    assert not (tmp_path / "done").exists()


def test_nothing_new_is_an_error_where_something_new_is_required(tmp_path: Path) -> None:
    done = wait(
        *("--endpoint", unused_url(), "--expect", "2", "--was", "2", "--require-new"), cwd=tmp_path
    )
    assert done.exit_code == exit_codes.NOTHING_NEW
    assert "nothing new: version 2: version 2 is what was there before" in done.stderr


def test_in_a_workflow_of_githubs_the_run_shows_the_error_and_the_step_its_numbers(
    tmp_path: Path,
) -> None:
    summary = tmp_path / "summary.md"
    env = isolated() | {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    with http_server(versions(then="2")) as url:
        asked = ("--endpoint", url, *POST, *QUICK)
        good = wait("--expect", "2", *asked, "--format", "json", cwd=tmp_path, env=env)
        bad = wait("--expect", "3", *asked, "--timeout", "1", cwd=tmp_path, env=env)
    assert (good.exit_code, "::error" in good.stderr) == (0, False)
    assert "\n::error title=poster wait::timed out: version 3: " in bad.stderr
    reached, timed_out = summary.read_text().split("### poster wait\n")[1:]
    assert "- reached: version 2" in reached
    assert "| endpoint | new | old | cached | fail | unknown |" in reached
    assert "- timed out: version 3" in timed_out


HERE = ("--endpoint", "http://127.0.0.1:9", "--expect", "2")
PURGED = ("--purge-cloudfront", "E1", "--paths", "/*")


@pytest.mark.parametrize("arguments", [("--stack-name", "s"), (*HERE, *PURGED)])
def test_a_region_that_nobody_names_ends_the_command_before_the_wait(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    done = wait(*arguments, cwd=tmp_path)
    assert done.exit_code == exit_codes.USAGE
    assert "no region is set: pass --region" in done.stderr


def test_a_time_out_never_runs_what_follows(tmp_path: Path) -> None:
    with http_server(mixed) as url:
        done = wait(
            *("--endpoint", url, "--expect", "2", *POST, *QUICK, "--timeout", "1.5"),
            *("--then", touch("done")),
            cwd=tmp_path,
        )
    assert (done.exit_code, done.stdout) == (exit_codes.TIMED_OUT, "")
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
        out, err = waiting.communicate(timeout=100)
    assert (waiting.returncode, out) == (exit_codes.INTERRUPTED, "")
    assert err == "Error: interrupted; what was to follow was not done\n"
    assert not (tmp_path / "done").exists()


def test_nothing_to_wait_for_is_a_success_that_does_nothing(tmp_path: Path) -> None:
    done = wait(
        *("--endpoint", unused_url(), "--expect", "2", "--was", "2", "--then", touch("done")),
        cwd=tmp_path,
    )
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == "nothing to wait for: version 2: version 2 is what was there before\n"
    assert not (tmp_path / "done").exists()


def test_an_endpoint_that_never_answers(tmp_path: Path) -> None:
    done = wait("--endpoint", unused_url(), "--expect", "2", "--timeout", "1", cwd=tmp_path)
    assert done.exit_code == exit_codes.NO_ANSWER
    assert "was answered with a 2xx status (the last one: COULDNT_CONNECT" in done.stderr


def test_an_error_is_one_object_too(tmp_path: Path) -> None:
    arguments = ("--endpoint", unused_url(), "--expect", "2", "--timeout", "0.5")
    done = wait(*arguments, "--format", "json", cwd=tmp_path)
    said = json.loads(done.stdout)
    assert (done.exit_code, said["outcome"]) == (exit_codes.NO_ANSWER, "no-answer")
    assert f"Error: {said['error']}\n" in done.stderr


def test_a_pointer_to_nowhere(tmp_path: Path) -> None:
    with http_server(versions(then="2")) as url:
        done = wait(
            *("--endpoint", url, "--expect", "2", *POST, "--rate", "500"),
            *("--version-from", "header:X-Version"),
            cwd=tmp_path,
        )
    assert done.exit_code == exit_codes.NO_VERSION
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
        asked = ("--function-name", "todo:live", "--payload", "{}", "--timeout", "1")
        done = wait(*asked, cwd=tmp_path, env=env)
    assert done.exit_code == exit_code, done.stderr
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_credentials(tmp_path: Path) -> None:
    env = isolated() | {"AWS_REGION": "us-east-1"}
    done = wait("--stack-name", "todo-sample-1", cwd=tmp_path, env=env)
    assert done.exit_code == exit_codes.NO_PERMISSION
    assert done.stderr == (
        "Error: there are no AWS credentials: run `aws configure` or `aws sso login`\n"
    )


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
        (["--function-name", "f", "--function-name", "g:a", "--payload", "{}"], "what is expected"),
        (["--function-name", "f", "--function-name", "g", "--alias", "a", *HERE], "goes with one"),
        (["--function-name", "f", "--version", "x", "--payload", "{}"], "is a number or newest"),
        (["--stack-name", "s", "--version", "2", "--endpoint", "http://h"], "asks the function"),
        ([*HERE, "--require-new"], "--require-new needs --was"),
        ([*HERE, "--max-fail-share", "1.1"], "1.1 is not in the range 0<=x<=1"),
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
        (
            ["--stack-name", "s", "--print-version", "--format", "json"],
            "leave --format json away",
        ),
        ([*HERE, "--stale-share", "1"], "1.0 is not in the range 0<x<1"),
        ([*HERE, "--version-from", "body"], "body is none of header:NAME"),
    ],
)
def test_options_that_make_no_sense_get_one_sentence(arguments: list[str], sentence: str) -> None:
    result = CliRunner().invoke(main, ["wait", *arguments])
    assert result.exit_code == exit_codes.USAGE
    assert sentence in " ".join(result.output.split())


def test_a_version_is_printed_in_no_form_but_text(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    for form in ([], ["--format", "text"]):
        arguments = ["wait", "--stack-name", "s", "--print-version", *form]
        said = CliRunner().invoke(main, arguments).output
        assert said == "Error: no region is set: pass --region, or set AWS_REGION\n"


def test_the_help_fits_two_screens_in_groups_that_hold_every_option_once() -> None:
    helped = CliRunner().invoke(main, ["wait", "--help"], terminal_width=100).output
    assert len(helped.splitlines()) <= 100
    assert all(f"\n{title}:\n" in helped for title in GROUPS)
    named = [name for names in GROUPS.values() for name in names]
    assert sorted(named) == sorted(str(param.name) for param in wait_command.params)


def test_every_end_has_a_code_of_its_own_and_the_help_lists_it() -> None:
    codes = {
        code
        for name, code in vars(exit_codes).items()
        if isinstance(code, int) and name not in {"FAILED", "UNKNOWN"}
    }
    helped = CliRunner().invoke(main, ["wait", "--help"]).output.partition("Exit codes:")[2]
    listed = re.findall(r"^ +(\d+)  ", helped, re.MULTILINE)
    assert {int(code) for code in listed} == codes
    assert len(set(OUTCOMES.values())) == len(OUTCOMES)
