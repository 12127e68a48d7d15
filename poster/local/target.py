"""The local AWS as a target of the experiment: the emulator, and the fleet in front of it."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from poster.local.emulator import Emulator
from poster.local.fleet import Fleet, FleetSettings
from poster.rows.record import TargetName


@dataclasses.dataclass(frozen=True, slots=True)
class Propagation:
    """How a change of the alias reaches the callers of a local run; simulated, and says so."""

    lag: str = "published"
    seed: int = 0
    faults: tuple[str, ...] = ()

    def as_setting(self) -> dict[str, Any]:
        """Return what the history's first row says of it."""
        return {"simulated": True, **dataclasses.asdict(self)}


class LocalTarget:
    """An emulator and its fleet, which live as long as the ``with`` block."""

    name: TargetName = "local"
    through_proxies = False

    def __init__(self, propagation: Propagation) -> None:
        self.propagation = propagation
        self._emulator = Emulator()
        self._fleet: Fleet | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The caller's environment without the caller's AWS."""
        return self._emulator.aws.environment(os.environ)

    def client(self, service: str) -> Any:
        """Return a client that knows nothing of the caller's AWS.

        Updates of $LATEST wait for the calls that it serves; see ``poster.local.door``.
        """
        client = self._emulator.aws.client(service)
        if service == "lambda":
            for operation in ("UpdateFunctionCode", "UpdateFunctionConfiguration"):
                client.meta.events.register(f"before-call.lambda.{operation}", self._shut)
                client.meta.events.register(f"after-call.lambda.{operation}", self._open)
                client.meta.events.register(f"after-call-error.lambda.{operation}", self._open)
        return client

    def caller_client(self, service: str) -> Any:
        """Return the same: the emulator throttles nobody."""
        return self.client(service)

    def _shut(self, **_: Any) -> None:
        if self._fleet is not None:
            self._fleet.shut()

    def _open(self, **_: Any) -> None:
        if self._fleet is not None:
            self._fleet.open()

    def reachable(self, api_endpoint: str) -> str:
        """Return where the fleet answers for the URL that AWS would.

        The fleet is started when it is first asked for, because it serves an API that must have
        been deployed by then.
        """
        if self._fleet is None:
            settings = FleetSettings.of_endpoint(
                api_endpoint, **dataclasses.asdict(self.propagation)
            )
            self._fleet = Fleet(self._emulator.aws, settings)
            self._fleet.start()
        return self._fleet.local_url(api_endpoint)

    def settled_unix_ns(self) -> int | None:
        """Return when the last front end had adopted the newest change of the alias."""
        changes = self._fleet.changes() if self._fleet is not None else []
        return changes[-1].settled_ns if changes else None

    def __enter__(self) -> LocalTarget:
        self._emulator.start()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._emulator.check()  # why it ended by itself is why all after it failed
        finally:
            if self._fleet is not None:
                self._fleet.stop()
            self._emulator.stop()
