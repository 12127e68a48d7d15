"""URLs as they may be shown: whatever may be a key is left out, and says so. Pure.

A URL may hold secrets: a user and a password before the host, keys and signatures in its query.
Rows, reports, errors and the terminal show it as ``shown`` does; the whole one is for whoever calls
it. Left out of a query is what a parameter's name gives away (key, token, signature ...) and
whatever is as long as a key.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from urllib.parse import SplitResult, unquote, unquote_plus, urlsplit, urlunsplit

LEFT_OUT = "LEFT-OUT"
_SECRET_NAME = re.compile(
    r"key|token|secret|sig|pass|pwd|auth|cred|session|code|jwt|bearer|otp|\bpin\b|x-amz-",
    re.IGNORECASE,
)
_KEY_CHARS = 20  # a value this long may be a key, whatever its name
_SEPARATOR = re.compile(r"([&;])")
_ECHO_CHARS = 6  # shorter texts stand in answers by chance


def shown(url: str) -> str:
    """Return the URL with everything that may be a secret replaced by LEFT-OUT."""
    split = _split(url)
    if split is None or (not split.netloc and set(url) & set("@?#")):
        return LEFT_OUT
    user, at, host = split.netloc.rpartition("@")
    netloc = f"{LEFT_OUT}{at}{host}" if user else host
    query = "".join(_shown_parameter(each) for each in _SEPARATOR.split(split.query))
    # A fragment is for the caller alone, and never sent.
    return urlunsplit((split.scheme, netloc, split.path, query, ""))


def credentials(url: str) -> tuple[str, str | None, str | None]:
    """Return the URL without user and password, and these two."""
    split = urlsplit(url)
    host = split.netloc.rpartition("@")[2]
    bare = urlunsplit((split.scheme, host, split.path, split.query, ""))
    return bare, _unquoted(split.username), _unquoted(split.password)


def secrets_of(url: str, *values: str) -> tuple[str, ...]:
    """Return the texts that no answer may bring into a row: the URL's secrets and these values."""
    split = _split(url)
    found = [*values, *(_secrets_in(split) if split else ())]
    found += [word for value in values for word in value.split()]  # Bearer KEY
    # As JSON may write a slash.
    found += [text.replace("/", "\\/") for text in found]
    long_enough = {text for text in found if len(text) >= _ECHO_CHARS}
    return tuple(sorted(long_enough, key=len, reverse=True))


def without(octets: bytes, secrets: tuple[str, ...]) -> bytes:
    """Return what was answered, with the secrets that it repeats left out."""
    for secret in secrets:
        octets = octets.replace(secret.encode(), LEFT_OUT.encode())
    return octets


def _split(url: str) -> SplitResult | None:
    try:
        split = urlsplit(url)
        _ = split.port  # raises for a password that was taken for a port
    except ValueError:
        return None
    return split


def _is_secret(name: str, value: str) -> bool:
    return bool(value) and (len(value) >= _KEY_CHARS or bool(_SECRET_NAME.search(name)))


def _shown_parameter(parameter: str) -> str:
    name, equals, value = parameter.partition("=")
    if not equals:
        return LEFT_OUT if _is_secret("", name) else name
    return f"{name}={LEFT_OUT}" if _is_secret(unquote_plus(name), value) else parameter


def _secrets_in(split: SplitResult) -> Iterator[str]:
    user, password = _unquoted(split.username), _unquoted(split.password)
    yield from (text for text in (user, password, split.username, split.password) if text)
    if user:
        yield base64.b64encode(f"{user}:{password or ''}".encode()).decode()
    for parameter in _SEPARATOR.split(split.query):
        name, equals, value = parameter.partition("=")
        value = value if equals else name
        if _is_secret(unquote_plus(name) if equals else "", value):
            yield from (value, unquote_plus(value))


def _unquoted(text: str | None) -> str | None:
    return None if text is None else unquote(text)
