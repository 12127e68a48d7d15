"""Which release answered, for APIs that do not say it the way the todo API does. Pure.

A *source* names a place in an answer, in one of four notations:

    header:NAME      a response header
    json:/pointer    a string or number in a JSON body (RFC 6901)
    regex:PATTERN    the first group, or the whole match, in the body
    sha256           the body itself, as a short hash

A place that is not there gives None and changes no outcome.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

from poster.calls.answer import Answer, printable
from poster.errors import USAGE, PosterError

HASH_CHARS = 12
MAX_CHARS = 200  # of a version or marker: rows stay small whatever the pattern matches


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """A place in an answer, and what reads it out of the header block and the body."""

    notation: str
    read: Callable[[bytes, bytes], str | None]

    def __call__(self, headers: bytes, body: bytes) -> str | None:
        """Return what stands there, or None."""
        return self.read(headers, body)


class SourceError(PosterError):
    """The notation of a source makes no sense."""

    exit_code = USAGE


@dataclasses.dataclass(frozen=True, slots=True)
class Attribution:
    """Where an answer names its release; None: where the todo API does."""

    version_from: Source | None = None
    marker_from: Source | None = None

    def apply(self, answer: Answer, headers: bytes, body: bytes) -> Answer:
        """Return the answer with what the sources say."""
        if self.version_from is not None:
            answer = answer._replace(function_version=self.version_from(headers, body))
        if self.marker_from is not None:
            answer = answer._replace(marker=self.marker_from(headers, body))
        return answer


TODO_ATTRIBUTION = Attribution()


class Header:
    """A header's value, read from what came before the body of an answer.

    Octets outside ASCII are read as ISO 8859-1, which no octet breaks.
    """

    def __init__(self, name: str) -> None:
        self._key = b"\r\n" + name.lower().encode("ascii") + b":"

    def __call__(self, headers: bytes, body: bytes) -> str | None:
        """Return the value, or None."""
        block = last_block(headers)
        return self.within(block, block.lower())

    def within(self, block: bytes, lowered: bytes) -> str | None:
        """Return the value in a block of headers, which stands here in lower case too, or None."""
        at = lowered.find(self._key)
        if at < 0:
            return None
        start = at + len(self._key)
        return block[start : block.find(b"\r\n", start)].decode("latin-1").strip()


def last_block(headers: bytes) -> bytes:
    """Return the headers of the last of several answers: of the 200 that comes after a 103."""
    return headers[max(0, headers.rfind(b"\r\n\r\nHTTP/")) :]


def parse_source(notation: str) -> Source:
    """Return the source that the notation names. Raises SourceError."""
    return Source(notation, _reader(notation))


def _reader(notation: str) -> Callable[[bytes, bytes], str | None]:
    kind, _, place = notation.partition(":")
    if kind == "header" and re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", place):
        named = Header(place)
        return lambda headers, body: _short(named(headers, body))
    if kind == "json" and (place == "" or place.startswith("/")):
        steps = [step.replace("~1", "/").replace("~0", "~") for step in place.split("/")[1:]]
        return lambda headers, body: _short(_pointed_at(body, steps))
    if kind == "regex" and place:
        try:
            pattern = re.compile(place)
        except re.error as error:
            raise SourceError(f"{notation} is no regular expression: {error}") from None
        return lambda headers, body: _short(_matched(pattern, body))
    if notation == "sha256":
        return lambda headers, body: hashlib.sha256(body).hexdigest()[:HASH_CHARS]
    raise SourceError(f"{notation} is none of header:NAME, json:/pointer, regex:PATTERN, sha256")


def _pointed_at(body: bytes, steps: list[str]) -> str | None:
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    for step in steps:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and re.fullmatch(r"[0-9]{1,9}", step):
            if int(step) >= len(value):
                return None
            value = value[int(step)]
        else:
            return None
    is_text_or_number = isinstance(value, str | int | float) and not isinstance(value, bool)
    return str(value) if is_text_or_number else None


def _matched(pattern: re.Pattern[str], body: bytes) -> str | None:
    match = pattern.search(body.decode("utf-8", "replace"))
    if match is None:
        return None
    found = match.group(1) if pattern.groups else match.group(0)
    return found if isinstance(found, str) else None


def _short(text: str | None) -> str | None:
    return None if text is None else printable(text)[:MAX_CHARS]
