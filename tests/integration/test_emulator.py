"""The local AWS really starts, answers, keeps to itself, and is gone afterwards."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.session import Session
from click.testing import CliRunner

from poster.cli.main import main
from poster.local import emulator as emulator_module
from poster.local.emulator import Emulator, EmulatorError, PortTakenError
from poster.local.room import taken_bytes
from tests.support.local_shell import POSTER_LOCAL, poster_local

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from poster.local.environment import LocalAws


PATIENCE_S = 60.0


class Trap:
    """Listens where no call may go, and counts who comes."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.visits = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                visitor, _ = self._listener.accept()
                self.visits += 1
                visitor.close()

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def trap() -> Iterator[Trap]:
    trap = Trap()
    yield trap
    trap.close()


@pytest.fixture
def callers_aws(trap: Trap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A shell that is set up for production; every way out of it leads into the trap."""
    config = tmp_path / "config"
    config.write_text(
        "[profile prod]\n"
        "role_arn = arn:aws:iam::123456789012:role/prod\n"
        "credential_source = Ec2InstanceMetadata\n"
        "use_fips_endpoint = true\n"
        f"endpoint_url = {trap.url}\n"
        "services = prod\n"
        f"[services prod]\ndynamodb =\n  endpoint_url = {trap.url}\n"
    )
    settings = {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AWS_SESSION_TOKEN": "FwoGZXIvYXdzEXAMPLE",
        "AWS_PROFILE": "prod",
        "AWS_CONFIG_FILE": str(config),
        "AWS_REGION": "ap-northeast-1",
        "AWS_DEFAULT_REGION": "ap-northeast-1",
        "AWS_ENDPOINT_URL": trap.url,
        "AWS_ENDPOINT_URL_S3": trap.url,
        "AWS_ENDPOINT_URL_STS": trap.url,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": trap.url,
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": trap.url,
        "AWS_MAX_ATTEMPTS": "1",
        **{f"{scheme}_proxy": trap.url for scheme in ("http", "https", "all")},
        **{f"{scheme}_PROXY": trap.url for scheme in ("HTTP", "HTTPS", "ALL")},
    }
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return dict(os.environ)


# In a subprocess, plain botocore: what SAM CLI, the AWS CLI and any script do.
CALLS = """
import json, sys
from botocore.session import get_session
clients = [get_session().create_client(name) for name in ("s3", "sts", "dynamodb")]
s3, sts, dynamodb = clients
s3.create_bucket(Bucket=sys.argv[1])
identity = sts.get_caller_identity()
dynamodb.list_tables()
print(json.dumps({
    "endpoints": sorted({client.meta.endpoint_url for client in clients}),
    "keys": sorted({client._request_signer._credentials.access_key for client in clients}),
    "account": identity["Account"],
}))
"""


def test_the_trap_catches_a_client_that_is_not_isolated(
    trap: Trap, callers_aws: dict[str, str]
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", CALLS, "astray"],
        env=callers_aws,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode != 0
    assert trap.visits > 0


def test_a_subprocess_cannot_leave_the_local_aws(
    aws: LocalAws, trap: Trap, callers_aws: dict[str, str]
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", CALLS, "from-a-subprocess"],
        env=aws.environment(callers_aws),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert json.loads(ended.stdout) == {
        "endpoints": [aws.endpoint],
        "keys": ["test"],
        "account": "000000000000",
    }
    assert trap.visits == 0


@pytest.mark.usefixtures("callers_aws")
def test_a_client_in_this_process_cannot_leave_the_local_aws(aws: LocalAws, trap: Trap) -> None:
    with pytest.raises(BotoCoreError):  # the caller's settings are in force here
        Session().create_client("sts", region_name="us-east-1").get_caller_identity()
    visits = trap.visits
    assert visits > 0
    aws.client("s3").create_bucket(Bucket="from-this-process")
    assert aws.client("sts").get_caller_identity()["Account"] == "000000000000"
    assert aws.client("dynamodb").list_tables()["TableNames"] == []
    assert trap.visits == visits


def test_a_functions_own_calls_stay_in_the_local_aws(
    trap: Trap, callers_aws: dict[str, str]
) -> None:
    # Functions inherit the environment of the emulator: start one in the caller's shell.
    with Emulator(environ=callers_aws) as emulator:
        deploy_function(emulator.aws)
        answer = invoke_function(emulator.aws)
        assert answer == {"endpoint": emulator.endpoint, "account": "000000000000"}
    assert trap.visits == 0


FUNCTION = """
import botocore.session
sts = botocore.session.get_session().create_client("sts")
def handler(event, context):
    print("called")
    return {"endpoint": sts.meta.endpoint_url, "account": sts.get_caller_identity()["Account"]}
"""


def deploy_function(aws: LocalAws) -> None:
    deploy_package(aws, {"app.py": FUNCTION})


def deploy_package(aws: LocalAws, content: dict[str, str]) -> Any:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        for name, text in content.items():
            files.writestr(name, text)
    client = aws.client("lambda", Config(max_pool_connections=50))
    client.create_function(
        FunctionName="who",
        Runtime="python3.14",
        Role="arn:aws:iam::000000000000:role/who",
        Handler="app.handler",
        Code={"ZipFile": archive.getvalue()},
        Timeout=60,
    )
    client.get_waiter("function_active_v2").wait(FunctionName="who", WaiterConfig={"Delay": 1})
    return client


def invoke_function(aws: LocalAws) -> dict[str, str]:
    answer = aws.client("lambda").invoke(FunctionName="who")
    decoded: dict[str, str] = json.loads(answer["Payload"].read())
    return decoded


def processes() -> dict[int, tuple[int, str]]:
    """Return parent and command line of every process, without zombies and ps itself."""
    listing = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,stat=,args="],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = (line.split(None, 3) for line in listing.stdout.splitlines())
    return {
        int(pid): (int(parent), args)
        for pid, parent, stat, args in rows
        if not stat.startswith("Z") and not args.startswith("ps ")
    }


def descendants(root: int) -> dict[int, str]:
    """Return the command lines of all that the process has started and that still runs."""
    table = processes()
    found: dict[int, str] = {}
    wave = {root}
    while wave:
        wave = {pid for pid, (parent, *_) in table.items() if parent in wave}
        found |= {pid: table[pid][1] for pid in wave}
    return found


def are_gone(pids: set[int]) -> bool:
    """Return whether all of them end, which a busy machine may need time for."""
    deadline = time.monotonic() + PATIENCE_S
    while pids & processes().keys():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def emulators() -> set[int]:
    """Return the emulators under this process; a supervisor has the same words at its end."""
    ours = descendants(os.getpid()).items()
    return {
        pid
        for pid, args in ours
        if args.endswith("-m poster.local.ministack") and "child.py" not in args
    }


def test_stop_leaves_no_process_and_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = descendants(os.getpid()).keys()
    with Emulator() as emulator:
        deploy_function(emulator.aws)
        invoke_function(emulator.aws)
        ours = {pid: args for pid, args in descendants(os.getpid()).items() if pid not in before}
        assert len(ours) == 3, "supervisor, emulator, worker of the function"
        assert sum("_worker.py" in args for args in ours.values()) == 1
        assert list(tmp_path.iterdir())
    assert are_gone(set(ours))
    assert not list(tmp_path.iterdir())


def test_it_listens_on_127_0_0_1_only(aws: LocalAws) -> None:
    port = int(aws.endpoint.rpartition(":")[2])
    with socket.socket() as other:
        other.settimeout(1)
        # A listener on all interfaces would accept it.
        assert other.connect_ex(("127.0.0.2", port)) != 0


def test_a_ctrl_c_in_our_terminal_does_not_reach_it() -> None:
    before = emulators()
    with Emulator():
        (pid,) = emulators() - before
        assert os.getsid(pid) != os.getsid(0)


def test_its_death_is_told_with_the_tail_of_its_log() -> None:
    before = emulators()
    with Emulator() as emulator:
        emulator.check()
        (pid,) = emulators() - before
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(EmulatorError, match=r"ended with exit code -9\n.*log.*\n(.*\n)*.*Run"):
            for _ in emulator.follow_log():
                pass


# What a process does that is killed in the middle of an experiment.
VICTIM = """
import time
from tests.integration.test_emulator import deploy_function, invoke_function
from poster.local.emulator import Emulator
with Emulator() as emulator:
    deploy_function(emulator.aws)
    invoke_function(emulator.aws)
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_when_we_are_killed_nothing_is_left(tmp_path: Path, signum: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", VICTIM],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as victim:
        assert victim.stdout is not None
        assert victim.stdout.readline() == b"ready\n"
        started = descendants(victim.pid)
        assert len(started) == 3, "supervisor, emulator, worker of the function"
        victim.send_signal(signum)
        victim.wait(PATIENCE_S)
    assert are_gone(set(started))
    assert not list(tmp_path.iterdir())


def parallel(count: int, call: Callable[[], object]) -> list[object]:
    with ThreadPoolExecutor(count) as callers:
        return list(callers.map(lambda _: call(), range(count)))


# All calls are under way at once before any of them ends: so each needs an environment of its own.
TOGETHER = """
import os, time
def handler(event, context):
    open(os.path.join(FOLDER, context.log_stream_name.rpartition("/")[2]), "w").close()
    while len(os.listdir(FOLDER)) < COUNT:
        time.sleep(0.01)
    return open("data").read(1)
"""


def test_many_environments_share_one_unpacked_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary, here = tmp_path / "temporary", tmp_path / "here"
    temporary.mkdir()
    here.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    size, count = 2_000_000, 6
    code = TOGETHER.replace("FOLDER", repr(str(here))).replace("COUNT", str(count))
    with Emulator() as emulator:
        client = deploy_package(emulator.aws, {"app.py": code, "data": "x" * size})
        answers = parallel(count, lambda: client.invoke(FunctionName="who")["Payload"].read())
        assert answers == [b'"x"'] * count
        assert len(list(temporary.glob("*/ministack-lambda-*"))) == count
        assert size < taken_bytes(temporary) < 2 * size


def test_a_disk_with_little_room_is_not_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", tmp_path], capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.decode().strip()}")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    try:
        with pytest.raises(EmulatorError, match=r"^the local AWS has ended: the disk of .* has 64"):
            Emulator().start()
        assert not list(tmp_path.iterdir())
    finally:
        subprocess.run(["umount", tmp_path], check=True)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        yield somebody.getsockname()[1]


def test_a_taken_port_is_said_in_one_sentence(taken: int) -> None:
    with pytest.raises(PortTakenError, match=rf"^127.0.0.1:{taken} is in use by another program;"):
        Emulator(taken).start()


def test_a_port_taken_while_it_starts_is_told_apart_from_other_failures(
    taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emulator_module, "_require_free", lambda _: None)
    with pytest.raises(PortTakenError):
        Emulator(taken).start()


def test_a_free_port_that_is_taken_meanwhile_is_replaced_by_another(
    taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = emulator_module._free_port()
    offered = iter([taken, free])
    monkeypatch.setattr(emulator_module, "_free_port", lambda: next(offered))
    monkeypatch.setattr(emulator_module, "_require_free", lambda _: None)
    with Emulator() as emulator:
        assert emulator.endpoint == f"http://127.0.0.1:{free}"


def test_not_being_ready_in_time_is_an_error_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = descendants(os.getpid()).keys()
    with pytest.raises(EmulatorError, match=r"did not answer within 0\.01 s"):
        Emulator(start_timeout_s=0.01).start()
    assert are_gone(descendants(os.getpid()).keys() - before)
    assert not list(tmp_path.iterdir())


def test_without_ministack_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    said = CliRunner().invoke(main, ["local"])
    assert "ministack, which is not installed: pip install 'deploy-poster[local]'" in said.output


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_poster_local_ends_cleanly_with_exit_0(signum: int) -> None:
    with poster_local() as (command, _):
        started = descendants(command.pid)
        command.send_signal(signum)
        assert command.wait(PATIENCE_S) == 0
    assert are_gone(set(started))


def test_poster_local_prints_lines_that_bind_a_shell_to_it(
    trap: Trap, callers_aws: dict[str, str]
) -> None:
    port = emulator_module._free_port()
    with poster_local("--port", str(port)) as (_, lines):
        script = "".join(lines) + shlex.join([sys.executable, "-c", CALLS, "from-a-shell"])
        ended = subprocess.run(
            ["sh", "-euc", script],
            env=callers_aws,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    assert json.loads(ended.stdout)["endpoints"] == [f"http://127.0.0.1:{port}"]
    assert trap.visits == 0


def test_poster_local_says_that_its_port_is_taken(taken: int) -> None:
    ended = subprocess.run(
        [*POSTER_LOCAL, "--port", str(taken)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 5
    assert f"Error: 127.0.0.1:{taken} is in use by another program" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""


def test_whoever_assumes_a_role_may_go_on() -> None:
    """CDK does everything with credentials that it got from AssumeRole."""
    with Emulator() as emulator:
        role = "arn:aws:iam::000000000000:role/deploy"
        sts = emulator.aws.client("sts")
        issued = sts.assume_role(RoleArn=role, RoleSessionName="cdk")["Credentials"]
        assumed = Session().create_client(
            "ssm",
            region_name=emulator.aws.region,
            endpoint_url=emulator.endpoint,
            aws_access_key_id=issued["AccessKeyId"],
            aws_secret_access_key=issued["SecretAccessKey"],
            aws_session_token=issued["SessionToken"],
        )
        assert assumed.get_parameters(Names=["/none"])["InvalidParameters"] == ["/none"]
