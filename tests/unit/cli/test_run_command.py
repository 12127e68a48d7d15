from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from poster.cli.run import run

URL = "http://127.0.0.1:9/todo"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "name what to call"),
        (["--endpoint", "ftp://a/"], "ftp://a/"),
        (["--endpoint", "http://"], "cannot be called"),
        (["--endpoint", URL, "--rate", "5", "--posters", "3"], "choose --rate (open loop) or"),
        (["--endpoint", URL, "--rate", "0"], "--rate"),
        (["--endpoint", URL, "--calls", "5"], "--calls needs --rate"),
        (["--endpoint", URL, "--header", "no colon"], "a header is not of the form 'Name: value'"),
        (["--endpoint", URL, "--header", "A: b\r\nC: d"], "on one line"),
        (["--endpoint", URL, "--method", "GET /"], "--method GET / is no HTTP method"),
        (["--endpoint", URL, "--version-from", "X-Version"], "none of header:NAME"),
        (["--endpoint", URL, "--out", "a\nb"], "characters that cannot be shown"),
        (["--endpoint", URL, "--out", "a\x1b[2J"], "characters that cannot be shown"),
        (["--endpoint", URL, "--fresh-connections", "2"], "--fresh-connections"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_refused_with_one_sentence(
    tmp_path: Path, options: list[str], said: str
) -> None:
    result = CliRunner().invoke(run, ["--out", str(tmp_path / "out"), *options])
    assert result.exit_code == 2
    last = result.stderr.splitlines()[-1]
    assert last.startswith("Error: ")
    assert said in last
    assert not (tmp_path / "out").exists()
