"""MiniStack's execution environments, held to the room that there is; in its process.

MiniStack unpacks a function's package anew for every environment, and where an init fails while
others start, nobody ends those nor removes their folders. Here a package is unpacked once and every
environment links to it, as /var/task is the same read-only tree on AWS; what no environment uses is
removed before the next one is unpacked; and an environment that was dropped ends with its call.

Beyond ``MOST_CALLS`` at once a call is refused as beyond the account's concurrency on AWS.
"""

from __future__ import annotations

import hashlib
import io
import logging
import shutil
import threading
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ministack.core import lambda_runtime
from ministack.core.lambda_runtime import ProvidedWorker, Worker
from ministack.services import lambda_svc

from poster.local.room import why_no_room

MOST_CALLS = 128

log = logging.getLogger("poster.local.environments")


class RoomError(Exception):
    """Unpacking would take more room than there may be; the message is one sentence."""


class Packages:
    """Packages unpacked below a folder, each once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._users: dict[str, set[object]] = {}
        self._bytes: dict[str, int] = {}

    def unpacked_for(self, user: object, package: bytes) -> Path:
        """Return the folder of the package, which stays until its users have left.

        Raises RoomError.
        """
        name = hashlib.sha256(package).hexdigest()
        with self._lock:
            if name not in self._bytes:
                self._remove_unused()
                self._unpack(name, package)
            self._users.setdefault(name, set()).add(user)
        return self._folder / name

    def leave(self, user: object) -> None:
        """Forget a user of packages."""
        with self._lock:
            for users in self._users.values():
                users.discard(user)

    def _unpack(self, name: str, package: bytes) -> None:
        with zipfile.ZipFile(io.BytesIO(package)) as files:
            size = sum(file.file_size for file in files.infolist())
            free = shutil.disk_usage(self._folder).free
            why = why_no_room(sum(self._bytes.values()) + size, free - size)
            if why is not None:
                raise RoomError(f"with this package unpacked, {why}")
            try:
                files.extractall(self._folder / name)
            except BaseException:
                shutil.rmtree(self._folder / name, ignore_errors=True)
                raise
        self._bytes[name] = size

    def _remove_unused(self) -> None:
        for name in [each for each in self._bytes if not self._users.get(each)]:
            shutil.rmtree(self._folder / name, ignore_errors=True)
            del self._bytes[name]


class _LinkedZipFile(zipfile.ZipFile):
    """Links to the folder that its comment names, where it has one, instead of unpacking."""

    def extractall(self, path: Any = None, members: Any = None, pwd: bytes | None = None) -> None:
        if self.comment:
            Path(path).rmdir()
            Path(path).symlink_to(self.comment.decode())
        else:
            super().extractall(path, members, pwd)


def _link_to(folder: Path) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as files:
        files.comment = str(folder).encode()
    return packed.getvalue()


def _end_if_dropped(worker: Worker) -> None:
    with lambda_runtime._lock:
        is_kept = any(worker in pool for pool in lambda_runtime._workers.values())
    if not is_kept:
        worker.kill()


def _kinds(packages: Packages) -> tuple[type[Worker], type[Worker]]:
    """Return the environments of managed and of custom runtimes that keep to the room."""

    class Managed(Worker):  # type: ignore[misc]
        def _spawn(self) -> None:
            package: bytes = self.code_zip  # type: ignore[has-type]
            # MiniStack links the layers of Node.js into the unpacked package.
            if not self.config.get("Layers"):
                self.code_zip = _link_to(packages.unpacked_for(self, package))
            try:
                super()._spawn()
            finally:
                self.code_zip = package

        def invoke(self, *given: Any, **more: Any) -> Any:
            try:
                return super().invoke(*given, **more)
            finally:
                _end_if_dropped(self)

        def _discard_tmpdir(self) -> None:
            super()._discard_tmpdir()
            packages.leave(self)

    class Custom(ProvidedWorker):  # type: ignore[misc]
        def invoke(self, *given: Any, **more: Any) -> Any:
            try:
                return super().invoke(*given, **more)
            finally:
                _end_if_dropped(self)

    return Managed, Custom


def keep_to_the_room(folder: Path) -> None:
    """Hold MiniStack, in this process and with its files in this folder, to what stands above."""
    unpacked = folder / "packages"
    unpacked.mkdir()
    managed, custom = _kinds(Packages(unpacked))

    def kind(config: Mapping[str, Any]) -> type[Worker]:
        return custom if str(config.get("Runtime", "")).startswith("provided") else managed

    lambda_runtime._worker_class_for = kind
    lambda_runtime.zipfile = SimpleNamespace(**{**vars(zipfile), "ZipFile": _LinkedZipFile})
    _refuse_more_than(min(MOST_CALLS, lambda_svc._ACCOUNT_CONCURRENCY_CAP))


def _refuse_more_than(calls: int) -> None:
    """Refuse calls beyond so many at once in words that name the local AWS."""
    shaped = lambda_svc._throttle_response
    sentence = f"Rate Exceeded: the local AWS runs at most {calls} calls at once"

    def response(reason_code: str, msg: str, retry_after: int = 1) -> Any:
        if reason_code == "ConcurrentInvocationLimitExceeded":
            log.warning(sentence)
            msg = sentence
        return shaped(reason_code, msg, retry_after)

    lambda_svc._ACCOUNT_CONCURRENCY_CAP = calls
    lambda_svc._throttle_response = response
