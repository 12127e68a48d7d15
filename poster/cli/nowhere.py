"""Where a standard stream leads once nobody reads it any more."""

from __future__ import annotations

import contextlib
import os
from typing import IO


def lead_nowhere(stream: IO[str]) -> None:
    """Let the stream take all that follows: what nobody reads ends nothing."""
    with contextlib.suppress(OSError):  # a test's stream is no file
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
