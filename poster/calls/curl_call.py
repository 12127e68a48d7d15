"""One libcurl handle with its connection, used for one call after another, and what an end proves.

Outcomes: libcurl calls us back when the connection stands and the request is about to be written.
A call without that moment surely never left (``fail``); after it, everything but a complete answer
or an answer that says no is ``unknown``.

Invariant: no call is written twice. libcurl repeats a call, on its own, when a connection that was
kept alive dies without an answer (``Curl_retry_request`` in its lib/transfer.c; there is no option
against it). The second time it asks us whether to write the request, we say no.
"""

from __future__ import annotations

import dataclasses
import re
import select
from collections.abc import Callable
from urllib.request import getproxies_environment

import pycurl

from poster.calls.answer import MAX_BODY_BYTES, Answer, read_answer, short_error, unreadable
from poster.calls.attribution import MAX_CHARS, TODO_ATTRIBUTION, Attribution, Header, last_block
from poster.calls.engine import Load
from poster.calls.request import TODO_REQUEST, Request
from poster.calls.trust import ca_bundle
from poster.rows.address import credentials, without
from poster.rows.record import Connection

Headers = tuple[tuple[str, str], ...]
Signer = Callable[[Request, str, bytes | None], Headers]

_CODES = {
    code: name.removeprefix("E_")
    for name, code in vars(pycurl).items()
    if name.startswith("E_") and not name.startswith("E_MULTI_") and code
}
_ALL_ENCODINGS = ""
_NO_PROXY = ""
_request_id = Header("x-amzn-RequestId")
_http_api_request_id = Header("apigw-requestid")  # the only one that an HTTP API sends
_pop = Header("X-Amz-Cf-Pop")
_function_error = Header("X-Amz-Function-Error")
_age = Header("Age")
_x_cache = Header("X-Cache")
_HIT = re.compile(r"hit\b", re.IGNORECASE)
_DNS_SHUFFLE_ADDRESSES = 275  # CURLOPT_DNS_SHUFFLE_ADDRESSES; this pycurl has no name for it


@dataclasses.dataclass(frozen=True, slots=True)
class Exchange:
    """How one call is made and read."""

    request: Request = TODO_REQUEST
    attribution: Attribution = TODO_ATTRIBUTION
    fresh_share: float = 0.0  # of the calls: on a connection of their own, closed afterwards
    http2: bool = False
    sign: Signer | None = None  # returns all headers of a request to a URL with a body
    secrets: tuple[str, ...] = ()  # left out of what an answer repeats


class Call:
    """The handle and the call that it makes now."""

    __slots__ = (
        *("body", "curl", "ended_ns", "headers", "idle", "left"),
        *("planned_ns", "poster", "remote_ip", "sent_ns", "seq", "todo_id"),
    )

    def __init__(self, poster: int, fresh: bool, idle: list[Call], curl: pycurl.Curl) -> None:
        """Make a handle of ``idle``'s; ``fresh``: every call on a connection of its own."""
        self.poster = poster
        self.idle = idle  # where it waits between calls
        self.curl = curl
        self.seq = 0
        self.todo_id = ""
        self.planned_ns = 0
        self.sent_ns = 0
        self.ended_ns = 0
        self.left = 0  # how often the request was about to be written
        self.remote_ip = ""
        self.headers: list[bytes] = []
        self.body: list[bytes] = []
        # Methods of C types: no Python code runs for each piece of an answer.
        curl.setopt(pycurl.HEADERFUNCTION, self.headers.append)
        curl.setopt(pycurl.WRITEFUNCTION, self.body.append)
        curl.setopt(pycurl.PREREQFUNCTION, self._leaves)
        curl.setopt(pycurl.FORBID_REUSE, fresh)
        if fresh:
            # libcurl keeps what a name means for 60 s and takes its first address: all calls would
            # go to the same one.
            curl.setopt(pycurl.DNS_CACHE_TIMEOUT, 0)
            curl.setopt(_DNS_SHUFFLE_ADDRESSES, True)

    def is_usable(self) -> bool:
        """Return whether the connection that was kept, if any, is still open and silent.

        libcurl itself looks only at connections that were idle for a second or more.
        """
        kept = self.curl.getinfo(pycurl.ACTIVESOCKET)
        if kept < 0:
            return True
        readable = select.poll()
        readable.register(kept, select.POLLIN)
        return not readable.poll(0)

    def _leaves(self, ip: str, local_ip: str, port: int, local_port: int) -> int:
        """Libcurl asks: the connection stands, write the request?"""
        self.left += 1
        self.remote_ip = ip
        return 0 if self.left == 1 else 1  # PREREQFUNC_OK, PREREQFUNC_ABORT

    def read(self, attribution: Attribution, secrets: tuple[str, ...]) -> Answer:
        """Return what a complete answer says, without the secrets that it repeats."""
        status = self.curl.getinfo(pycurl.RESPONSE_CODE)
        if not _complete(self.headers):
            return unreadable(status, "GOT_NOTHING", "the answer ended among its headers")
        headers, body = (without(b"".join(each), secrets) for each in (self.headers, self.body))
        block = last_block(headers)
        of_one = block, block.lower()  # once for all that is looked for
        answer = read_answer(
            status,
            body,
            _request_id.within(*of_one) or _http_api_request_id.within(*of_one),
            _pop.within(*of_one),
            _cache(*of_one),
            _function_error.within(*of_one),
        )
        if attribution is TODO_ATTRIBUTION:
            return answer
        return attribution.apply(answer, headers, body)

    def failed(self, code: int, text: str) -> Answer:
        """Return what is proved by the end of a call that libcurl calls failed."""
        kind = _CODES.get(code, f"curl {code}")
        if self.left > 1:
            kind, text = "GOT_NOTHING", "the kept-alive connection closed without an answer"
        return self._unanswered(kind, text, self.curl.getinfo(pycurl.RESPONSE_CODE))

    def abandoned(self) -> Answer:
        """Return what is known of a call that is not waited for."""
        return self._unanswered("ABANDONED", "left in flight when posting was stopped", 0)

    def route(self) -> tuple[Connection, str] | tuple[None, None]:
        """Return which connection the call was written to, and where that went."""
        if not self.left:
            return None, None
        # Written once, so what was opened for a second time was not what it went by.
        opened = self.left == 1 and self.curl.getinfo(pycurl.NUM_CONNECTS) > 0
        return "new" if opened else "kept", self.remote_ip

    def end(self, ended_ns: int) -> None:
        """Make ready for the next call."""
        self.ended_ns = ended_ns
        self.left = 0
        self.headers.clear()
        self.body.clear()

    def _unanswered(self, kind: str, text: str, status: int) -> Answer:
        if not self.left:
            return Answer("fail", error=short_error(kind, text))
        return unreadable(status, kind, text)


