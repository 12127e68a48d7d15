"""Cold init and warm duration of ``hello_world`` beside a handler written the published way.

    python -m bench.handler [--starts N] [--calls N]

Both run on AWS's own runtime client (``awslambdaric``) under AWS's Runtime Interface Emulator, one
emulator per execution environment, called in turns; the table is a canned answer on the other core.
Init and durations are the ones that the emulator logs.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib.metadata
import importlib.util
import io
import os
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from bench.machine import CLIENT_CORE, ROOT, pinned, server, table, write_section
from labs.kit.rie import Rie, rie_of
from poster.deploy.sam_tool import find_sam

EVENT = (ROOT / "events" / "created.json").read_bytes()
HANDLERS = {
    "hello_world": ROOT / "hello_world",
    "published way": ROOT / "bench" / "published_handler",
}
_INIT = re.compile(r"INIT REPORT\(durationMs: ([\d.]+)\)")
_DURATION = re.compile(r"INVOKE RTDONE\(status: success, .*duration: ([\d.]+)ms\)")

_BOOTSTRAP = """\
#!/bin/sh
export AWS_ACCESS_KEY_ID=bench AWS_SECRET_ACCESS_KEY=bench AWS_REGION=us-east-1
export AWS_DEFAULT_REGION=us-east-1 AWS_ENDPOINT_URL={endpoint} TABLE_NAME=bench
export AWS_LAMBDA_FUNCTION_NAME=bench AWS_LAMBDA_FUNCTION_VERSION=1
export AWS_LAMBDA_LOG_STREAM_NAME=bench LAMBDA_TASK_ROOT={code} PYTHONDONTWRITEBYTECODE=1
cd {code}
exec {python} -m awslambdaric app.lambda_handler
"""


@dataclasses.dataclass
class Measured:
    """What the emulator logged of one handler."""

    init_ms: list[float] = dataclasses.field(default_factory=list)
    warm_ms: list[float] = dataclasses.field(default_factory=list)


class Environment:
    """One execution environment of a handler, and the log of its emulator."""

    def __init__(self, binary: Path, code: Path, endpoint: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        bootstrap = Path(self._folder.name) / "bootstrap"
        python = shlex.join(pinned([sys.executable], CLIENT_CORE))
        bootstrap.write_text(
            _BOOTSTRAP.format(endpoint=endpoint, code=code, python=python), encoding="utf-8"
        )
        bootstrap.chmod(0o755)
        self._rie = Rie(binary, bootstrap.parent, "app.lambda_handler")
        self.log = ""

    def call(self) -> None:
        """Call once; the first call starts the handler."""
        status, body, logged = self._rie.invoke(EVENT)
        self.log += logged
        if status != 200 or b'"statusCode": 200' not in body:
            raise SystemExit(f"the handler answered {status}: {body!r}\n{self.log}")

    def __enter__(self) -> Environment:
        self._rie.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._rie.__exit__()
        self._folder.cleanup()


def one_round(binary: Path, endpoint: str, calls: int, measured: dict[str, Measured]) -> None:
    """Start an environment of each handler, call them in turns, add what was logged."""
    with contextlib.ExitStack() as stack:
        environments = {
            name: stack.enter_context(Environment(binary, code, endpoint))
            for name, code in HANDLERS.items()
        }
        for _ in range(calls):
            for environment in environments.values():
                environment.call()
    for name, environment in environments.items():
        measured[name].init_ms += [float(init) for init in _INIT.findall(environment.log)]
        durations = [float(duration) for duration in _DURATION.findall(environment.log)]
        measured[name].warm_ms += durations[5:]  # the first make connections and caches


def package_bytes(sam: Path) -> int:
    """Return the size of the zip that ``sam deploy`` would upload."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{Path(sys.executable).parent}:{sam.parent}:{os.environ['PATH']}"
        built = subprocess.run(
            [str(sam), "build", "--build-dir", folder],
            cwd=ROOT,
            capture_output=True,
            text=True,
            env={**os.environ, "PATH": path, "SAM_CLI_TELEMETRY": "0"},
        )
        if built.returncode:
            raise SystemExit(f"sam build failed:\n{built.stderr}")
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            function = Path(folder) / "TodoFunction"
            for file in sorted(function.rglob("*")):
                archive.write(file, file.relative_to(function))
    return len(packed.getvalue())


def main() -> None:
    """Measure, print and write the section."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--starts", type=int, default=15)
    options.add_argument("--calls", type=int, default=100)
    chosen = options.parse_args()
    if importlib.util.find_spec("awslambdaric") is None:
        raise SystemExit("awslambdaric is not installed: make setup")
    sam = find_sam(print)
    binary = rie_of(sam)
    measured = {name: Measured() for name in HANDLERS}
    with server() as url:
        endpoint = url.removesuffix("/todo")
        for _ in range(chosen.starts):
            one_round(binary, endpoint, chosen.calls, measured)
    write_section("handler", _section(measured, package_bytes(sam), chosen.starts))


def _section(measured: dict[str, Measured], packed: int, starts: int) -> str:
    def row(name: str, values: Callable[[Measured], list[float]]) -> list[str]:
        ours, theirs = (statistics.median(values(measured[handler])) for handler in HANDLERS)
        return [name, f"{ours:.2f}", f"{theirs:.2f}", f"{ours / theirs:.2f}"]

    rows = [
        row("cold init, ms", lambda each: each.init_ms),
        row("warm duration, ms", lambda each: each.warm_ms),
    ]
    version = importlib.metadata.version("awslambdaric")
    botocore = importlib.metadata.version("botocore")
    return f"""\
## Handler

`hello_world` (a bare botocore client; one log line, one conditional write) beside a handler written
the published way (module-level `boto3.resource`), on awslambdaric {version} with botocore
{botocore} under the Runtime Interface Emulator. Medians of {starts} environments each; the table
answers at once.

{table(["", *HANDLERS, "ratio"], rows)}
The built package is {packed:,} bytes zipped. Most of the init is Python importing botocore and
botocore reading DynamoDB's model. On AWS, SnapStart on published versions would take it out of the
callers' way (the alias needs them anyway), more memory gives the init more CPU, and provisioned
concurrency does it before the calls come.
"""


if __name__ == "__main__":
    main()
