"""How a command ends: the exit codes, and the base of every error that a user can act on.

What a code means to a reader is said in ``poster.cli.exit_codes``.
"""

from __future__ import annotations

from typing import ClassVar

OK = 0
FAILED = 1
USAGE = 2
UNKNOWN = 3
DEPLOY_FAILED = 4
ERROR = 5
TIMED_OUT = 6
SUPERSEDED = 7
NOT_THERE = 8
NO_PERMISSION = 9
NO_ANSWER = 10
NO_VERSION = 11
ACTION_FAILED = 12
BROKEN = 13
NOTHING_NEW = 14
INTERRUPTED = 130


class PosterError(Exception):
    """Its message is one sentence that names the cause and the way out.

    A command that it ends has its exit code, whichever command that is.
    """

    exit_code: ClassVar[int] = ERROR
