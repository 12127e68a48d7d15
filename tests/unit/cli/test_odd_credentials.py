"""Keys that cannot be had: a command that needs them ends with one sentence before it begins."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from poster.errors import ERROR, FAILED, NO_PERMISSION
from tests.support.command import poster

ROOT = Path(__file__).parents[3]
ROLE = "role_arn = arn:aws:iam::123456789012:role/deploy"
PRINTS = f"credential_process = {sys.executable} -c print"
OVER = (
    '{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "s", "SessionToken": "t",'
    ' "Expiration": "2020-01-01T00:00:00Z"}'
)
PROFILES = {
    "a role of nobody": (ROLE, "missing: source_profile"),
    "a role of itself": (f"{ROLE}\nsource_profile = other", "Infinite loop"),
    "half of a key": ("aws_access_key_id = A", "missing: aws_secret_access_key"),
    "a sign-on that is over": (
        "sso_session = my\nsso_account_id = 123456789012\nsso_role_name = Admin",
        "Token for my does not exist",
    ),
    "a program that fails": ("credential_process = false", "custom-process"),
    "a program that says something else": (f"{PRINTS}(1+)", "custom-process"),
    "a program that prints no JSON": ("credential_process = echo hello", "Expecting value"),
    "keys that are over": ("credential_process = cat over.json", "still expired"),
}
ASKED = "https://abc.execute-api.us-east-1.amazonaws.com/Prod/todo"
COMMANDS = {
    "run": ("run", "--endpoint", ASKED, "--sign", "--rate", "1", "--calls", "1"),
    "wait": ("wait", "--function-name", "orders", "--alias", "live", "--payload", "{}"),
    "wait for a stack": ("wait", "--stack-name", "orders"),
    "wait and purge": (
        "wait",
        "--expect",
        "2",
        "--endpoint",
        ASKED,
        "--purge-cloudfront",
        "E1",
        "--paths",
        "/x",
    ),
    "post": ("post", "1", "--stack-name", "todo-sample-1"),
    "experiment": ("experiment", "--target", "aws", "--app", str(ROOT)),
    "doctor": ("doctor", "--target", "aws"),
}
CODES = {"doctor": FAILED}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("command", COMMANDS)
def test_keys_that_cannot_be_had_end_every_command_in_a_sentence(
    tmp_path: Path, profile: str, command: str
) -> None:
    settings, said = PROFILES[profile]
    other = f"[profile other]\n{ROLE}\nsource_profile = me"
    sign_on = (
        "[sso-session my]\nsso_region = us-east-1\nsso_start_url = https://x.awsapps.com/start"
    )
    config = tmp_path / "config"
    config.write_text(f"[profile me]\nregion = us-east-1\n{settings}\n{other}\n{sign_on}\n")
    (tmp_path / "over.json").write_text(OVER)
    done = poster(
        tmp_path,
        *COMMANDS[command],
        env={
            "AWS_CONFIG_FILE": str(config),
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_PROFILE": "me",
            "AWS_EC2_METADATA_DISABLED": "true",
            "HOME": str(tmp_path),
            "PATH": "/bin:/usr/bin",
        },
    )
    errors = [line for line in done.stderr.splitlines() if line.startswith(("Error: ", "FAULT "))]
    assert said in errors[-1], done.output
    assert done.exit_code in {CODES.get(command, NO_PERMISSION), CODES.get(command, ERROR)}
    assert not list(tmp_path.glob("runs/*/history.jsonl")), "nothing was called"
