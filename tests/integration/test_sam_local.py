"""The event files through ``sam``: the shape it generates, and ``sam local invoke`` with each kind.

``sam local invoke`` runs the function in a container without a table, so a good todo ends as a
store failure and a bad one as it always does. It needs a Docker engine and the runtime's image;
without them these tests are skipped and say so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support import events

ROOT = Path(__file__).parents[2]
IMAGE = "public.ecr.aws/lambda/python:3.14-x86_64"

pytestmark = pytest.mark.skipif(shutil.which("sam") is None, reason="sam is not on the PATH")


def why_no_container() -> str | None:
    """Return what is missing for ``sam local invoke``, or None."""
    if shutil.which("docker") is None:
        return "no Docker client on the PATH"
    if subprocess.run(["docker", "info"], capture_output=True).returncode:
        return "no Docker engine answers"
    if subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True).returncode:
        return f"the image {IMAGE} is not here; docker pull {IMAGE} gets it"
    return None


def sam(*arguments: str, cwd: Path = ROOT) -> str:
    """Run sam without any credentials of the caller's and return its standard output."""
    environment = {name: value for name, value in os.environ.items() if "AWS_" not in name}
    environment |= {
        "SAM_CLI_TELEMETRY": "0",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    done = subprocess.run(
        ["sam", *arguments], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_events_are_what_sam_generates_but_for_the_body() -> None:
    generated = json.loads(sam(*events.GENERATE_EVENT[1:]))
    event = events.load("created")
    assert list(event) == list(generated)
    for varies in ("body", "isBase64Encoded"):
        del event[varies], generated[varies]
    assert event == generated


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    reason = why_no_container()
    if reason:
        pytest.skip(f"sam local invoke not tested: {reason}")
    application = tmp_path_factory.mktemp("application")
    for name in ("template.yaml", "samconfig.toml"):
        shutil.copy(ROOT / name, application)
    shutil.copytree(ROOT / "hello_world", application / "hello_world")
    sam("build", cwd=application)
    return application


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("created", 500),  # no table in the container
        ("bad_request_title_missing", 400),
        ("bad_request_body_not_base64", 400),
        ("bad_request_body_nested_too_deeply", 400),
        ("payload_too_large", 413),
    ],
)
def test_an_event_file_invokes_the_function(built: Path, name: str, status: int) -> None:
    event_file = str(events.EVENTS / f"{name}.json")
    output = sam(
        *("local", "invoke", "TodoFunction", "--skip-pull-image", "-e", event_file), cwd=built
    )
    response: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    assert response["statusCode"] == status
    if status == 500:
        assert json.loads(response["body"]) == {"message": "ng"}
