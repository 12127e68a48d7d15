"""Who may talk to what we listen on: programs on this machine, never a web page. Pure.

Loopback is no wall: any page that the user has open can send requests to 127.0.0.1, and a name of
the page's own may resolve to it. But a browser says who asks, in headers that no page can take
away, and no page can send a header that nobody here allows. So what we listen on refuses what
carries a browser's header or another name than loopback's; and the local AWS, which runs code,
also whoever does not carry its *token*: the session token with which its clients sign.

Left open without the token are the APIs that are deployed, as on AWS, and two URLs that
CloudFormation gives to functions, each with a secret of its own.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from urllib.parse import parse_qsl

FORBIDDEN = 403
_BROWSERS = re.compile(r"origin|referer|sec-.*|access-control-request-.*", re.IGNORECASE)
_LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?", re.IGNORECASE)
_TOKEN = "X-Amz-Security-Token"
_OPEN = re.compile(
    r"/restapis/[^/]+/[^/]+/_user_request_(/.*)?|/_ministack/cfn-(response|signal)/[^/]+"
)


def token_header(token: str) -> dict[str, str]:
    """Return what a client that does not sign sends to the local AWS."""
    return {_TOKEN: token}


def refusal(headers: Iterable[tuple[str, str]]) -> str | None:
    """Return why a request with these headers is refused, as one sentence; None if it is not."""
    hosts = []
    for name, value in headers:
        if _BROWSERS.fullmatch(name):
            return f"requests of web pages are refused here, and this one has the header {name}"
        if name.lower() == "host":
            hosts.append(value)
    if len(hosts) != 1 or not _LOOPBACK.fullmatch(hosts[0]):
        return "only requests to 127.0.0.1 or localhost are answered here"
    return None


def refusal_without_token(
    headers: Iterable[tuple[str, str]], path: str, query: str, token: str
) -> str | None:
    """Return why the local AWS refuses a request, as one sentence; None if it does not."""
    pairs = list(headers)
    why = refusal(pairs)
    if why or _OPEN.fullmatch(path):
        return why
    # The token stands in a presigned URL's query; its name is in small letters in an old one's.
    offered = [value for name, value in pairs + parse_qsl(query) if name.lower() == _TOKEN.lower()]
    if any(hmac.compare_digest(each.encode(), token.encode()) for each in offered):
        return None
    return "this local AWS wants the session token that it was started with: paste its exports"
