"""Probes: calls that only ask who answers, sent at a steady rate in the background.

A probe goes through an HTTP endpoint, or is a direct Invoke of a function: the same HTTP call,
signed, whose answer names the version that was executed. Every probe becomes an observation, in
numbers without a gap; what it asks must do no harm, and saying so is up to whoever builds it.

Front ends may stay with a connection, so the probes that open one of their own are the ones that
are independent of each other (``docs/gate.md`` has what the others are worth).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from poster.calls.attribution import Attribution, Source, parse_source
from poster.calls.curl_call import Exchange
from poster.calls.curl_engine import CurlEngine
from poster.calls.engine import Emit, Engine, Load
from poster.calls.posting import Posting
from poster.calls.request import Request
from poster.calls.schedule import OpenLoop
from poster.calls.signing import SigV4Signer, callers_credentials
from poster.rows.clock import Clock

EXECUTED_VERSION = parse_source("header:X-Amz-Executed-Version")

TIMEOUT_S = 10.0  # one that takes longer has told nothing in time
_JSON = ("Content-Type", "application/json")


@dataclasses.dataclass(frozen=True, slots=True)
class Probed:
    """One place where probes are sent, and how."""

    name: str  # as reports show it
    endpoint: str
    exchange: Exchange
    through_proxies: bool = True

    def load(self, loop: OpenLoop) -> Load:
        """Return the load of probing it."""
        return Load(
            self.endpoint,
            (1,),
            loop,
            timeout_s=TIMEOUT_S,
            through_proxies=self.through_proxies,
        )


def invoke_probed(
    client: Any,
    function: str,
    qualifier: str | None,
    payload: str,
    fresh_share: float,
    marker_from: Source | None = None,
) -> Probed:
    """Return direct Invokes of the function, through the alias or of the version, if any.

    ``client`` is boto3's of "lambda": it knows endpoint and region. Raises SigningError.
    """
    credentials, _ = callers_credentials()
    path = f"/2015-03-31/functions/{quote(function, safe='')}/invocations"
    query = "" if qualifier is None else f"?Qualifier={quote(qualifier, safe='')}"
    exchange = Exchange(
        request=Request("POST", (_JSON,), payload),
        attribution=Attribution(version_from=EXECUTED_VERSION, marker_from=marker_from),
        fresh_share=fresh_share,
        sign=SigV4Signer(credentials, "lambda", client.meta.region_name),
    )
    name = f"Invoke of {function}" if qualifier is None else f"Invoke of {function}:{qualifier}"
    return Probed(name, f"{client.meta.endpoint_url}{path}{query}", exchange)


class Probing(Posting):
    """Sends probes while the ``with`` block runs; on the way out, none is waited for.

    What went wrong while probing is raised by ``check`` alone.
    """

    def __init__(
        self,
        probed: Probed,
        loop: OpenLoop,
        clock: Clock,
        emit: Emit,
        on_end: Callable[[], None],
        engine: Engine | None = None,
    ) -> None:
        sender = engine or CurlEngine(probed.exchange)
        super().__init__(sender, probed.load(loop), clock, emit, on_end)

    def __exit__(self, *_: object) -> None:
        self.leave()
