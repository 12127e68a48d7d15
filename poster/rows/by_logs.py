"""Versions that Lambda's own log names, for calls whose answers do not. Pure.

Lambda writes a line when an invocation begins, with the request's id and the version. An answer
that came through a Function URL or Invoke carries the same id; other entrances give ids of their
own, and their calls stay unnamed.
"""

from __future__ import annotations

import json
import re

NAMED = "versions.jsonl"
VERSIONS_FROM = "versions_from"  # in the settings of a run that was read with it
# Of lines of text and of JSON; CloudWatch Logs finds them by it.
FILTER = '?"START RequestId:" ?"platform.start"'
_START = re.compile(r"START RequestId: (\S+) Version: (\S+)")


def version_in(message: str) -> tuple[str, str] | None:
    """Return request id and version of a line of the log; None for any other line."""
    if found := _START.match(message):
        return found[1], found[2]
    try:
        said = json.loads(message)
        if said["type"] == "platform.start":
            return str(said["record"]["requestId"]), str(said["record"]["version"])
    except (ValueError, KeyError, TypeError):
        pass
    return None
