"""What is done once callers get the new version, and never before.

One file each: purge a CDN, start execution environments, delete old versions, run a command. They
run in the order in which ``poster wait`` is documented to run them; the first that fails ends it.
"""

from __future__ import annotations

from poster.errors import ACTION_FAILED, PosterError


class ActionError(PosterError):
    """An action was not done, or not all of it; the message says what is left."""

    exit_code = ACTION_FAILED
