"""Plants secrets wherever a user may have to give one, and looks for them in all that is left."""

from __future__ import annotations

import http.server
import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import poster
from tests.support.servers import http_server, ok, send

SECRETS = {
    "user": "planted-user",
    "password": "planted-password",
    "key": "planted-api-key",
    "token": "planted-token-in-a-header",
    "plain": "planted-header-of-any-name",
}
HEADERS = (f"Authorization: Bearer {SECRETS['token']}", f"X-Tenant: {SECRETS['plain']}")


def repeat(handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
    """Answer as servers do that mean too well: with all that was sent."""
    sent = json.dumps({"path": handler.path, **handler.headers})
    status = 200 if int(json.loads(body or b'{"todoId": "-2"}')["todoId"][-1]) % 2 else 403
    said = {"message": sent, "marker": sent, "functionVersion": sent, "requestId": sent}
    send(handler, status, json.dumps(said).encode())


def poster_of_its_own(folder: Path, *arguments: str) -> str:
    """Run a command in a process of its own, which a list of processes shows."""
    ended = subprocess.run(
        [sys.executable, "-m", "poster", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return ended.stdout + ended.stderr


def found_in(text: str) -> set[str]:
    return {name for name, secret in SECRETS.items() if secret in text}


def test_no_secret_of_an_endpoint_or_a_header_is_left_anywhere(tmp_path: Path) -> None:
    with http_server(repeat) as url:
        host = url.removeprefix("http://")
        endpoint = f"http://{SECRETS['user']}:{SECRETS['password']}@{host}?api_key={SECRETS['key']}"
        headers = [word for header in HEADERS for word in ("--header", header)]
        said = [
            poster(
                tmp_path,
                *("run", "--method", "POST", "--endpoint", endpoint, *headers, "--duration", "1"),
            ),
            poster(
                tmp_path,
                *("wait", "--endpoint", endpoint, *headers, "--method", "POST", "--body", "{}"),
                *("--expect", "2", "--timeout", "1"),
            ),
            poster(tmp_path, "report", "--html", "page.html"),
            poster(tmp_path, "report", "--format", "json"),
            poster(tmp_path, "report", "--format", "junit"),
            poster(tmp_path, "export", "--csv", "calls.csv"),
            poster(tmp_path, "excerpt"),
        ]
    history = (tmp_path / "runs/latest/history.jsonl").read_text()
    assert "LEFT-OUT@127.0.0.1" in history
    assert "api_key=LEFT-OUT" in history
    assert '"outcome":"ok"' in history
    assert '"outcome":"fail"' in history
    for number, ended in enumerate(said):
        assert not found_in(ended.output), (number, ended.output)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert not found_in(path.read_text(errors="replace")), path


ALL_COMMAND_LINES = (
    "import pathlib, sys\n"
    "for each in pathlib.Path('/proc').glob('[0-9]*/cmdline'):\n"
    "    try: print(each.read_text(errors='replace').replace(chr(0), ' '))\n"
    "    except OSError: pass\n"
)


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="no /proc here")
def test_headers_of_a_file_are_sent_and_stand_in_no_process_list(tmp_path: Path) -> None:
    sent: list[str] = []

    def note(handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        sent.append(f"{handler.headers['Authorization']}, {handler.headers['X-Tenant']}")
        ok(handler, body)

    token = secrets.token_hex()  # its own: tests beside this one have the planted ones in theirs
    (tmp_path / "headers").write_text(f"Authorization: Bearer {token}\r\nX-Tenant: {token}\n\n")
    (tmp_path / "look.py").write_text(ALL_COMMAND_LINES)
    with http_server(note) as url:
        headers = ("--endpoint", url, "--method", "POST", "--header", "@headers")
        look = ("--", sys.executable, "look.py")
        said = [
            poster_of_its_own(
                tmp_path, "run", *headers, "--pause", "0.01", "--settle-timeout", "1", *look
            ),
            poster_of_its_own(
                tmp_path,
                *(
                    "wait",
                    *headers,
                    "--body",
                    '{"todoId": "{todo_id}"}',
                    "--expect",
                    "1",
                    "--rate",
                    "300",
                ),
                *("--then", f"{sys.executable} look.py"),
            ),
        ]
    assert set(sent) == {f"Bearer {token}, {token}"}
    for text in said:
        assert "--header @headers" in text, text
        assert token not in text, text


def test_a_file_of_headers_that_cannot_be_used_is_refused_without_showing_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "headers").write_text(f"X-A: 1\nAuthorization {SECRETS['token']}\n")
    (tmp_path / "binary").write_bytes(b"X: \xff" + SECRETS["token"].encode())
    for file, why in (
        ("headers", "line 2 of headers is not of the form 'Name: value', on one line"),
        ("binary", "binary is no text in UTF-8"),
        ("none", "cannot read none: No such file or directory"),
        (".", "cannot read .: Is a directory"),
    ):
        said = poster(tmp_path, "run", "--endpoint", "http://a/", "--header", f"@{file}").output
        assert why in said, said
        assert not found_in(said)


def test_no_secret_stands_in_the_error_about_it(tmp_path: Path) -> None:
    user, password, key, token, _ = SECRETS.values()
    for arguments in (
        ("run", "--endpoint", f"ftp://{user}:{password}@a/?api_key={key}"),
        ("run", "--endpoint", f"{user}:{password}@a/?api_key={key}"),
        ("run", "--endpoint", f"http://{user}:{password}/@a/?api_key={key}"),
        ("run", "--endpoint", f"http://{user}:{password}@/?api_key={key}"),
        ("wait", "--expect", "2", "--endpoint", f"{user}:{password}@a/?api_key={key}"),
        ("wait", "--expect", "2", "--endpoint", f"http://{user}:{password}/@a/?api_key={key}"),
        ("run", "--endpoint", "http://a/", "--header", f"Authorization Bearer {token}"),
        ("run", "--endpoint", "http://a/", "--header", f"Authorization: {token}\r\nX: y"),
        ("run", "--sign", "--endpoint", f"http://{user}:{password}@a/?api_key={key}"),
        ("post", "1", "--endpoint", f"{user}:{password}@a/?api_key={key}"),
    ):
        said = poster(tmp_path, *arguments).output
        assert "Error: " in said, said
        assert not found_in(said), said
