"""What is installed only where it is asked for: which extra brings a library, and how to get it.

The base install waits, runs and posts. Judging and drawing come with ``report``, the local AWS
with ``local``. Who needs a library that is not there is told the one command that brings it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager

from poster.errors import PosterError

DISTRIBUTION = "deploy-poster"
_LIBRARIES = {
    "report": ("polars", "numpy", "scipy", "altair", "jinja2", "markupsafe", "vl_convert"),
    "local": ("ministack", "samtranslator", "aiohttp", "yaml", "uv"),
}


class MissingExtraError(PosterError):
    """A library of an extra is not installed; the message is the command that brings it."""


def require(extra: str, for_what: str) -> None:
    """Raise MissingExtraError, saying what it is needed for, where the extra is not installed."""
    for name in _LIBRARIES[extra]:
        if importlib.util.find_spec(name) is None:
            raise _error(extra, for_what, name)


@contextmanager
def named_for(what: str) -> Iterator[None]:
    """Raise MissingExtraError for a failed import of what an extra would have brought."""
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        for extra, brought in _LIBRARIES.items():
            if module in brought:
                raise _error(extra, what, module) from error
        raise


def _error(extra: str, for_what: str, module: str) -> MissingExtraError:
    return MissingExtraError(
        f"{for_what} needs {module}, which is not installed: pip install '{DISTRIBUTION}[{extra}]'"
    )
