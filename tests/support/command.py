"""``poster`` as a user types it, in this process: a start of its own takes a second of CPU."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from unittest import mock

from click.testing import CliRunner, Result

from poster.cli.main import main


def poster(folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Result:
    """Run a command in that folder; ``env`` is its whole environment, None this process's own.

    What a child of the command writes is not in the result.
    """
    environment = os.environ.copy() if env is None else env
    with contextlib.chdir(folder), mock.patch.dict(os.environ, environment, clear=True):
        result = CliRunner().invoke(main, arguments)
    if not isinstance(result.exception, SystemExit | None):
        raise result.exception  # what a user would see as a trace
    return result
