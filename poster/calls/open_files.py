"""Room for connections: each call in flight has one, and each is an open file of this process.

A process that may open no more fails calls by itself, and a history would hold it against the
service. So room is made before the first call, as far as the system lets a process raise its own
limit, or it is said that there is none.
"""

from __future__ import annotations

import resource

from poster.errors import PosterError

SPARE = 64  # what poster itself has open, and name look-ups


class TooFewOpenFilesError(PosterError):
    """The system lets us open too few files; the message says how many it takes."""


def make_room(connections: int = 0) -> None:
    """Let this process hold that many connections. Raises TooFewOpenFilesError."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + SPARE
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    except (ValueError, OSError):
        raise TooFewOpenFilesError(
            f"this takes {needed} open files, and the system allows {hard}:"
            f" raise the limit (ulimit -n {needed}), or have fewer calls at once"
        ) from None
