"""AWS's own Runtime Interface Emulator: one function, one call at a time, no account, no Docker.

``aws-lambda-rie`` (https://github.com/aws/aws-lambda-runtime-interface-emulator) runs a bootstrap
and speaks the Lambda Runtime API to it. SAM CLI brings the binary for its containers; it runs on
Linux alone. It lives as long as the ``with`` block.
"""

from __future__ import annotations

import http.client
import os
import platform
import socket
import time
from pathlib import Path

from poster.child import Child
from poster.errors import PosterError
from poster.local.child_log import ChildLog

HOST = "127.0.0.1"
INVOKE_PATH = "/2015-03-31/functions/function/invocations"
_START_TIMEOUT_S = 10.0
_ANSWER_TIMEOUT_S = 30.0
_POLL_S = 0.02
_MACHINES = {"x86_64": "x86_64", "aarch64": "arm64"}


class RieError(PosterError):
    """There is no emulator for this machine, or it did not start."""


def rie_of(sam: Path) -> Path:
    """Return the emulator's binary in the installation that a ``sam`` belongs to.

    Raises RieError.
    """
    machine = _MACHINES.get(platform.machine())
    if platform.system() != "Linux" or machine is None:
        raise RieError(
            "the Runtime Interface Emulator runs on Linux, x86_64 or arm64: use --target aws"
        )
    name = f"lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-{machine}"
    found = sorted(sam.resolve().parents[1].glob(name))
    if not found:
        raise RieError(f"{sam} brings no aws-lambda-rie-{machine}: install aws-sam-cli with pip")
    return found[0]


class Rie:
    """One bootstrap under the emulator, as a context manager."""

    def __init__(self, binary: Path, folder: Path, handler: str) -> None:
        """``folder`` holds the built function."""
        self._command = [str(binary), "--runtime-interface-emulator-address"]
        self._bootstrap = [str(folder / "bootstrap"), handler]
        self._folder = folder
        self._child: Child | None = None
        self._log = ChildLog()
        self._port = 0

    def invoke(self, event: bytes) -> tuple[int, bytes, str]:
        """Return status and body of the answer, and what was logged since the call before.

        Raises RieError when nothing answers.
        """
        connection = http.client.HTTPConnection(HOST, self._port, timeout=_ANSWER_TIMEOUT_S)
        try:
            connection.request("POST", INVOKE_PATH, event)
            answer = connection.getresponse()
            return answer.status, answer.read(), self._log.grown().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            raise RieError(
                f"the runtime emulator does not answer: {error}{self._log.tail()}"
            ) from None
        finally:
            connection.close()

    def __enter__(self) -> Rie:
        self._port, runtime_port = _free_ports()
        command = [
            *(*self._command, f"{HOST}:{self._port}"),
            *("--runtime-api-address", f"{HOST}:{runtime_port}", *self._bootstrap),
        ]
        log = self._log.begin()
        self._child = Child.start(
            command,
            # Nothing of the caller's AWS: the handler has nothing to call there.
            env={"PATH": os.environ["PATH"], "LAMBDA_TASK_ROOT": str(self._folder)},
            cwd=self._folder,
            stdout=log,
            stderr=log,
        )
        self._await_listening()
        return self

    def __exit__(self, *_: object) -> None:
        if self._child is not None:
            self._child.stop()
        self._log.close()

    def _await_listening(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while True:
            try:
                socket.create_connection((HOST, self._port), timeout=1).close()
            except OSError:
                code = self._child.poll() if self._child else None
                if code is not None or time.monotonic() > deadline:
                    tail = self._log.tail()
                    self.__exit__()
                    raise RieError(f"the runtime emulator did not start{tail}") from None
                time.sleep(_POLL_S)
            else:
                return


def _free_ports() -> tuple[int, int]:
    # Both are held at once, so that they differ. Until the emulator binds them, anybody may.
    with socket.socket() as one, socket.socket() as other:
        one.bind((HOST, 0))
        other.bind((HOST, 0))
        return one.getsockname()[1], other.getsockname()[1]
