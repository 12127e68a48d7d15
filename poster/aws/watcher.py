"""Looks at a function and its alias while somebody else deploys, and says what changed as steps.

Reads only, once a second, on a thread of its own with clients of its own, so the calls never wait
for it. A step is stamped with the moment at which the change was seen; ``seen_within_s`` in its
detail says how much earlier it may have come about.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from poster.aws.alias import Shares, routing_of, shares_of, shift_between
from poster.aws.errors import AwsError, BusyError, NotThereError, told
from poster.rows.clock import Clock
from poster.rows.record import Step, StepName

EVERY_S = 1.0
LEAVE_S = 2.0
SUCCESSFUL = "Successful"


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """The control plane at one moment."""

    code_sha256: str
    update: str  # LastUpdateStatus
    newest: int  # version
    version: str | None  # of the alias; None: no alias is watched
    weights: Shares

    def shares(self) -> Shares:
        """Return the share of the calls that each version is to get; none without an alias."""
        return {} if self.version is None else shares_of(self.version, self.weights)


class Watcher:
    """Watches while the ``with`` block runs; what it cannot go on with is told, never raised."""

    def __init__(
        self,
        client: Any,
        function: str,
        alias: str | None,
        clock: Clock,
        emit: Callable[[Step], None],
        tell: Callable[[str], None],
    ) -> None:
        """Look for the first time. ``client`` is boto3's of "lambda". Raises AwsError."""
        self._client = client
        self._function = function
        self._alias = alias
        self._clock = clock
        self._emit = emit
        self._tell = tell
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)
        with told():
            newest = _newest_version(client, function)
            self._seen = self._look(newest)
        self._looked_ns = clock.now_ns()

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(LEAVE_S)

    def _watch(self) -> None:
        due = time.monotonic() + EVERY_S
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            due = time.monotonic() + EVERY_S
            try:
                with told():
                    now = self._look(self._seen.newest)
            except BusyError:
                continue  # the next look will do
            except AwsError as error:
                self._tell(f"no longer watching {self._function}: {error}; the calls go on")
                return
            at_ns = self._clock.now_ns()
            within_s = round((at_ns - self._looked_ns) / 1e9, 3)
            for name, detail in changes(self._seen, now):
                self._emit(Step(name, at_ns, {**detail, "seen_within_s": within_s}))
            self._seen, self._looked_ns = now, at_ns

    def _look(self, newest: int) -> Seen:
        latest = self._client.get_function_configuration(FunctionName=self._function)
        version: str | None = None
        weights: Shares = {}
        if self._alias is not None:
            alias = self._client.get_alias(FunctionName=self._function, Name=self._alias)
            version, weights = routing_of(alias)
        return Seen(
            code_sha256=str(latest.get("CodeSha256")),
            update=str(latest.get("LastUpdateStatus", SUCCESSFUL)),
            newest=self._newest_after(newest),
            version=version,
            weights=weights,
        )

    def _newest_after(self, newest: int) -> int:
        """Return the newest version: they are numbered one after the other."""
        while True:
            try:
                with told():
                    self._client.get_function_configuration(
                        FunctionName=self._function, Qualifier=str(newest + 1)
                    )
            except NotThereError:
                return newest
            newest += 1


def changes(before: Seen, now: Seen) -> Iterator[tuple[StepName, dict[str, Any]]]:
    """Yield what changed from one look to the next, in the order in which a deploy does it."""
    has_new_code = now.code_sha256 != before.code_sha256
    if has_new_code:
        yield StepName.CODE_UPDATED, {"code_sha256": now.code_sha256}
    if now.update == SUCCESSFUL and (has_new_code or before.update != SUCCESSFUL):
        yield StepName.UPDATE_SUCCESSFUL, {}
    for version in range(before.newest + 1, now.newest + 1):
        yield StepName.VERSION_PUBLISHED, {"version": str(version)}
    if (shift := shift_between(before.shares(), now.shares())) is not None:
        yield StepName.ALIAS_UPDATED, {**shift, "weights": now.weights}


def _newest_version(client: Any, function: str) -> int:
    pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=function)
    versions = [each["Version"] for page in pages for each in page["Versions"]]
    return max((int(version) for version in versions if version.isdigit()), default=0)
