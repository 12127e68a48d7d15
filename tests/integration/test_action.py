"""The GitHub action's script with the poster that it calls, against a server that is deployed."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
from pathlib import Path

from tests.support.servers import http_server, send

SCRIPT = Path(__file__).parents[2] / ".github" / "action" / "wait.sh"


def test_a_deploy_runs_under_calls_and_what_follows_comes_when_callers_get_it(
    tmp_path: Path,
) -> None:
    release = tmp_path / "release"
    release.write_text("7")

    def answer(handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        send(handler, 200, json.dumps({"release": release.read_text()}).encode())

    files = {name: tmp_path / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    with http_server(answer) as url:
        done = subprocess.run(
            [SCRIPT],
            cwd=tmp_path,
            env={
                **os.environ,
                **{name: str(path) for name, path in files.items()},
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "NO_PROXY": "127.0.0.1",
                "RUNNER_TEMP": str(tmp_path),
                "INPUT_ENDPOINT": url,
                "INPUT_COMMAND": "echo 8 > new; tr -d '\\n' < new > newer; mv newer release",
                "INPUT_VERSION_FROM": "json:/release",
                "INPUT_RUN_ARGUMENTS": "--posters 10 --pause 0.01 --max-fail 0",
                "INPUT_ARGUMENTS": "--stale-share 0.1 --rate 200 --then 'touch done'",
            },
            capture_output=True,
            text=True,
            timeout=110,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    said = dict(line.split("=", 1) for line in files["GITHUB_OUTPUT"].read_text().splitlines())
    assert float(said.pop("safe-after")) >= 0
    assert said == {"verdict": "clean", "version": "8", "outcome": "reached"}
    assert (tmp_path / "done").exists()
    assert "Callers of the deploy: clean" in files["GITHUB_STEP_SUMMARY"].read_text()