def _cache(block: bytes, lowered: bytes) -> str | None:
    """Return the header by which a cache says that it answered."""
    age = _age.within(block, lowered)
    if age is not None and age.strip("0"):
        return f"Age: {age}"[:MAX_CHARS]
    said = _x_cache.within(block, lowered)
    is_hit = said is not None and _HIT.search(said)
    return f"X-Cache: {said}"[:MAX_CHARS] if is_hit else None


def _complete(headers: list[bytes]) -> bool:
    # To libcurl, an answer that ends among its headers is a whole one without a body. Trailers
    # come after the empty line; a 103's empty line is not the answer's.
    if headers and headers[-1] == b"\r\n":
        return True
    for line in reversed(headers):
        if line.startswith(b"HTTP/"):
            return False
        if line in {b"\r\n", b"\n"}:
            return True
    return False


def new_handle(load: Load, exchange: Exchange, share: pycurl.CurlShare) -> pycurl.Curl:
    """Return a handle with every option that does not change from call to call."""
    curl = pycurl.Curl()
    url, user, password = credentials(load.endpoint)
    curl.setopt(pycurl.URL, url)
    if user or password:
        curl.setopt(pycurl.USERNAME, user or "")
        curl.setopt(pycurl.PASSWORD, password or "")
    curl.setopt(pycurl.NOSIGNAL, True)  # a time-out in a thread must not raise SIGALRM
    curl.setopt(pycurl.SHARE, share)
    curl.setopt(pycurl.CONNECTTIMEOUT_MS, round(load.connect_timeout_s * 1e3))
    curl.setopt(pycurl.TIMEOUT_MS, round(load.timeout_s * 1e3))
    curl.setopt(pycurl.CAINFO, ca_bundle())
    curl.setopt(pycurl.ACCEPT_ENCODING, _ALL_ENCODINGS)
    curl.setopt(pycurl.MAXFILESIZE_LARGE, MAX_BODY_BYTES)  # counts what was unpacked, too
    curl.setopt(pycurl.HTTP_VERSION, _http_version(load.endpoint, exchange.http2))
    curl.setopt(pycurl.USERAGENT, "poster")
    curl.setopt(pycurl.CUSTOMREQUEST, exchange.request.method)
    if exchange.request.method == "HEAD":
        curl.setopt(pycurl.NOBODY, True)
    # libcurl would look at the environment for each call anew.
    if not (load.through_proxies and getproxies_environment()):
        curl.setopt(pycurl.PROXY, _NO_PROXY)
    set_headers(curl, exchange.request.headers)
    return curl


def set_headers(curl: pycurl.Curl, headers: Headers) -> None:
    """Send these headers, and no Expect: libcurl would wait for an answer to it."""
    lines = ["Expect:", *(f"{name}: {value}" if value else f"{name};" for name, value in headers)]
    curl.setopt(pycurl.HTTPHEADER, [line.encode() for line in lines])


def _http_version(endpoint: str, http2: bool) -> int:
    if not http2:
        return int(pycurl.CURL_HTTP_VERSION_1_1)
    if endpoint.lower().startswith("https:"):
        return int(pycurl.CURL_HTTP_VERSION_2TLS)
    # Without TLS nothing is negotiated: the server must be known to speak HTTP/2.
    return int(pycurl.CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE)
