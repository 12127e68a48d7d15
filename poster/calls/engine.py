"""The HTTP engine: a schedule and an endpoint become observations.

``Engine`` is the whole interface; the experiment and the commands know nothing else.
``poster.calls.curl_engine`` has the fast one, ``poster.calls.requests_engine`` the published one.

Clocks: ``sent_ns`` is read before the call is handed to the library, ``received_ns`` after the
last byte of the answer was read. Both come from the run's monotonic clock.

Invariant, whatever the engine: every call that was started becomes one row, ``seq`` follows
``sent_ns``, and no call is ever retried.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from typing import Protocol

from poster.calls.request import Headers, Request
from poster.calls.schedule import Loop
from poster.rows.clock import Clock
from poster.rows.record import Observation

Emit = Callable[[Observation], None]
Sign = Callable[[Request, str, bytes | None], Headers]  # of a request to a URL with a body
CONNECT_TIMEOUT_S = 3.0  # TLS included
# API Gateway gives a function up after 29 s and answers 504: an answer, where giving up earlier
# ourselves would only be a call of unknown outcome.
TIMEOUT_S = 30.0


@dataclasses.dataclass(frozen=True, slots=True)
class Load:
    """What to call and how: one caller per entry of ``posters``."""

    endpoint: str
    posters: tuple[int, ...]
    loop: Loop
    connect_timeout_s: float = CONNECT_TIMEOUT_S
    timeout_s: float = TIMEOUT_S
    through_proxies: bool = True  # honour the caller's proxy settings and .netrc; never locally
    id_prefix: str = ""  # of every todo id


class Stop(threading.Event):
    """Set: no new calls, those in flight end. ``abandon`` set: do not wait for those either."""

    def __init__(self) -> None:
        super().__init__()
        self.abandon = threading.Event()


class Engine(Protocol):
    """Runs a load until it is told to stop."""

    def run(self, load: Load, clock: Clock, emit: Emit, stop: Stop) -> None:
        """Call until ``stop`` is set, let calls in flight end, and emit a row for every call.

        Ends by itself only where the loop has an end. An error raised by ``emit`` (a full disk)
        stops all posters and is raised here.
        """
