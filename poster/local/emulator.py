"""MiniStack's life: started as a child, ready when it answers, gone when we are.

MiniStack (https://github.com/ministackorg/ministack) is the AWS emulator that runs the real
function code in worker processes, without Docker. It listens on one port of 127.0.0.1, inherits
nothing of the caller's environment but the way to find programs, and keeps every file in a
*scratch* directory of its own that is removed with it.

Invariant: when ``stop`` has returned, or we have died in whatever way, no process and no file of
the emulator is left (see ``poster.child``).
"""

from __future__ import annotations

import contextlib
import errno
import http.client
import importlib.util
import json
import os
import secrets
import socket
import sys
import time
from typing import TYPE_CHECKING

from poster.child import Child
from poster.errors import PosterError
from poster.local.child_log import ChildLog
from poster.local.environment import REGION, LocalAws
from poster.local.guard import token_header
from poster.local.room import OUT_OF_ROOM, Scratch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

HOST = "127.0.0.1"
START_TIMEOUT_S = 60.0
_POLL_S = 0.05
_FOLLOW_S = 0.2
_PORT_ATTEMPTS = 5
# What a program needs to find programs, libraries and the language; never AWS_*, never a proxy.
_INHERITED = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


class EmulatorError(PosterError):
    """The local AWS did not start, or has ended; the message says why, with the tail of its log."""


class PortTakenError(EmulatorError):
    """Somebody else listens on the port."""


class Emulator:
    """MiniStack on 127.0.0.1, as a context manager; ``aws`` is how to talk to it."""

    def __init__(
        self,
        port: int | None = None,
        *,
        region: str = REGION,
        environ: Mapping[str, str] | None = None,
        start_timeout_s: float = START_TIMEOUT_S,
    ) -> None:
        self._fixed_port = port
        self._region = region
        self._environ = os.environ if environ is None else environ
        self._start_timeout_s = start_timeout_s
        self._child: Child | None = None
        self._scratch: Scratch | None = None
        self._log = ChildLog()
        self._aws: LocalAws | None = None

    @property
    def aws(self) -> LocalAws:
        """The running AWS: endpoint, clients, environment for subprocesses."""
        if self._aws is None:
            raise EmulatorError("the local AWS is not running")
        return self._aws

    @property
    def endpoint(self) -> str:
        """``http://127.0.0.1:PORT``."""
        return self.aws.endpoint

    def start(self) -> None:
        """Start it and return when it answers. Raises EmulatorError."""
        if importlib.util.find_spec("ministack") is None:
            # It would fail to start in a process of its own, in whose log nobody looks first.
            raise ModuleNotFoundError("No module named 'ministack'", name="ministack")
        if self._fixed_port is not None:
            return self._start_on(self._fixed_port)
        for _ in range(_PORT_ATTEMPTS):
            # Between our closing the port and MiniStack's binding it, anybody may take it.
            with contextlib.suppress(PortTakenError):
                return self._start_on(_free_port())
        raise EmulatorError(f"no free port of {HOST} in {_PORT_ATTEMPTS} attempts")

    def check(self) -> None:
        """Raise EmulatorError if it has ended by itself."""
        code = self._child.poll() if self._child else None
        if code == OUT_OF_ROOM:
            raise EmulatorError(f"the local AWS has ended: {self._log.last_line()}")
        if code is not None:
            raise EmulatorError(f"the local AWS ended with exit code {code}{self._log.tail()}")

    def follow_log(self) -> Iterator[bytes]:
        """Yield its log as it grows. Raises EmulatorError when it ends by itself."""
        while self._child is not None:
            self.check()
            if grown := self._log.grown():
                yield grown
            else:
                time.sleep(_FOLLOW_S)

    def stop(self) -> None:
        """End it, with its workers and its files; harmless when it is not running."""
        child, self._child, self._aws = self._child, None, None
        if child is not None:
            child.stop()
        if self._scratch is not None:
            self._scratch.remove()
        self._log.close()

    def __enter__(self) -> Emulator:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start_on(self, port: int) -> None:
        _require_free(port)
        self._scratch = Scratch()
        scratch = self._scratch.path
        aws = LocalAws(f"http://{HOST}:{port}", secrets.token_urlsafe(), self._region)
        edition = secrets.token_hex(8)
        log = self._log.begin()
        try:
            self._child = Child.start(
                [sys.executable, "-m", "poster.local.ministack"],
                env=emulator_environment(self._environ, aws, port, scratch, edition),
                cwd=scratch,
                stdout=log,
                stderr=log,
                scratch=scratch,
            )
            self._await_ready(port, aws.token, edition)
        except BaseException:
            self.stop()
            raise
        self._aws = aws

    def _await_ready(self, port: int, token: str, edition: str) -> None:
        deadline = time.monotonic() + self._start_timeout_s
        while _edition(port, token) != edition:
            code = self._child.poll() if self._child else None
            tail = self._log.tail()
            if code is not None and "already in use" in tail:
                raise _port_taken(port)
            self.check()
            if time.monotonic() > deadline:
                raise EmulatorError(
                    f"the local AWS did not answer within {self._start_timeout_s:g} s{tail}"
                )
            time.sleep(_POLL_S)


def emulator_environment(
    base: Mapping[str, str], aws: LocalAws, port: int, scratch: Path, edition: str
) -> dict[str, str]:
    """Return MiniStack's environment, which its function workers inherit."""
    return {
        **{name: base[name] for name in _INHERITED if name in base},
        **aws.settings(),
        "MINISTACK_REGION": aws.region,
        "MINISTACK_EDITION": edition,  # comes back in the health answer: it is ours that answers
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "STATE_DIR": str(scratch / "state"),
        "S3_DATA_DIR": str(scratch / "s3"),
        # Listeners of their own, on all interfaces if they were on.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        # With a Docker engine in reach MiniStack removes containers of other MiniStacks.
        "DOCKER_HOST": f"unix://{scratch}/no-docker.sock",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        # As servers do: a port whose last owner has just closed it is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise _port_taken(port) from None
            raise EmulatorError(f"cannot listen on {HOST}:{port}: {error.strerror}") from None


def _port_taken(port: int) -> PortTakenError:
    return PortTakenError(f"{HOST}:{port} is in use by another program; choose another port")


def _edition(port: int, token: str) -> str | None:
    """Return the edition that a MiniStack on the port reports; None if none answers."""
    connection = http.client.HTTPConnection(HOST, port, timeout=1)
    try:
        connection.request("GET", "/_ministack/health", headers=token_header(token))
        health = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return health.get("edition") if isinstance(health, dict) else None
