"""Why an action ended ``poster wait``: they run in order, and the first that fails ends it."""

from __future__ import annotations

from poster.errors import ACTION_FAILED, PosterError


class ActionError(PosterError):
    """An action was not done, or not all of it; the message says what is left."""

    exit_code = ACTION_FAILED
