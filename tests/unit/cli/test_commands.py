"""The commands as a user types them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from poster.cli.main import COMMANDS, main
from poster.rows.record import Observation, Run, decode
from tests.support.command import poster
from tests.support.servers import http_server, ok, unused_url

POSTER = [sys.executable, "-m", "poster"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_does(command: str) -> None:
    result = CliRunner().invoke(main, [command, "--help"])
    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: main {command}")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("given", ["nan", "inf", "-inf"])
def test_a_number_of_a_command_is_finite(command: str, given: str) -> None:
    context = click.Context(main)
    found = main.get_command(context, command)
    assert found is not None
    for param in found.params:
        if isinstance(param.type, click.types.FloatParamType):
            with pytest.raises(
                click.BadParameter, match=r"is no finite number|is not in the range"
            ):
                param.type.convert(given, param, context)


@pytest.mark.parametrize(("said", "is_coloured"), [("1", False), ("", True)])
def test_no_color_takes_the_colours_away(said: str, is_coloured: bool) -> None:
    kept = str(Path(__file__).parents[3] / "docs" / "kept_run")
    environment = {"NO_COLOR": said}
    result = CliRunner().invoke(main, ["report", kept], env=environment, color=True)
    assert ("\x1b[" in result.stdout) == is_coloured
    assert "Safe from " in result.stdout


def test_the_published_poster_posts_until_finish_txt_appears(tmp_path: Path) -> None:
    posted = threading.Event()

    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        ok(handler, body)
        posted.set()

    with http_server(answer) as url:
        posting = subprocess.Popen(
            [*POSTER, "post", "1", "--endpoint", url, "--pause", "0.01"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert posted.wait(60)
        (tmp_path / "finish.txt").touch()
        said, _ = posting.communicate(timeout=100)
    counted, none = said.splitlines()
    assert int(counted.removeprefix("ok: ")) > 0
    assert none == "ng: 0"
    assert posting.returncode == 0


def test_finish_txt_of_the_last_run_is_named(tmp_path: Path) -> None:
    (tmp_path / "finish.txt").touch()
    result = poster(tmp_path, "post", "1", "--endpoint", unused_url())
    assert (result.exit_code, result.stderr) == (
        5,
        "Error: finish.txt is there already: remove it to start posting\n",
    )


def test_run_writes_a_history_and_points_latest_at_it(tmp_path: Path) -> None:
    with http_server(ok) as url:
        result = poster(
            tmp_path,
            *("run", "--endpoint", url, "--method", "POST", "--posters", "2"),
            *("--pause", "0.05", "--duration", "1"),
        )
    assert result.exit_code == 0, result.stderr
    path = tmp_path / result.stdout.strip()
    run, *calls = (decode(line) for line in path.read_text().splitlines())
    assert isinstance(run, Run)
    assert (run.target, run.loop, run.posters, run.pause_s) == ("url", "closed", 2, 0.05)
    assert len(calls) > 10
    assert {call.outcome for call in calls if isinstance(call, Observation)} == {"ok"}
    assert (tmp_path / "runs" / "latest" / "history.jsonl").samefile(path)


def test_ctrl_c_ends_a_run_with_a_whole_history(tmp_path: Path) -> None:
    with http_server(ok) as url:
        running = subprocess.Popen(
            [
                *(*POSTER, "run", "--endpoint", url, "--method", "POST"),
                *("--pause", "0.01", "--out", "out"),
            ],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        history = tmp_path / "out" / "history.jsonl"
        while not history.exists() or history.read_text().count("\n") < 10:
            time.sleep(0.05)
        running.send_signal(2)
        said, narrated = running.communicate(timeout=100)
    assert running.returncode == 0, narrated
    assert said == "out/history.jsonl\n"
    lines = history.read_text().splitlines()
    rows = [row for row in map(decode, lines) if isinstance(row, Observation)]
    assert sorted(row.seq for row in rows) == list(range(1, len(rows) + 1))


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (["run"], 2, "name what to call: either --endpoint URL or --stack-name NAME"),
        (["run", "--endpoint", "todo.example"], 2, "is no http or https URL"),
        (["run", "--endpoint", "http://h:99999/"], 2, "is not the URL of a host: see its host"),
        (["run", "--endpoint", "http://h/", "--"], 2, "there is no command after `--`"),
        (["post", "0", "--endpoint", "http://127.0.0.1:1"], 2, "0 is not in the range"),
        (["experiment", "--app", "."], 4, "template.yaml is missing"),
        (["experiment", "--name", "../../x"], 2, "is no name: letters, digits"),
        (["experiment", "--name", "a\nb"], 2, "is no name: letters, digits"),
    ],
)
def test_bad_input_gets_one_sentence_and_an_exit_code(
    arguments: list[str], exit_code: int, said: str, tmp_path: Path
) -> None:
    result = poster(tmp_path, *arguments)
    assert result.exit_code == exit_code
    assert said in result.stderr


def test_without_credentials_a_real_run_says_so_and_makes_nothing(tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_REGION": "eu-west-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    result = poster(tmp_path, "experiment", "--target", "aws", env=environment)
    assert result.exit_code == 9
    assert result.stderr.endswith(
        "Error: there are no AWS credentials: run `aws configure` or `aws sso login`\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_without_a_region_a_real_run_says_so(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "AWS_CONFIG_FILE": os.devnull}
    result = poster(tmp_path, "experiment", "--target", "aws", env=environment)
    assert result.exit_code == 2
    assert "no region is set: pass --region" in result.stderr
