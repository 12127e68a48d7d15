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
import io
import os
import statistics
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from bench.machine import CLIENT_CORE, ROOT, pinned, server, table, write_section
from labs.kit.python_on_rie import PythonOnRie
from labs.kit.rie import rie_of
from poster.deploy.sam_tool import find_sam

EVENT = (ROOT / "events" / "created.json").read_bytes()
HANDLERS = {
    "hello_world": ROOT / "hello_world",
    "published way": ROOT / "bench" / "published_handler",
}


@dataclasses.dataclass
class Measured:
    """What the emulator logged of one handler."""

    init_ms: list[float] = dataclasses.field(default_factory=list)
    warm_ms: list[float] = dataclasses.field(default_factory=list)


def environment(binary: Path, code: Path, endpoint: str) -> PythonOnRie:
    """Return an execution environment of a handler whose table is at that endpoint."""
    variables = {"AWS_ENDPOINT_URL": endpoint, "TABLE_NAME": "bench"}
    python = pinned([sys.executable], CLIENT_CORE)
    return PythonOnRie(binary, code, "app.lambda_handler", variables, python)


def call(started: PythonOnRie) -> None:
    """Call once."""
    status, body = started.call(EVENT)
    if status != 200 or b'"statusCode": 200' not in body:
        raise SystemExit(f"the handler answered {status}: {body!r}\n{started.log}")


def one_round(binary: Path, endpoint: str, calls: int, measured: dict[str, Measured]) -> None:
    """Start an environment of each handler, call them in turns, add what was logged."""
    with contextlib.ExitStack() as stack:
        environments = {
            name: stack.enter_context(environment(binary, code, endpoint))
            for name, code in HANDLERS.items()
        }
        for _ in range(calls):
            for started in environments.values():
                call(started)
    for name, started in environments.items():
        measured[name].init_ms += started.init_ms
        measured[name].warm_ms += started.durations_ms[5:]  # the first make connections, caches


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
