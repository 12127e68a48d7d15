"""The base of every error that a user can do something about."""

from __future__ import annotations


class PosterError(Exception):
    """Its message is one sentence that names the cause and the way out."""
