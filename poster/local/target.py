"""The local AWS as a target of the experiment."""

from __future__ import annotations

import os
from typing import Any

from poster.local.emulator import Emulator
from poster.record import Target as TargetName


class LocalTarget:
    """An emulator that lives as long as the ``with`` block."""

    name: TargetName = "local"
    through_proxies = False

    def __init__(self) -> None:
        self._emulator = Emulator()

    @property
    def environment(self) -> dict[str, str]:
        """The caller's environment without the caller's AWS."""
        return self._emulator.aws.environment(os.environ)

    def client(self, service: str) -> Any:
        """Return a client that knows nothing of the caller's AWS."""
        return self._emulator.aws.client(service)

    def reachable(self, api_endpoint: str) -> str:
        """Return where the emulator answers for the URL that AWS would."""
        return self._emulator.aws.local_url(api_endpoint)

    def __enter__(self) -> LocalTarget:
        self._emulator.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._emulator.stop()
