"""What a server says is untrusted text wherever it is shown while calls go on and at their end."""

from __future__ import annotations

import http.server
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from poster.cli.live import MOST_NAMED, LiveCounts
from poster.gate.sequential import Rule
from poster.gate.tally import Expected, Tally, sentence_of_time_out
from poster.rows.record import Observation
from tests.support.command import poster
from tests.support.servers import http_server, send

# Sets the window's title, clears the screen, ends the line as a workflow's command would need it,
# turns the direction of writing round; the last is an escape of one character.
HOSTILE = "\x1b]0;owned\x07\x1b[2J\r\n::error::owned\u202eevil\x9b31m"
OBEYED = ("\x1b", "\x07", "\u202e", "\x9b", "\n::error::owned")


def serving(status: int) -> Callable[[http.server.BaseHTTPRequestHandler, bytes], None]:
    def answer(handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        names = ("message", "marker", "functionVersion", "requestId")
        send(handler, status, json.dumps(dict.fromkeys(names, HOSTILE)).encode())

    return answer


@pytest.fixture(params=[200, 500])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    with http_server(serving(request.param)) as url:
        yield url


def test_nothing_that_a_terminal_obeys_comes_out_of_an_answer(tmp_path: Path, url: str) -> None:
    for command in (
        ("run", "--method", "POST", "--endpoint", url, "--duration", "1"),
        ("wait", "--endpoint", url, "--expect", "2", "--timeout", "1"),
    ):
        text = poster(tmp_path, *command, env={**os.environ, "GITHUB_ACTIONS": "true"}).output
        assert "owned" in text, text
        assert not [each for each in OBEYED if each in text], text


def answered_by(number: int) -> Observation:
    return Observation(number, 1, f"t{number}", 0, 0, 1, "ok", 200, f"m{number}", remote_ip="::1")


def test_an_api_that_names_another_release_with_every_answer_fills_no_line() -> None:
    counts, tally = LiveCounts(), Tally("api", Rule(), Expected(marker="2"))
    for number in range(1000):
        counts.add(answered_by(number))
        tally.take(answered_by(number), 1)
    line = counts.line().plain
    assert line.startswith("1000 calls   ok 1000")
    assert line.endswith(f"   others {1000 - MOST_NAMED}")
    assert sentence_of_time_out([tally.count()], 1.0).endswith(", 995 by 995 others")
