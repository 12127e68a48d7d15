"""The fleet as its user sees it: a process in the place of an entrance and Lambda's front ends.

An emulator moves an alias in an instant. The fleet is an HTTP front before it: N front ends, each
with its own view of the alias, each adopting a change after a lag of its own; a call lands on one
of them and goes to the version that this one believes in. What callers then see is *simulated
propagation*, and everything the fleet says of itself calls it that.

It runs as a process of its own (``poster.local.front``), so that its work does not blur the
posters' clock, and ends with us (``poster.child``).
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

import requests

from poster.child import Child
from poster.errors import PosterError
from poster.local.child_log import ChildLog
from poster.local.environment import LocalAws
from poster.local.front_ends import FRONT_ENDS, Change, Routing
from poster.local.http_api import DEFAULT

# In the place of a stage:
FUNCTION_URL = "function-url"
INVOKE = "invoke:"  # and the alias
CHANGES_PATH = "/_fleet/changes"
SHUT_PATH = "/_fleet/shut"
OPEN_PATH = "/_fleet/open"
_ADMIN_TIMEOUT_S = 10.0


class FleetError(PosterError):
    """The fleet did not start, or has ended; the message says why."""


@dataclasses.dataclass(frozen=True, slots=True)
class FleetSettings:
    """What the fleet serves and how it behaves.

    ``stage`` is that of a REST or HTTP API; ``function-url`` for a Function URL, whose id is then
    the ``api_id``; ``invoke:ALIAS`` for Lambda's Invoke of the function that ``api_id`` names.
    ``lag`` and ``faults`` are written as ``poster.local.lag`` and ``poster.local.faults`` say.
    ``qualifier`` is called instead of the API's own alias; ``$LATEST`` has no alias to propagate.
    A connection stays at one front end if ``is_sticky``, else each call lands anywhere.
    """

    api_id: str
    stage: str
    front_ends: int = FRONT_ENDS
    lag: str = "published"
    seed: int = 0
    is_sticky: bool = False
    qualifier: str | None = None
    faults: tuple[str, ...] = ()
    timeout_s: float = 29.0  # API Gateway's own
    poll_s: float = 0.02

    @classmethod
    def of_endpoint(cls, api_endpoint: str, **settings: Any) -> FleetSettings:
        """Return settings for a URL of a stack's output.

        https://ID.execute-api.../STAGE/... of a REST or HTTP API, https://ID.execute-api.../ of an
        HTTP API's default stage, or https://ID.lambda-url.../ of a function.
        """
        url = urlsplit(api_endpoint)
        api_id, _, rest = (url.hostname or "").partition(".")
        if rest.startswith("lambda-url."):
            return cls(api_id, FUNCTION_URL, **settings)
        stage = url.path.lstrip("/").partition("/")[0]
        return cls(api_id, stage or DEFAULT, **settings)

    def __str__(self) -> str:
        """Say what callers of this fleet look at."""
        faults = f", faults {' '.join(self.faults)}" if self.faults else ""
        return (
            f"simulated propagation: {self.lag},"
            f" {self.front_ends} front ends, seed {self.seed}{faults}"
        )


class Fleet:
    """A running fleet, as a context manager. Start it when the API has been deployed."""

    def __init__(self, aws: LocalAws, settings: FleetSettings) -> None:
        self.settings = settings
        self._aws = aws
        self._child: Child | None = None
        self._log = ChildLog()
        self._port = 0

    def start(self) -> None:
        """Start it and return when it serves. Raises FleetError."""
        self._child = Child.start(
            [sys.executable, "-m", "poster.local.front", self._arguments()],
            env=self._aws.environment(os.environ),
            stdout=subprocess.PIPE,
            stderr=self._log.begin(),
        )
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        try:
            said = json.loads(line)
        except ValueError:
            said = {"error": f"it ended at its start{self._log.tail()}"}
        if "error" in said:
            self.stop()
            raise FleetError(f"the fleet did not start: {said['error']}")
        self._port = int(said["port"])

    @property
    def endpoint(self) -> str:
        """``http://127.0.0.1:PORT``; the stage's name comes next, as at API Gateway."""
        return f"http://127.0.0.1:{self._port}"

    def local_url(self, api_endpoint: str) -> str:
        """Return where the fleet answers for the https://ID.execute-api... URL of the API."""
        return f"{self.endpoint}{urlsplit(api_endpoint).path}"

    def changes(self) -> list[Change]:
        """Return every change of an alias that the fleet has seen, and when each front end adopted.

        Times are nanoseconds since the epoch. Raises FleetError when the fleet does not answer.
        """
        try:
            changes = self._ask("GET", CHANGES_PATH).json()["changes"]
        except (ValueError, KeyError) as error:
            raise FleetError(f"the fleet does not answer: {error}") from error
        return [change_from_json(change) for change in changes]

    def shut(self) -> None:
        """Return when no call of $LATEST is under way; until ``open`` none begins."""
        self._ask("POST", SHUT_PATH)

    def open(self) -> None:
        """Let calls of $LATEST begin again."""
        self._ask("POST", OPEN_PATH)

    def check(self) -> None:
        """Raise FleetError if it has ended by itself."""
        code = self._child.poll() if self._child else None
        if code is not None:
            raise FleetError(f"the fleet ended with exit code {code}{self._log.tail()}")

    def stop(self) -> None:
        """End it; harmless when it is not running."""
        child, self._child = self._child, None
        if child is not None:
            child.stop()
        self._log.close()

    def __enter__(self) -> Fleet:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _ask(self, method: str, path: str) -> requests.Response:
        """Return the answer of one of the fleet's own paths. Raises FleetError."""
        self.check()
        try:
            with requests.Session() as session:
                session.trust_env = False
                url = f"{self.endpoint}{path}"
                return session.request(method, url, timeout=_ADMIN_TIMEOUT_S)
        except requests.RequestException as error:
            raise FleetError(f"the fleet does not answer: {error}") from error

    def _arguments(self) -> str:
        return json.dumps(dataclasses.asdict(self.settings))


def change_from_json(change: dict[str, Any]) -> Change:
    """Return the change that ``dataclasses.asdict`` and JSON made an object of."""

    def routing(said: dict[str, Any]) -> Routing:
        return Routing(said["version"], tuple((name, share) for name, share in said["weights"]))

    return Change(
        at_ns=change["at_ns"],
        before=routing(change["before"]),
        after=routing(change["after"]),
        lags_s=tuple(change["lags_s"]),
        adopted_ns=tuple(change["adopted_ns"]),
    )
